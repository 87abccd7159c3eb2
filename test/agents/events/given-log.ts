import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { EventHub } from '../../../src/agents/events/hub.ts'
import { eventsLog } from '../../../src/agents/events/events.ts'
import { RecentEvents } from '../../../src/agents/events/recent.ts'
import { logKey, type Store } from '../../../src/state/store.ts'
import { openTestHome } from '../../home.ts'

export interface GivenLog {
  readonly store: Store
  /** Keeps so little in memory that readers are often behind it. */
  readonly events: EventHub
  /** Appends so many events in one batch; the first of them is number `last + 1`. */
  append(count: number): Promise<void>
  /** Removes the oldest, up to this one. */
  remove(upTo: number): Promise<void>
}

/** A log of events over a real Store, and the hub that follows it. */
export async function givenLog(t: { after(fn: () => Promise<void>): void }): Promise<GivenLog> {
  const folder = await mkdtemp(join(tmpdir(), 'events.'))
  const home = await openTestHome(folder, pino({ level: 'silent' }))
  const { store } = home
  const events = new EventHub(new RecentEvents({ events: 6, chars: 10_000 }))
  // It goes on by itself.
  await events.open(store, () => undefined)
  t.after(async () => {
    await events.close()
    await home.work.close(0)
    await store.close()
    await home.leave()
    await rm(folder, { recursive: true })
  })
  let oldest = 1
  return {
    ...{ store, events },
    append: async (count) => {
      const value = { type: 'delivery.started', at: new Date().toISOString(), agent: 'a' }
      await store.commit({ writes: Array.from({ length: count }, () => ({ append: eventsLog, value })) })
    },
    remove: async (upTo) => {
      const keys = Array.from({ length: Math.max(0, upTo - oldest + 1) }, (_, i) => logKey(eventsLog, oldest + i))
      oldest = Math.max(oldest, upTo + 1)
      await store.commit({ writes: keys.map((key) => ({ delete: key })) })
    },
  }
}
