import { isObject } from './schema.ts'

/** From one value into the next: names of members, indexes of items. */
export type Way = readonly string[]

export function pointerOf(way: Way): string {
  return way.map((token) => `/${token.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

export function wayOf(pointer: string): Way {
  const tokens = pointer.split('/').slice(1)
  return tokens.map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** A copy in which that is what `way` leads to; `undefined` takes it away. */
export function withAt(whole: unknown, way: Way, value: unknown): unknown {
  const [token, ...more] = way
  if (token === undefined) return value
  if (Array.isArray(whole))
    return whole.map((one: unknown, i) => (String(i) === token ? withAt(one, more, value) : one))
  const members: Record<string, unknown> = isObject(whole) ? { ...whole } : {}
  const made = withAt(members[token], more, value)
  if (made === undefined) delete members[token]
  else members[token] = made
  return members
}

export function isSame(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((one, i) => isSame(one, b[i]))
  if (!isObject(a) || !isObject(b) || Array.isArray(a) || Array.isArray(b)) return a === b
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((name) => isSame(a[name], b[name]))
}

/** What somebody has made of `base`, with what I have made of it on top. Lists are taken as a whole. */
export function rebased(base: unknown, mine: unknown, theirs: unknown): unknown {
  if (isSame(base, mine)) return theirs
  if (!isObject(base) || !isObject(mine) || !isObject(theirs)) return mine
  const made: Record<string, unknown> = {}
  for (const name of new Set([...Object.keys(theirs), ...Object.keys(mine)])) {
    const value = rebased(base[name], mine[name], theirs[name])
    if (value !== undefined) made[name] = value
  }
  return made
}

/** Makes another draft out of the one that is there at that moment. */
export type Edit = (change: (draft: unknown) => unknown) => void
