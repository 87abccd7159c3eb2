import type { Receipt } from '../endpoints/endpoint.ts'
import { below, scan, type Store, type Write } from '../state/store.ts'
import { totalKey } from './commands/records.ts'

/*
 * throughput/<agent>/<hour>/<what>   counters; the hour in UTC: 2026-11-22T17
 *
 * Each of them is a counter by itself, for those who deliver at the same time must not wait for each other.
 */
const prefix = 'throughput/'
const counted = ['delivered', 'failed', 'entries', 'bytes'] as const
type Counted = (typeof counted)[number]
const hourKey = (agent: string, hour: string, what: Counted): string => `${prefix}${agent}/${hour}/${what}`

const hourMs = 3_600_000
/** So long an hour is kept. */
const keptMs = 7 * 24 * hourMs
export const maxHours = keptMs / hourMs
/** So many hours a summary shows. */
const shownHours = 12

/** What was done in one hour, which began `at`. */
export type HourOfWork = Readonly<Record<Counted, number>> & { readonly at: string }

/** The writes that count a delivery; they belong into the batch that ends it. */
export function countDelivered(agent: string, { entries, bytes }: Pick<Receipt, 'entries' | 'bytes'>): Write[] {
  const hour = hourOf(Date.now())
  const add = (what: Counted, amount: number): Write[] =>
    amount === 0 ? [] : [{ add: hourKey(agent, hour, what), amount }]
  return [
    { add: totalKey(agent, 'delivered'), amount: 1 },
    ...[...add('delivered', 1), ...add('entries', entries), ...add('bytes', bytes)],
  ]
}

/** The same of a try that has failed. */
export function countFailed(agent: string): Write[] {
  return [
    { add: totalKey(agent, 'failedAttempts'), amount: 1 },
    { add: hourKey(agent, hourOf(Date.now()), 'failed'), amount: 1 },
  ]
}

/** The last hours, oldest first, with the one that is not over yet; also those in which nothing was done. */
export async function throughputOf(
  store: Store,
  agent: string,
  hours: number,
  now = Date.now(),
): Promise<HourOfWork[]> {
  const all = hoursUntil(now, hours)
  const found = new Map<string, number>()
  const range = { from: `${prefix}${agent}/${all[0] ?? ''}`, to: below(`${prefix}${agent}/`).to }
  for await (const { key, value } of scan<number>(store, range)) found.set(key, value)
  return all.map((hour) => {
    const count = (what: Counted): number => found.get(hourKey(agent, hour, what)) ?? 0
    return {
      at: `${hour}:00:00.000Z`,
      ...{ delivered: count('delivered'), failed: count('failed'), entries: count('entries'), bytes: count('bytes') },
    }
  })
}

/** The keys of what was delivered in each of the last hours, oldest first. */
export function deliveredKeys(agent: string, now = Date.now()): string[] {
  return hoursUntil(now, shownHours).map((hour) => hourKey(agent, hour, 'delivered'))
}

/** Forgets the hours that are no longer kept, of deleted agents too. */
export async function forgetThroughput(store: Store, now: number): Promise<void> {
  const oldest = hourOf(now - keptMs)
  const all = below(prefix)
  for (let { from } = all; ;) {
    const [first] = await store.range({ from, to: all.to, limit: 1 })
    if (first === undefined) return
    const [, agent = ''] = first.key.split('/')
    const own = below(`${prefix}${agent}/`)
    for (;;) {
      const due = await store.range({ from: own.from, to: `${own.from}${oldest}`, limit: 500 })
      if (due.length === 0) break
      await store.commit({ writes: due.map(({ key }) => ({ delete: key })) })
    }
    from = own.to
  }
}

function hourOf(time: number): string {
  return new Date(time).toISOString().slice(0, '2026-11-22T17'.length)
}

function hoursUntil(now: number, hours: number): string[] {
  return Array.from({ length: hours }, (_, i) => hourOf(now - (hours - 1 - i) * hourMs))
}
