import type { Store } from '../../src/state/store.ts'
import { watchedStore } from './watched-store.ts'

/** The Store of a process that dies. */
export interface Dying {
  readonly store: Store
  /** What every commit throws from then on. */
  readonly died: Error
  /** Whether it came to that. */
  isDead(): boolean
}

/** Dies before commit number `at` is done, or right after it. */
export function dyingStore(real: Store, at: number, side: 'before' | 'after'): Dying {
  let commits = 0
  let isDead = false
  const died = new Error('died')
  const store = watchedStore(real, {
    commit: async (batch, really) => {
      isDead ||= commits === at && side === 'before'
      if (isDead) throw died
      const result = await really(batch)
      // Another may have been on its way when it died.
      isDead ||= commits++ === at
      if (isDead) throw died
      return result
    },
  })
  return { store, died, isDead: () => isDead }
}
