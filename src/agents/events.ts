import type { Store, Write } from '../state/store.ts'

/** The one ordered log of what happens, from which event streams, waiting callers and other servers learn. */
export const eventsLog = 'events'

export type EventType =
  | 'command.accepted'
  | 'command.finished'
  | 'command.cancelled'
  | 'command.retried'
  | 'package.ready'
  | 'export.retrying'
  | 'delivery.started'
  | 'delivery.retrying'
  | 'delivery.delivered'
  | 'delivery.failed'
  | 'delivery.skipped'
  | 'delivery.cancelled'
  | 'delivery.moved'
  | 'delivery.hastened'
  | 'queue.paused'
  | 'queue.resumed'
  | 'agent.paused'
  | 'agent.resumed'
  | 'config.changed'

export interface ReplicationEvent {
  readonly type: EventType
  /** RFC 3339, UTC. */
  readonly at: string
  readonly agent: string
  /** Who asked for it, where somebody did. */
  readonly actor?: string
  readonly command?: string
  readonly target?: string
  /** Whatever else the type has to say; small, and without secrets. */
  readonly data?: object
}

/** The write that belongs into the batch of what happened. */
export function eventWrite(event: ReplicationEvent): Write {
  return { append: eventsLog, value: event }
}

/** Hands every event from now on to whoever listens in this process, in order. */
export class EventHub {
  readonly #listeners = new Set<(event: ReplicationEvent) => void>()
  readonly #stop = new AbortController()
  #following: Promise<void> | undefined

  async open(store: Store, onFailure: (error: unknown) => void): Promise<void> {
    const start = await store.last(eventsLog)
    this.#following = this.#follow(store, start, onFailure)
  }

  /** Answers how to stop listening. Listeners must not throw. */
  listen(listener: (event: ReplicationEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  async #follow(store: Store, start: number, onFailure: (error: unknown) => void): Promise<void> {
    let seen = start
    while (!this.#stop.signal.aborted)
      try {
        for await (const entry of store.follow<ReplicationEvent>(eventsLog, seen, this.#stop.signal)) {
          seen = entry.sequence
          for (const listener of this.#listeners) listener(entry.value)
        }
      } catch (error) {
        onFailure(error)
        await new Promise((resolve) => setTimeout(resolve, 1000))
      }
  }
}
