/** Where the values of a YAML text stand, by its tokens. */
import { CST } from 'yaml'
import { isNumber, type Value } from '../value.ts'
import { parseYaml } from '../yaml.ts'

export type Token = CST.Token
type Mark = CST.SourceToken

/** Where a value stands, or would stand. */
export interface Place {
  /** Absent for what is left out, which is null. */
  readonly token: Token | undefined
  /** What it lies in: the text, a pair or a list written as a block, or anything between brackets. */
  readonly within: 'text' | 'pair' | 'item' | 'flow'
  /** Where the pair or item begins; the value itself where it is in none. */
  readonly outer: number
  /** Behind the `:` or `-`. */
  readonly from: number
  /** Where its last character is, comments left aside. */
  readonly end: number
  /** On the line of its `:` or `-`, between that and the value. */
  readonly comment: Mark | undefined
  readonly anchor: string | undefined
}

/** A pair or an item of a collection. */
export interface Member {
  /** As our parser names it; undefined for what may be anything. */
  readonly name: string | undefined
  /** Where it begins, comments before it left aside. */
  readonly start: number
  /** Undefined for a key alone. */
  readonly place: Place | undefined
  /** Where it ends, comments behind it left aside. */
  readonly end: number
}

/** In the order of the text. */
export function membersOf(token: Token | undefined): Member[] {
  if (token?.type === 'block-map' || token?.type === 'block-seq')
    return token.items.flatMap((item, i) => blockMember(token, item, i))
  if (token?.type !== 'flow-collection') return []
  if (token.start.type === 'flow-map-start') return token.items.flatMap((item) => pairOf(item, 'flow'))
  const items = token.items.filter((item) => item.value !== undefined || item.key !== undefined)
  return items.flatMap((item, i) => itemOf(item, String(i), 'flow'))
}

function blockMember({ type }: Token, item: CST.CollectionItem, i: number): Member[] {
  return type === 'block-map' ? pairOf(item, 'pair') : itemOf(item, String(i), 'item')
}

function pairOf({ start, key, sep, value }: CST.CollectionItem, within: 'pair' | 'flow'): Member[] {
  const [first] = start.filter(isContent)
  const begin = first?.offset ?? key?.offset ?? sep?.find(isContent)?.offset
  if (begin === undefined) return []
  const hasProps = start.some(({ type }) => type === 'anchor' || type === 'tag')
  const name = hasProps ? undefined : nameOf(key)
  const colon = sep?.findIndex(({ type }) => type === 'map-value-ind') ?? -1
  if (sep === undefined || colon < 0) {
    const end = Math.max(...start.filter(isContent).map(endOfMark), key ? endOf(key) : 0)
    return [{ name, start: begin, place: undefined, end }]
  }
  const place = placeOf(sep.slice(colon + 1), value, { within, outer: begin, from: endOfMark(sep[colon] as Mark) })
  return [{ name, start: begin, place, end: place.end }]
}

function itemOf({ start, key, value }: CST.CollectionItem, name: string, within: 'item' | 'flow'): Member[] {
  // A pair in a list in brackets is an object by itself, which can only be written anew.
  if (key !== undefined) return [{ name, start: start[0]?.offset ?? 0, place: undefined, end: 0 }]
  const dash = start.findIndex(({ type }) => type === 'seq-item-ind')
  const marks = start.slice(dash + 1).filter(({ type }) => type !== 'comma')
  const first = marks.find(isContent)?.offset ?? value?.offset
  const from = dash < 0 ? first : endOfMark(start[dash] as Mark)
  if (from === undefined || (within === 'item' && dash < 0)) return []
  const outer = start[dash]?.offset ?? from
  const place = placeOf(marks, value, { within, outer, from })
  return [{ name, start: outer, place, end: place.end }]
}

/** `marks`: what stands between the indicator and the value. */
export function placeOf(
  marks: readonly Mark[],
  token: Token | undefined,
  { within, outer, from }: Pick<Place, 'within' | 'outer' | 'from'>,
): Place {
  const breaks = marks.findIndex(({ type }) => type === 'newline')
  const onLine = breaks < 0 ? marks : marks.slice(0, breaks)
  const end = Math.max(from, ...marks.filter(isContent).map(endOfMark), token === undefined ? 0 : endOf(token))
  return {
    ...{ token, within, outer, from, end },
    comment: onLine.find(({ type }) => type === 'comment'),
    anchor: marks.find(({ type }) => type === 'anchor')?.source.slice(1),
  }
}

function isContent({ type }: Mark): boolean {
  return !['space', 'newline', 'comment', 'comma'].includes(type)
}

function endOfMark({ offset, source }: Mark): number {
  return offset + source.length
}

/** Where the last character of a value is, comments and its last line end left aside. */
function endOf(token: Token): number {
  if (token.type === 'block-scalar') {
    const last = token.props.at(-1) as Mark | undefined
    const end = (last === undefined ? token.offset : endOfMark(last)) + token.source.length
    const eol = /\r?\n$/.exec(token.source === '' ? (last?.source ?? '') : token.source)?.[0].length ?? 0
    return end - eol
  }
  if (token.type === 'flow-collection') {
    const close = token.end.find(({ type }) => type === 'flow-map-end' || type === 'flow-seq-end')
    if (close === undefined) throw new Error('a bracket is not closed')
    return endOfMark(close)
  }
  if (token.type === 'block-map' || token.type === 'block-seq') {
    for (let i = token.items.length - 1; i >= 0; i--) {
      const [last] = blockMember(token, token.items[i] as CST.CollectionItem, i)
      if (last !== undefined) return last.end
    }
    return token.offset
  }
  return 'source' in token ? token.offset + token.source.length : token.offset
}

const plainName = /^[A-Za-z_/$][A-Za-z0-9_/$.{}-]*$/
const meant = /^(?:true|false|null|~|<<|\.inf|\.nan)$/i

function nameOf(key: Token | null | undefined): string | undefined {
  if (key?.type === 'single-quoted-scalar' || key?.type === 'double-quoted-scalar' || key?.type === 'block-scalar')
    return CST.resolveAsScalar(key, false)?.value
  if (key?.type !== 'scalar') return undefined
  const { source } = key
  if (plainName.test(source) && !meant.test(source)) return source
  if (source === '<<') return undefined
  const value: Value | undefined = parseYaml(source)
  if (typeof value === 'string') return value
  if (isNumber(value)) return value.value
  return value === null || typeof value === 'boolean' ? String(value) : undefined
}
