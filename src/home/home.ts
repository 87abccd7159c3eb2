import type { Work } from '../queues/work.ts'
import type { RedisFacts } from '../state/redis/facts.ts'
import type { Store } from '../state/store.ts'

/** Where the state of a server is at home, and who does its work: this machine, or a Redis that several servers share. */
export interface Home {
  readonly store: Store
  readonly work: Work
  /** Which promises are weaker than they could be, as sentences. Throws when the state cannot be used now. */
  warnings(): Promise<readonly string[]>
  /** Calls back whenever the state is there again after it was away: wake-ups may have got lost meanwhile. */
  onReturn(listener: () => void): void
  /** What is to be measured of it. Absent: it has no Redis. */
  readonly redis?: RedisFacts
  /** What is left when `work` and `store` are closed. */
  leave(): Promise<void>
}
