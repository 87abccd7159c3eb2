/** Edits of a JSON text, by the places of its values. */
import { parseTree, type Node, type ParseError } from 'jsonc-parser'
import { sortedNames } from '../json.ts'
import { fieldOf, isFields, isNumber, type Value } from '../value.ts'
import { sameValue, type Touched } from './changes.ts'
import { eolOf, lineStart, type Splice } from './splices.ts'

interface Layout {
  readonly eol: string
  /** One step of indentation; undefined when all is on one line. */
  readonly indent: string | undefined
}

/** The text in the form that `layout` has, its lines after the first behind `pad`. */
function printed(value: Value, { eol, indent }: Layout, pad: string): string {
  if (isNumber(value)) return value.value
  if (typeof value === 'string') return quoted(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const inner = indent === undefined ? '' : pad + indent
  const isList = Array.isArray(value)
  const members = isList
    ? (value as readonly Value[]).map((item) => printed(item, { eol, indent }, inner))
    : isFields(value)
      ? sortedNames(value).map((name) => `${quoted(name)}: ${printed(value[name] as Value, { eol, indent }, inner)}`)
      : []
  const [open, close] = isList ? '[]' : '{}'
  if (members.length === 0) return `${open}${close}`
  if (indent === undefined) return `${open}${members.join(', ')}${close}`
  return `${open}${eol}${members.map((member) => inner + member).join(`,${eol}`)}${eol}${pad}${close}`
}

/** What other readers take for the end of a line is escaped; letters stay as they are. */
function quoted(text: string): string {
  return JSON.stringify(text).replaceAll(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** As people write it: on many lines, two spaces a step. */
export function printIndented(value: Value): string {
  return `${printed(value, { eol: '\n', indent: '  ' }, '')}\n`
}

/** Throws where the text is no plain JSON. */
export function jsonSplices(text: string, before: Value, after: Value, touched: Touched): Splice[] {
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { disallowComments: true })
  if (root === undefined || errors.length > 0) throw new Error('no plain JSON')
  const indent = /\n([ \t]+)\S/.exec(text)?.[1] ?? (text.trimEnd().includes('\n') ? '' : undefined)
  const walk = new Walk(text, { eol: eolOf(text), indent })
  walk.visit(root, before, after, touched)
  return walk.splices
}

class Walk {
  readonly splices: Splice[] = []
  readonly #text: string
  readonly #layout: Layout

  constructor(text: string, layout: Layout) {
    this.#text = text
    this.#layout = layout
  }

  visit(node: Node, before: Value, after: Value, touched: Touched): void {
    if (sameValue(before, after)) return
    if (touched.isWhole || !this.#inside(node, before, after, touched)) {
      const pad = this.#padAt(node.offset)
      this.splices.push({ from: node.offset, to: endOf(node), text: printed(after, this.#layout, pad) })
    }
  }

  /** False, having done nothing, where the value as a whole must be written anew. */
  #inside(node: Node, before: Value, after: Value, touched: Touched): boolean {
    if (Array.isArray(before) && Array.isArray(after)) {
      if (before.length !== after.length) return false
      const [olds, news] = [before as readonly Value[], after as readonly Value[]]
      for (const [name, one] of touched.members) {
        const [item, old, next] = [node.children?.[Number(name)], olds[Number(name)], news[Number(name)]]
        if (item !== undefined && old !== undefined && next !== undefined) this.visit(item, old, next, one)
      }
      return true
    }
    if (!isFields(before) || !isFields(after)) return false
    const properties = (node.children ?? []).map((property) => ({ property, name: nameOf(property) }))
    const byName = new Map(properties.map(({ property, name }) => [name, property]))
    if (byName.size !== properties.length) return false
    const gone = new Set<string>()
    const added: [string, Value][] = []
    const kept: (() => void)[] = []
    for (const [name, one] of touched.members) {
      const [old, next, value] = [fieldOf(before, name), fieldOf(after, name), byName.get(name)?.children?.[1]]
      if (next === undefined) gone.add(name)
      else if (old === undefined || value === undefined) added.push([name, next])
      else kept.push(() => this.visit(value, old, next, one))
    }
    const left = properties.filter(({ name }) => !gone.has(name))
    const last = left.at(-1)?.property
    if (last === undefined) return false
    for (const visit of kept) visit()
    this.#remove(properties, gone)
    this.#add(last, added)
    return true
  }

  #remove(properties: readonly { property: Node; name: string }[], gone: ReadonlySet<string>): void {
    let hasKept = false
    for (const [i, { property, name }] of properties.entries()) {
      if (!gone.has(name)) {
        hasKept = true
        continue
      }
      const [previous, next] = [properties[i - 1], properties[i + 1]]
      if (hasKept && previous !== undefined)
        this.splices.push({ from: endOf(previous.property), to: endOf(property), text: '' })
      else if (next !== undefined) this.splices.push({ from: property.offset, to: next.property.offset, text: '' })
    }
  }

  #add(last: Node, members: readonly [string, Value][]): void {
    const start = lineStart(this.#text, last.offset)
    const before = this.#text.slice(start, last.offset)
    const isAlone = this.#layout.indent !== undefined && /^[ \t]*$/.test(before)
    const [between, pad] = isAlone ? [`,${this.#layout.eol}${before}`, before] : [', ', this.#padAt(last.offset)]
    const layout = isAlone ? this.#layout : { ...this.#layout, indent: undefined }
    const text = members.map(([name, value]) => `${between}${quoted(name)}: ${printed(value, layout, pad)}`).join('')
    if (text !== '') this.splices.push({ from: endOf(last), to: endOf(last), text })
  }

  /** What the line begins with. */
  #padAt(offset: number): string {
    const start = lineStart(this.#text, offset)
    return /^[ \t]*/.exec(this.#text.slice(start, offset))?.[0] ?? ''
  }
}

function endOf({ offset, length }: Node): number {
  return offset + length
}

function nameOf(property: Node): string {
  return String(property.children?.[0]?.value)
}
