import { fieldOf, isFields, type Value } from '../value.ts'
import { sameValue, type Edit } from './changes.ts'

/** The smallest edits that make one value the other: whatever is the same on both sides is not touched. */
export function editsBetween(before: Value, after: Value, at: readonly string[] = []): Edit[] {
  if (sameValue(before, after)) return []
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    const olds = before as readonly Value[]
    return (after as readonly Value[]).flatMap((item, i) => editsBetween(olds[i] as Value, item, [...at, String(i)]))
  }
  if (!isFields(before) || !isFields(after)) return [{ at, value: after }]
  const gone = Object.keys(before).filter((name) => !Object.hasOwn(after, name))
  return [
    ...gone.map((name) => ({ at: [...at, name], value: undefined })),
    ...Object.entries(after).flatMap(([name, member]) => {
      const old = fieldOf(before, name)
      return old === undefined ? [{ at: [...at, name], value: member }] : editsBetween(old, member, [...at, name])
    }),
  ]
}
