import type { Batch, Committed, Store } from '../../src/state/store.ts'

/** The same Store, with something between it and whoever commits or reads pages. */
export function watchedStore(
  store: Store,
  {
    commit = (batch, really) => really(batch),
    onRead = () => undefined,
  }: {
    readonly commit?: (batch: Batch, really: (batch: Batch) => Promise<Committed>) => Promise<Committed>
    /** How many entries each reading call has asked for or found. */
    readonly onRead?: (entries: number) => void
  },
): Store {
  return {
    get: async (key) => {
      onRead(1)
      return store.get(key)
    },
    getAll: async (keys) => {
      onRead(keys.length)
      return store.getAll(keys)
    },
    range: async <V>(range: Parameters<Store['range']>[0]) => {
      const found = await store.range<V>(range)
      onRead(found.length + 1)
      return found
    },
    commit: (batch) => commit(batch, (one) => store.commit(one)),
    follow: (log, after, signal) => store.follow(log, after, signal),
    last: (log) => store.last(log),
    close: () => store.close(),
  }
}
