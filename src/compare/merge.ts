import { fieldOf, type Value } from '../documents/value.ts'
import { carried } from './components.ts'
import type { StructuredFormat } from './content.ts'
import { withEdits, type Edit } from '../documents/edit.ts'
import { editsBetween } from './edits.ts'
import { brought, comparedOf, differing, type Part, type Sides } from './parts.ts'
import { itemOf } from './references.ts'
import type { PathRules } from './rules.ts'

/** Which side each part that was chosen is taken from, by its name. */
export type Chosen = ReadonlyMap<string, 'source' | 'target'>

/**
 * What makes the target's value the result: parts chosen from the source as it has them, all others as the target has them. A
 * method brings what it refers to; a component whose name means something else to what stays gets another name. Nothing when
 * the resource is absent on a side: it is then written or removed whole.
 */
export function mergedEdits(
  { source, target }: Sides<Value>,
  format: StructuredFormat,
  rules: PathRules,
  chosen: Chosen,
): readonly Edit[] {
  if (source === undefined || target === undefined) return []
  const parts = differing({ source, target }, format, rules)
  const taken = parts.filter(({ part }) => chosen.get(part) === 'source')
  if (taken.length === 0) return []
  const edits = taken.map(({ at, source: value }) => ({ at, value }))
  if (format === 'openapi-path') return carried(target, source, edits.map(inItem))
  if (format !== 'openapi') return edits
  const gone = goneWith(parts, taken, fieldOf(brought(source, target, rules), 'paths'))
  const others = edits.filter(({ at }) => !(at[0] === 'paths' && gone.has(at[1] ?? '')))
  return [...others, ...[...gone].map((path) => ({ at: ['paths', path], value: undefined }))]
}

/** Paths of which nothing is left, once these parts are taken: `paths` are those that shall be. */
function goneWith(parts: readonly Part[], taken: readonly Part[], paths: Value | undefined): Set<string> {
  const left = new Map<string, number>()
  const count = (some: readonly Part[], by: number): void => {
    for (const { at } of some)
      if (at[0] === 'paths' && at[1] !== undefined) left.set(at[1], (left.get(at[1]) ?? 0) + by)
  }
  count(parts, 1)
  count(taken, -1)
  return new Set([...left].flatMap(([path, more]) => (more === 0 && fieldOf(paths, path) === undefined ? [path] : [])))
}

function inItem({ at, value }: Edit): Edit {
  return { at: at.slice(1), value }
}

/**
 * What makes the target's value the source's, to the letter, with what is preserved and ignored as the target has it; a preserved
 * part that the target does not have is absent.
 */
export function overwritten(
  { source, target }: Sides<Value>,
  format: StructuredFormat,
  rules: PathRules,
): readonly Edit[] {
  if (source === undefined || target === undefined) return []
  const result = brought(comparedOf(source, format), comparedOf(target, format), rules)
  if (format !== 'openapi-path') return editsBetween(target, result)
  const [before, after] = [fieldOf(target, 'components'), fieldOf(source, 'components')]
  return [...editsBetween(itemOf(target), result, ['item']), ...editsBetween(before, after, ['components'])]
}

/** What both sides had when they were last made alike; known without a value: neither had it. */
export type BaseValue = { readonly known: false } | { readonly known: true; readonly value?: Value }

/**
 * What the base becomes: the source's value, with all that differs and was not chosen as the base has it. So what is equal on
 * both sides is common from now on, and so is what was decided, for whichever side. Unknown when no base is known and something
 * was not chosen: what that was is then still unknown. What the target owns may be in it, and never counts.
 */
export function rebased(
  { source, target, base }: Sides<Value>,
  format: StructuredFormat,
  rules: PathRules,
  baseKnown: boolean,
  chosen: Chosen,
): BaseValue {
  if (source === undefined) return { known: true }
  if (target === undefined) return { known: true, value: source }
  const left = differing({ source, target }, format, rules).filter(({ part }) => !chosen.has(part))
  if (left.length === 0) return { known: true, value: source }
  if (!baseKnown) return { known: false }
  const was = base === undefined ? undefined : asAtTarget(base, target, format, rules)
  const edits = left.map(({ at }) => ({ at, value: memberAt(was, at) }))
  const [whole] = edits
  if (whole?.at.length === 0) return base === undefined ? { known: true } : { known: true, value: base }
  // As it would be at the target: where that owns something, there is an object for what the base has beside it.
  const now = asAtTarget(source, target, format, rules)
  const all = format === 'openapi-path' ? carried(now, base, edits.map(inItem)) : edits
  return { known: true, value: withEdits(now, all) }
}

function asAtTarget(value: Value, target: Value, format: StructuredFormat, rules: PathRules): Value {
  const result = brought(comparedOf(value, format), comparedOf(target, format), rules)
  return format === 'openapi-path' ? withEdits(value, [{ at: ['item'], value: result }]) : result
}

function memberAt(value: Value | undefined, at: readonly string[]): Value | undefined {
  return at.reduce<Value | undefined>(fieldOf, value)
}
