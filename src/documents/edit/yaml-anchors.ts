import { valueAt } from '../pointers.ts'
import type { Value } from '../value.ts'
import { sameValue, type Change, type Touched } from './changes.ts'
import { spliced, type Splice } from './splices.ts'
import { replacement } from './yaml-lines.ts'
import { membersOf, type Place } from './yaml-places.ts'

/** Where a value stands that others refer to; undefined where it cannot be told. */
type Way = readonly string[] | undefined

interface Reference {
  readonly place: Place
  readonly to: Way
}

/**
 * The text, saying the same, in which nothing refers to what is to change: wherever something did, the value itself stands
 * instead.
 */
export function unshared(text: string, root: Place, { before, after, touched }: Change): string {
  if (!text.includes('*') || !text.includes('&')) return text
  const splices: Splice[] = []
  for (const { place, to } of referencesIn(root)) {
    const value = to && valueAt(before, to)
    if (to !== undefined && value !== undefined && changes(to, before, after, touched))
      splices.push(replacement(text, place, value))
  }
  return spliced(text, splices)
}

/** In the order of the text, in which a name may come to mean something else. */
function referencesIn(root: Place): Reference[] {
  const known = new Map<string, Way>()
  const references: Reference[] = []
  const walk = (place: Place, way: Way): void => {
    if (place.anchor !== undefined) known.set(place.anchor, way)
    const { token } = place
    if (token?.type === 'alias') references.push({ place, to: known.get(token.source.slice(1)) })
    // An anchor before the key of the first pair, on its line, is that of the key, which nobody edits.
    for (const { name, place: inner } of membersOf(token))
      if (inner !== undefined) walk(inner, way === undefined || name === undefined ? undefined : [...way, name])
  }
  walk(root, [])
  return references
}

/** Whether what stands there will be another, or be written anew. */
function changes(way: readonly string[], before: Value, after: Value, touched: Touched): boolean {
  let one: Touched | undefined = touched
  for (let depth = 0; one !== undefined; depth++) {
    const [old, next] = [valueAt(before, way.slice(0, depth)), valueAt(after, way.slice(0, depth))]
    if (sameValue(old, next)) return false
    if (one.isWhole || depth === way.length || next === undefined) return true
    one = one.members.get(way[depth] as string)
  }
  return false
}
