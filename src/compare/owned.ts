/**
 * What belongs to the target (`preserve`), and how a value of the source is brought to where it is. Two rules for what can have
 * no better one: a list that holds something preserved belongs to the target as a whole, since its items have no names by which
 * those of both sides could be told apart; and where the target owns something below a place at which the source has no object,
 * what is owned stays, and with it the objects around it.
 */
import { printJson } from '../documents/json.ts'
import { fieldOf, isFields, type Value } from '../documents/value.ts'
import { namesOf } from './edits.ts'
import { noRules, type PathRules } from './rules.ts'
import { pointerToken } from '../resources/schema.ts'

/**
 * The source's value with what is preserved as the target has it, and absent where the target has none; and with what is
 * ignored as the target has it, unless all around it is new.
 */
export function grafted(source: Value | undefined, target: Value | undefined, rules: PathRules): Value | undefined {
  return rules === noRules ? source : graft(source, target, rules, [])
}

function graft(
  source: Value | undefined,
  target: Value | undefined,
  rules: PathRules,
  at: readonly string[],
): Value | undefined {
  if (rules.preserved(at)) return target
  if (rules.ignored(at)) return target
  if (isList(source) && hasOwnedItem(source, rules, at)) return target
  if (source === undefined) return ownedIn(target, rules, at)
  if (isFields(source) && isFields(target)) {
    const members = namesOf(target, source).flatMap((name): [string, Value][] => {
      const member = graft(fieldOf(source, name), fieldOf(target, name), rules, [...at, name])
      return member === undefined ? [] : [[name, member]]
    })
    return Object.fromEntries(members)
  }
  const owned = ownedIn(target, rules, at)
  if (owned !== undefined) return owned
  if (!isList(source) || !isList(target)) return bare(source, rules, at)
  return source.map((item, i) => {
    const below = [...at, String(i)]
    const made = i < target.length ? graft(item, target[i], rules, below) : bare(item, rules, below)
    return made === undefined ? {} : made
  })
}

/** What is preserved of the target's value, and the objects that it lies in, with what is ignored in them. */
function ownedIn(target: Value | undefined, rules: PathRules, at: readonly string[]): Value | undefined {
  if (target === undefined || rules.preserved(at)) return target
  if (isList(target)) return holdsOwned(target, rules, at) ? target : undefined
  if (!isFields(target)) return undefined
  let owns = false
  const members = Object.entries(target).flatMap(([name, value]): [string, Value][] => {
    const below = [...at, name]
    const member = ownedIn(value, rules, below)
    owns ||= member !== undefined
    return member !== undefined ? [[name, member]] : rules.ignored(below) ? [[name, value]] : []
  })
  return owns ? Object.fromEntries(members) : undefined
}

/** The source's value without what it has where the target owns: undefined when nothing else is in it. */
function bare(source: Value, rules: PathRules, at: readonly string[]): Value | undefined {
  if (rules.preserved(at)) return undefined
  if (isList(source))
    return hasOwnedItem(source, rules, at)
      ? undefined
      : source.map((item, i) => bareItem(item, rules, [...at, String(i)]))
  if (!isFields(source)) return source
  const members = Object.entries(source).flatMap(([name, value]): [string, Value][] => {
    const member = bare(value, rules, [...at, name])
    return member === undefined ? [] : [[name, member]]
  })
  return members.length === 0 && Object.keys(source).length > 0 ? undefined : Object.fromEntries(members)
}

/** An item keeps its place, even with nothing in it. */
function bareItem(item: Value, rules: PathRules, at: readonly string[]): Value {
  const made = bare(item, rules, at)
  return made === undefined ? {} : made
}

/** Whether anything below is preserved. */
function holdsOwned(value: Value, rules: PathRules, at: readonly string[]): boolean {
  return membersOf(value).some(([name, member]) => {
    const below = [...at, name]
    return rules.preserved(below) || holdsOwned(member, rules, below)
  })
}

/** Whether an item of a list anywhere below is itself preserved: it could not be left out without moving the others. */
function hasOwnedItem(value: Value, rules: PathRules, at: readonly string[]): boolean {
  return membersOf(value).some(([name, member]) => {
    const below = [...at, name]
    return (isList(value) && rules.preserved(below)) || hasOwnedItem(member, rules, below)
  })
}

function membersOf(value: Value): [string, Value][] {
  if (isList(value)) return value.map((item, i) => [String(i), item])
  return isFields(value) ? Object.entries(value) : []
}

function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value)
}

/** All that the target owns, by JSON Pointer, as one line: the same before and after is the proof that it was left alone. */
export function ownedText(value: Value | undefined, rules: PathRules): string {
  const found: [string, Value][] = []
  const walk = (one: Value, at: readonly string[]): void => {
    if (rules.preserved(at) || (isList(one) && holdsOwned(one, rules, at))) {
      found.push([at.map((name) => `/${pointerToken(name)}`).join(''), one])
      return
    }
    if (isFields(one)) for (const [name, member] of Object.entries(one)) walk(member, [...at, name])
  }
  if (rules !== noRules && value !== undefined) walk(value, [])
  return printJson(Object.fromEntries(found))
}
