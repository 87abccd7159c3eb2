import type { ArchivedEntry } from './archive.ts'
import type { Store, Write } from './store.ts'

/** A state that is read as it is at one moment. */
export interface Outlet {
  readonly store: Store
  /** Throws `conflict` when somebody has changed the state since it was opened, `unavailable` when that is not known. */
  confirm(): Promise<void>
  close(): Promise<void>
}

/** A new state beside the present one. */
export interface Inlet {
  /** Empty at first; only what is in it counts in the end. */
  readonly store: Store
  /**
   * Puts it in the place of the present state, in one step, durably. Throws `conflict` when that has come to life
   * meanwhile, and then nothing has changed.
   */
  takePlace(): Promise<void>
  /** Removes it, unless it has taken its place: the present state is as it was, and servers may start again. */
  close(): Promise<void>
}

/** A commit should be neither so small that flushes are all that is done, nor so large that it takes long. */
const batch = { entries: 1000, chars: 1_000_000 }

/** Writes all of the entries. Throws what they do, and the store. */
export async function fill(store: Store, entries: AsyncIterable<ArchivedEntry>): Promise<void> {
  let writes: Write[] = []
  let chars = 0
  const flush = async (): Promise<void> => {
    if (writes.length > 0) await store.commit({ writes })
    writes = []
    chars = 0
  }
  for await (const { key, value } of entries) {
    writes.push({ put: key, value })
    chars += JSON.stringify(value).length
    if (writes.length === batch.entries || chars >= batch.chars) await flush()
  }
  await flush()
}
