import { below, type Store } from '../state/store.ts'
import { eventsLog } from './events.ts'
import type { Parts } from './parts.ts'
import { packageKey } from './records.ts'

/** Events that are kept for whoever comes back. */
const keptEvents = 100_000
const batch = 1000

/**
 * How long bytes without a record are left alone: packages are written before the record that refers to them, the first part of
 * a large tree long before, and one that was deleted may be made again at this very moment.
 */
const graceMs = 24 * 3_600_000

/** Removes the bytes of packages that no record knows: deleted ones, and what a crash left behind. */
export async function sweepPackages({ store, packages }: Pick<Parts, 'store' | 'packages'>): Promise<void> {
  const unusedSince = Date.now() - graceMs
  for await (const { id, mtimeMs } of packages.list())
    if (mtimeMs <= unusedSince && (await store.get(packageKey(id))) === undefined)
      await packages.remove(id, { unusedSince })
}

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
