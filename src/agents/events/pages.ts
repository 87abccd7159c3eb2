import { setImmediate as breath } from 'node:timers/promises'
import { logKey, type Store } from '../../state/store.ts'
import { eventsLog, type LoggedEvent, type ReplicationEvent } from './events.ts'

/** How many events a page has, and how many pages are kept for whoever comes after. */
const pageSize = 64
const kept = 32

/**
 * The log of events, read from the Store by pages: once for all who read the same page at about the same time, for after a
 * restart all readers come back to about the same place. Page n has the numbers behind `n * pageSize`.
 */
export class EventPages {
  readonly #pages = new Map<number, Promise<readonly LoggedEvent[]>>()

  /** The next events behind the place, as far as its page goes; none where there are none yet, or no longer. */
  async behind(store: Pick<Store, 'range'>, position: number): Promise<readonly LoggedEvent[]> {
    const page = await this.#page(store, Math.floor(position / pageSize))
    return page.filter(({ sequence }) => sequence > position)
  }

  /** The log is another than before. */
  clear(): void {
    this.#pages.clear()
  }

  #page(store: Pick<Store, 'range'>, number: number): Promise<readonly LoggedEvent[]> {
    const known = this.#pages.get(number)
    if (known !== undefined) return known
    const reading = read(store, number)
    this.#pages.set(number, reading)
    // What is whole stays as it is; what may grow, or failed, is read again by the next.
    const forget = (): boolean => this.#pages.get(number) === reading && this.#pages.delete(number)
    reading.then((page) => page.length < pageSize && forget(), forget)
    for (const [oldest] of this.#pages) {
      if (this.#pages.size <= kept) break
      this.#pages.delete(oldest)
    }
    return reading
  }
}

async function read(store: Pick<Store, 'range'>, number: number): Promise<LoggedEvent[]> {
  // Also where the Store answers at once, the rest of the process has its turn between two pages.
  await breath()
  const first = number * pageSize + 1
  const range = { from: logKey(eventsLog, first), to: logKey(eventsLog, first + pageSize), limit: pageSize }
  const page = await store.range<ReplicationEvent>(range)
  return page.map(({ key, value }) => ({ sequence: sequenceOf(key), event: value }))
}

/** The number of the event at a key of the log. */
export function sequenceOf(key: string): number {
  return Number(key.slice(eventsLog.length + 1))
}
