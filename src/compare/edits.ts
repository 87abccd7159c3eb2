import type { Edit } from '../documents/edit.ts'
import { printJson } from '../documents/json.ts'
import { fieldOf, isFields, type Fields, type Value } from '../documents/value.ts'

/** What makes `to` of `from`: the outermost members that are not written alike. */
export function editsBetween(from: Value | undefined, to: Value | undefined, at: readonly string[] = []): Edit[] {
  const edits: Edit[] = []
  const trail = [...at]
  const walk = (one: Value | undefined, other: Value | undefined): void => {
    if (one === other) return
    if (isFields(one) && isFields(other)) {
      for (const name of namesOf(one, other)) {
        trail.push(name)
        walk(fieldOf(one, name), fieldOf(other, name))
        trail.pop()
      }
    } else if (one === undefined || other === undefined || printJson(one) !== printJson(other))
      edits.push({ at: [...trail], value: other })
  }
  walk(from, to)
  return edits
}

/** Names of either, each once. */
export function namesOf(one: Fields, other: Fields): string[] {
  const more = Object.keys(other).filter((name) => !Object.hasOwn(one, name))
  return [...Object.keys(one), ...more]
}
