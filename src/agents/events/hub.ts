import { setImmediate as breath, setTimeout as pause } from 'node:timers/promises'
import type { Store } from '../../state/store.ts'
import { EventPages } from './pages.ts'
import { eventsLog, type ReplicationEvent } from './events.ts'
import { RecentEvents } from './recent.ts'

/** After so many events others get their turn, so that their connections can take what they were given. */
const turn = 256
const retryMs = 1000

/** Hands every event from now on to whoever listens in this process, in order: the one follower of the log that it has. */
export class EventHub {
  readonly recent: RecentEvents
  readonly pages = new EventPages()
  readonly #listeners = new Set<(event: ReplicationEvent) => void>()
  readonly #stop = new AbortController()
  #again = new AbortController()
  #following: Promise<void> | undefined

  constructor(recent = new RecentEvents()) {
    this.recent = recent
  }

  /** `onFailure` hears once of each break; it goes on by itself. */
  async open(store: Store, onFailure: (error: unknown) => void): Promise<void> {
    this.recent.begin(await store.last(eventsLog))
    this.#following = this.#follow(store, onFailure)
  }

  /** Answers how to stop listening. Listeners must not throw. */
  listen(listener: (event: ReplicationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** To be called when the state was away: a failover may have brought back a log that had come less far. */
  lookAgain(): void {
    this.#again.abort()
  }

  async close(): Promise<void> {
    this.#stop.abort()
    this.#again.abort()
    await this.#following
  }

  async #follow(store: Store, onFailure: (error: unknown) => void): Promise<void> {
    let broken = false
    while (!this.#stop.signal.aborted)
      try {
        this.#again = new AbortController()
        const last = await store.last(eventsLog)
        if (last < this.recent.newest) this.#setBack(last)
        broken = false
        await this.#read(store, this.#again.signal)
      } catch (error) {
        if (!broken) onFailure(error)
        broken = true
        await pause(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
      }
  }

  #setBack(last: number): void {
    this.pages.clear()
    this.recent.begin(last)
  }

  async #read(store: Store, signal: AbortSignal): Promise<void> {
    let handed = 0
    for await (const { sequence, value } of store.follow<ReplicationEvent>(eventsLog, this.recent.newest, signal)) {
      this.recent.push({ sequence, event: value })
      for (const listener of this.#listeners) listener(value)
      if (++handed % turn === 0) await breath()
    }
  }
}
