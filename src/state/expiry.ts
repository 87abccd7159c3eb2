import type { Store, Write } from './store.ts'

/*
 * expires/<RFC 3339, UTC>/<key>   there beside each entry that is kept until that time only
 */
const prefix = 'expires/'
const timeLength = '2000-01-01T00:00:00.000Z'.length
const page = 64

/** What is kept until a time says so itself; a later write of the same entry may give it longer. */
export interface Expiring {
  /** RFC 3339 in UTC with milliseconds, as `toISOString` makes it. */
  readonly expiresAt: string
}

/** Puts an entry that `removeExpired` takes away after its time. Whoever reads it looks at `expiresAt` for himself. */
export function putExpiring(key: string, value: Expiring): Write[] {
  return [
    { put: key, value },
    { put: `${prefix}${value.expiresAt}/${key}`, value: true },
  ]
}

/** Removes what has expired, the oldest first, at most about `most` entries. Answers whether there is more. */
export async function removeExpired(store: Store, now: number, most: number): Promise<boolean> {
  const to = `${prefix}${new Date(now).toISOString()}`
  for (let left = most; left > 0; left -= page) {
    const due = await store.range({ from: prefix, to, limit: page })
    const removed = await Promise.all(due.map(({ key }) => remove(store, key, now)))
    // What somebody else is writing at this moment has time until the next call.
    if (due.length < page || removed.every((one) => !one)) return false
  }
  return true
}

async function remove(store: Store, index: string, now: number): Promise<boolean> {
  const key = index.slice(prefix.length + timeLength + 1)
  const entry = await store.get<Expiring>(key)
  const over = entry !== undefined && Date.parse(entry.value.expiresAt) <= now
  const { ok } = await store.commit({
    checks: over ? [{ key, version: entry.version }] : [],
    writes: [{ delete: index }, ...(over ? [{ delete: key }] : [])],
  })
  return ok
}
