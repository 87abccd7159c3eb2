/** Edits of a YAML text, by the places of its values. */
import { Parser } from 'yaml'
import { fieldOf, isFields, type Value } from '../value.ts'
import { sameValue, type Change, type Touched } from './changes.ts'
import { unshared } from './yaml-anchors.ts'
import { membersOf, placeOf, type Member, type Place } from './yaml-places.ts'
import { addition, anew, removal, replacement } from './yaml-lines.ts'
import { spliced, type Splice } from './splices.ts'

/** Throws where the text is one that this cannot take apart. */
export function yamlEdited(text: string, { before, after, touched }: Change): string {
  const plain = unshared(text, rootOf(text), { before, after, touched })
  const walk = new Walk(plain)
  walk.visit(rootOf(plain), before, after, touched)
  return spliced(plain, walk.splices)
}

/** The one document. */
function rootOf(text: string): Place {
  for (const token of new Parser().parse(text)) {
    if (token.type !== 'document') continue
    const mark = token.start.findIndex(({ type }) => type === 'doc-start')
    const marks = token.start.slice(mark + 1)
    const first = marks.find(({ type }) => type === 'anchor' || type === 'tag')?.offset ?? token.value?.offset
    if (first !== undefined) return placeOf(marks, token.value, { within: 'text', outer: first, from: first })
  }
  throw new Error('no document')
}

class Walk {
  readonly splices: Splice[] = []
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  visit(place: Place, before: Value, after: Value, touched: Touched): void {
    if (sameValue(before, after)) return
    if (touched.isWhole) this.splices.push(replacement(this.#text, place, after))
    else if (!this.#inside(place, before, after, touched)) this.splices.push(anew(this.#text, place, after))
  }

  /** False, having done nothing, where the value as a whole must be written anew. */
  #inside({ token }: Place, before: Value, after: Value, touched: Touched): boolean {
    const members = membersOf(token)
    if (Array.isArray(before) && Array.isArray(after)) {
      const isList = token?.type === 'block-seq' || token?.type === 'flow-collection'
      if (!isList || before.length !== after.length || members.length !== before.length) return false
      const [olds, news] = [before as readonly Value[], after as readonly Value[]]
      const changed = [...touched.members].flatMap(([name, one]) => {
        const [old, next, place] = [olds[Number(name)], news[Number(name)], members[Number(name)]?.place]
        return old === undefined || next === undefined || sameValue(old, next) ? [] : [{ old, next, place, one }]
      })
      if (changed.some(({ place }) => place === undefined)) return false
      for (const { old, next, place, one } of changed) if (place !== undefined) this.visit(place, old, next, one)
      return true
    }
    if (!isFields(before) || !isFields(after)) return false
    if (token?.type === 'block-map') return this.#inMap(members, before, after, touched, true)
    return token?.type === 'flow-collection' && this.#inMap(members, before, after, touched, false)
  }

  #inMap(members: readonly Member[], before: Value, after: Value, touched: Touched, isBlock: boolean): boolean {
    const byName = new Map(members.map((member) => [member.name, member]))
    const gone = new Set<Member>()
    const added: [string, Value][] = []
    const changed: (() => void)[] = []
    for (const [name, one] of touched.members) {
      const [old, next, member] = [fieldOf(before, name), fieldOf(after, name), byName.get(name)]
      if (sameValue(old, next)) continue
      if (next === undefined) {
        // It may have come with others, by a merge.
        if (member === undefined) return false
        gone.add(member)
      } else if (old === undefined || member === undefined) added.push([name, next])
      else {
        const { place } = member
        if (place === undefined) return false
        changed.push(() => this.visit(place, old, next, one))
      }
    }
    const left = members.filter((member) => !gone.has(member))
    const last = left.at(-1)
    if (last === undefined || (!isBlock && gone.size + added.length > 0)) return false
    for (const change of changed) change()
    if (gone.size > 0) this.splices.push(...removal(this.#text, members, gone))
    if (added.length > 0) this.splices.push(addition(this.#text, members, last, added))
    return true
  }
}
