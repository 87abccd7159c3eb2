/** Members of plain objects, by the way to them: `auth/basic/password`. */

export function memberAt(value: unknown, way: string): unknown {
  let at: unknown = value
  for (const name of way.split('/')) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}

/** A copy with that member; undefined takes it out. Only for what is there, or for which all that it lies in is. */
export function withMemberAt<T extends object>(value: T, way: string, member: unknown): T {
  const [name = '', ...more] = way.split('/')
  const { [name]: own, ...rest } = value as Record<string, unknown>
  const made = more.length > 0 ? withMemberAt((own ?? {}) as object, more.join('/'), member) : member
  return (made === undefined ? rest : { ...value, [name]: made }) as T
}
