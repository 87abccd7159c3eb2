import type { Redis } from 'ioredis'
import type { Bell } from '../bell.ts'

/** How long one read of the feed waits for news; afterwards every follower looks for itself, in case news got lost. */
export const blockMs = 2000
const pauseMs = 100
const most = 1000

type News = [stream: string, entries: [id: string, fields: string[]][]][]

/**
 * Rings for every log that any server appends to, from the first time that somebody listens. When news may have got lost
 * (the connection was broken, the stream was cut, or Redis is another one since) it rings for all.
 */
export class Feed {
  readonly key: string
  readonly #redis: Redis
  readonly #bell: Bell
  #closed = false
  #opened: Promise<void> | undefined

  constructor(redis: Redis, key: string, bell: Bell) {
    this.#redis = redis
    this.key = key
    this.#bell = bell
  }

  /** Once it has answered, every append to a log rings. Throws what Redis does. */
  open(): Promise<void> {
    this.#opened ??= this.#newest().then(
      (newest) => void this.#read(newest),
      (error: unknown) => {
        this.#opened = undefined
        throw error
      },
    )
    return this.#opened
  }

  close(): void {
    this.#closed = true
    this.#bell.ringAll()
  }

  async #newest(): Promise<string> {
    const [newest] = await this.#redis.xrevrange(this.key, '+', '-', 'COUNT', 1)
    return newest?.[0] ?? '0'
  }

  async #read(from: string): Promise<void> {
    for (let seen: string | undefined = from; !this.#closed;)
      try {
        if (seen === undefined) {
          seen = await this.#newest()
          // What comes from here on is read; what came before, everybody looks for now.
          this.#bell.ringAll()
        }
        const read = await this.#redis.xread('COUNT', most, 'BLOCK', blockMs, 'STREAMS', this.key, seen)
        const [[, entries] = ['', []]] = (read ?? []) as News
        for (const log of logsOf(entries)) this.#bell.ring(log)
        // Without news there may be none, or they have smaller ids than what was there before Redis lost it. Before a full
        // page some may have been cut off.
        seen = entries.length < most ? entries.at(-1)?.[0] : undefined
      } catch {
        // The connection tells of it, and comes back by itself.
        seen = undefined
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
  }
}

function logsOf(entries: readonly [id: string, fields: string[]][]): Set<string> {
  return new Set(entries.flatMap(([, fields]) => fields.filter((_, i) => i % 2 === 1)))
}
