import { setTimeout as pause } from 'node:timers/promises'
import { isTransient } from '../../errors.ts'
import { below, type Store } from '../../state/store.ts'
import type { EventHub } from './hub.ts'
import { sequenceOf } from './pages.ts'
import { eventsLog, type LoggedEvent } from './events.ts'

/** How many events of those in memory are handed on at once. */
const most = 64
const retryMs = 1000

interface Parts {
  readonly store: Pick<Store, 'last' | 'range'>
  readonly events: EventHub
}

/** Where a reader of the log stands: behind the event of this number. */
export interface Place {
  readonly position: number
  /** It was not possible to go on where the reader was: `forgotten` events lie between, or the log never came so `far`. */
  readonly lost?: 'forgotten' | 'far'
  readonly era: number
}

/** What the reader gets next; its last position, also when nothing of it is to his taste, is where to go on. */
export type Tailed =
  | { readonly kind: 'lost'; readonly reason: 'forgotten' | 'far'; readonly position: number }
  | { readonly kind: 'events'; readonly events: readonly LoggedEvent[]; readonly position: number }

/** The place behind event number `after`, or now, where nobody is named or what comes behind it is not known. */
export async function placeOf({ store, events }: Parts, after?: number): Promise<Place> {
  const { era } = events.recent
  const last = await store.last(eventsLog)
  if (after === undefined || after === last) return { position: last, era }
  if (after > last) return { position: last, lost: 'far', era }
  const [next] = await store.range({ ...below(`${eventsLog}/`), limit: 1 })
  const oldest = next === undefined ? last + 1 : sequenceOf(next.key)
  return oldest > after + 1 ? { position: last, lost: 'forgotten', era } : { position: after, era }
}

/**
 * All events behind a place, in order, without gap or repeat, until the signal aborts: those of the past from the Store, page
 * by page, then those that come from memory. It holds no more than a page, however slowly it is read; a reader
 * who stands still falls back to the Store, and who finds that events were removed before he came to them is told so.
 * A Store that is away is waited for.
 */
export async function* tailEvents(parts: Parts, place: Place, signal: AbortSignal): AsyncGenerator<Tailed, void, void> {
  const { recent } = parts.events
  // Held before the Store is read: what comes while it is read is there afterwards.
  const release = recent.hold()
  try {
    for (let at = place; !signal.aborted;) {
      const { position } = at
      if (at.lost !== undefined) {
        yield { kind: 'lost', reason: at.lost, position }
        at = { position, era: at.era }
        continue
      }
      if (at.era !== recent.era) {
        at = await patiently(() => placeOf(parts, position), at, signal)
        continue
      }
      const held = recent.behind(position, most)
      if (held?.length === 0) {
        await recent.wait(signal)
        continue
      }
      const found = held ?? (await patiently(() => parts.events.pages.behind(parts.store, position), [], signal))
      const [first] = found
      const last = found.at(-1)
      if (first === undefined || last === undefined) {
        at = await patiently(() => placeOf(parts, position), at, signal)
        continue
      }
      if (first.sequence !== position + 1) {
        at = { ...(await patiently(() => placeOf(parts), at, signal)), lost: 'forgotten' }
        continue
      }
      yield { kind: 'events', events: found, position: last.sequence }
      at = { position: last.sequence, era: at.era }
    }
  } finally {
    release()
  }
}

/** Asks until there is an answer; `otherwise` when the signal aborts first. */
async function patiently<T>(ask: () => Promise<T>, otherwise: T, signal: AbortSignal): Promise<T> {
  while (!signal.aborted)
    try {
      return await ask()
    } catch (error) {
      if (!isTransient(error)) throw error
      await pause(retryMs, undefined, { signal }).catch(() => undefined)
    }
  return otherwise
}
