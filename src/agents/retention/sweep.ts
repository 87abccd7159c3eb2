import { below, type Store } from '../../state/store.ts'
import { eventsLog } from '../events/events.ts'

/** Events that are kept for whoever comes back. */
const keptEvents = 100_000
const batch = 1000

/** Forgets the oldest events. */
export async function trimEvents(store: Store, kept = keptEvents): Promise<void> {
  const last = await store.last(eventsLog)
  for (;;) {
    const oldest = await store.range({ ...below(`${eventsLog}/`), limit: batch })
    const gone = oldest.filter(({ key }) => Number(key.slice(eventsLog.length + 1)) <= last - kept)
    if (gone.length === 0) return
    await store.commit({ writes: gone.map(({ key }) => ({ delete: key })) })
    if (gone.length < batch) return
  }
}
