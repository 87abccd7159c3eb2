/** Members of documents, by JSON Pointers (RFC 6901) as lists of names. */
import { fieldOf, isFields, type Fields, type Value } from './value.ts'

export function tokensOf(pointer: string): string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
}

export function valueAt(value: Value, tokens: readonly string[]): Value | undefined {
  let at: Value | undefined = value
  for (const name of tokens) at = memberOf(at, name)
  return at
}

/** A copy without that member; elements of lists stay, for all behind them would be others. */
export function withoutMember(value: Value, [name, ...more]: readonly string[]): Value {
  if (name === undefined || memberOf(value, name) === undefined) return value
  if (more.length > 0) return replaced(value, name, withoutMember(memberOf(value, name) ?? null, more))
  if (!isFields(value)) return value
  const { [name]: _, ...rest } = value
  return rest
}

/** A copy with that member; what it would be in is made where it is not there. */
export function withMember(value: Value, [name, ...more]: readonly string[], member: Value): Value {
  if (name === undefined) return member
  return replaced(value, name, withMember(memberOf(value, name) ?? {}, more, member))
}

function memberOf(value: Value | undefined, name: string): Value | undefined {
  if (Array.isArray(value)) return /^(?:0|[1-9]\d*)$/.test(name) ? (value as readonly Value[])[Number(name)] : undefined
  return fieldOf(value, name)
}

function replaced(value: Value, name: string, member: Value): Value {
  if (Array.isArray(value)) return value.map((item: Value, i) => (String(i) === name ? member : item))
  if (!isFields(value)) return value
  // Not by assignment: a member may be called `__proto__`.
  return Object.fromEntries([...Object.entries(value).filter(([other]) => other !== name), [name, member]]) as Fields
}
