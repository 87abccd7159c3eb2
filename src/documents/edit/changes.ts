/** What edits come to, as values: what a text says afterwards, and where that differs from what it says. */
import { fieldOf, isFields, isNumber, type Fields, type Value } from '../value.ts'

export interface Edit {
  /** The names on the way, as a JSON Pointer has them. */
  readonly at: readonly string[]
  /** Undefined takes the member away. */
  readonly value: Value | undefined
}

/** The members that edits name, and those on the way to them. */
export interface Touched {
  /** An edit names just this one. */
  readonly isWhole: boolean
  readonly members: ReadonlyMap<string, Touched>
}

/** What a text says, and what it is to say. */
export interface Change {
  readonly before: Value
  readonly after: Value
  readonly touched: Touched
}

interface Growing {
  isWhole: boolean
  readonly members: Map<string, Growing>
}

export function touchedBy(edits: readonly Edit[]): Touched {
  const root: Growing = { isWhole: false, members: new Map() }
  for (const { at } of edits) {
    let one = root
    for (const name of at) {
      let next = one.members.get(name)
      if (next === undefined) one.members.set(name, (next = { isWhole: false, members: new Map() }))
      one = next
    }
    one.isWhole = true
  }
  return root
}

/**
 * The same as `withMember` and `withoutMember` one after the other, but copying each object only once. Objects on the way
 * are made where they are not there; nothing is made in what is neither object nor list, and lists keep their length.
 */
export function withEdits(value: Value, edits: readonly Edit[]): Value {
  const own = new Set<Value>()
  let root = value
  for (const edit of edits) root = changed(root, edit, 0, own)
  return root
}

function changed(value: Value, edit: Edit, depth: number, own: Set<Value>): Value {
  const name = edit.at[depth]
  if (name === undefined) return edit.value ?? (edit.value === null ? null : value)
  const isLast = depth === edit.at.length - 1
  if (Array.isArray(value)) {
    const items = value as readonly Value[]
    const at = /^(?:0|[1-9]\d*)$/.test(name) ? Number(name) : items.length
    if (at >= items.length || (isLast && edit.value === undefined)) return value
    const copy = own.has(value) ? (items as Value[]) : owned([...items], own)
    copy[at] = changed(
      edit.value === undefined ? (items[at] as Value) : (items[at] ?? owned({}, own)),
      edit,
      depth + 1,
      own,
    )
    return copy
  }
  if (!isFields(value)) return value
  const member = fieldOf(value, name)
  if (edit.value === undefined) {
    if (member === undefined) return value
    const copy = copyOf(value, own)
    if (isLast) delete copy[name]
    else put(copy, name, changed(member, edit, depth + 1, own))
    return copy
  }
  const copy = copyOf(value, own)
  put(copy, name, changed(member ?? owned({}, own), edit, depth + 1, own))
  return copy
}

function copyOf(fields: Fields, own: Set<Value>): Record<string, Value> {
  return own.has(fields) ? (fields as Record<string, Value>) : owned(Object.fromEntries(Object.entries(fields)), own)
}

function owned<V extends Value>(value: V, own: Set<Value>): V {
  own.add(value)
  return value
}

/** Not by assignment: a member may be called `__proto__`. */
function put(fields: Record<string, Value>, name: string, value: Value): void {
  Object.defineProperty(fields, name, { value, writable: true, enumerable: true, configurable: true })
}

/** Whether both say the same: names in any order, each number as it is written. */
export function sameValue(one: Value | undefined, other: Value | undefined): boolean {
  if (one === other) return true
  if (isNumber(one)) return isNumber(other) && one.value === other.value
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false
    const others = other as readonly Value[]
    return (one as readonly Value[]).every((item, i) => sameValue(item, others[i]))
  }
  if (!isFields(one) || !isFields(other)) return false
  const names = Object.keys(one)
  if (names.length !== Object.keys(other).length) return false
  return names.every((name) => Object.hasOwn(other, name) && sameValue(one[name], other[name]))
}
