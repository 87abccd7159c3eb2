import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { EventReader, type Received } from '../event-reader.ts'

/** Reads all events, and comes back with the last id whenever the stream ends, each time at the next of the servers. */
export class Follower {
  /** How often it came back. */
  returns = 0
  readonly #past: Received[] = []
  readonly #origins: readonly string[]
  readonly #path: string
  #reader: EventReader | undefined
  #closed = false
  #done: Promise<void> = Promise.resolve()

  private constructor(origins: readonly string[], path: string) {
    this.#origins = origins
    this.#path = path
  }

  /** Answers once it reads. */
  static async open(origins: readonly string[], path = '/events'): Promise<Follower> {
    const follower = new Follower(origins, path)
    const reader = await follower.#open(undefined)
    while (reader.lastEventId === '') await pause(10)
    follower.#done = follower.#follow(reader)
    return follower
  }

  get events(): Received[] {
    return [...this.#past, ...(this.#reader?.events ?? [])]
  }

  /** Cuts its own connection. */
  cut(): void {
    this.#reader?.close()
  }

  /** Until the command has ended, as events say. */
  async finished(command: string): Promise<void> {
    const end = performance.now() + 60_000
    while (!this.events.some(({ type, data }) => type === 'command.finished' && data['command'] === command)) {
      assert.ok(performance.now() < end, `waited in vain for the end of ${command}`)
      await pause(20)
    }
  }

  /** Asserts that there was no gap and no repeat. */
  check(): void {
    const numbers = this.events.map(({ id }) => Number(id))
    const [first = 0] = numbers
    assert.deepEqual(
      numbers,
      numbers.map((_, i) => first + i),
    )
    assert.ok(!this.events.some(({ type }) => type === 'reset'))
  }

  async close(): Promise<void> {
    this.#closed = true
    this.cut()
    await this.#done
  }

  async #follow(first: EventReader): Promise<void> {
    for (let reader = first; ;) {
      await reader.ended
      this.#past.push(...reader.events)
      this.#reader = undefined
      if (this.#closed) return
      this.returns++
      for (;;)
        try {
          reader = await this.#open(reader.lastEventId)
          break
        } catch {
          if (this.#closed) return
          await pause(50)
        }
    }
  }

  async #open(lastEventId: string | undefined): Promise<EventReader> {
    const origin = this.#origins[this.returns % this.#origins.length] ?? ''
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    this.#reader = await EventReader.open(`${origin}/replication${this.#path}`, headers)
    return this.#reader
  }
}
