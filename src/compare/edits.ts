import { printJson } from '../documents/json.ts'
import { fieldOf, isFields, type Fields, type Value } from '../documents/value.ts'

/** One member as it shall be. */
export interface Edit {
  /** Tokens of a JSON Pointer; none is the whole. Never into a list: lists are replaced whole. */
  readonly at: readonly string[]
  /** Undefined: it is taken away. */
  readonly value: Value | undefined
}

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

/** What is below a member: itself replaced, or some members of its own. */
interface Branch {
  edit?: Edit
  readonly members: Map<string, Branch>
}

/**
 * A copy with all of the edits, of which a later one wins. As `withMember` and `withoutMember` one after the other, but in time
 * that grows with the document and the edits and not with one times the other. The whole cannot be taken away.
 */
export function withEdits(value: Value, edits: readonly Edit[]): Value {
  const root: Branch = { members: new Map() }
  for (const edit of edits) {
    let branch = root
    for (const name of edit.at) {
      const known = branch.members.get(name)
      if (known === undefined) branch.members.set(name, (branch = { members: new Map() }))
      else branch = known
    }
    branch.edit = edit
    branch.members.clear()
  }
  const result = applied(value, root)
  return result === undefined ? value : result
}

function applied(value: Value | undefined, { edit, members }: Branch): Value | undefined {
  const start = edit === undefined ? value : edit.value
  if (members.size === 0) return start
  const isEmpty = start === undefined || start === null
  if (!isEmpty && !isFields(start)) return start
  const made = new Map(Object.entries(start ?? {}))
  for (const [name, branch] of members) {
    const member = applied(made.get(name), branch)
    if (member === undefined) made.delete(name)
    else made.set(name, member)
  }
  // What was not there is not made for the sake of something to be taken away.
  return made.size === 0 && isEmpty ? start : (Object.fromEntries(made) as Fields)
}
