import type { Redis } from 'ioredis'
import type { Bell } from '../bell.ts'

/** How long one read of the feed waits for news; afterwards every follower looks for itself, in case news got lost. */
const blockMs = 5000
const pauseMs = 200
const most = 1000

type News = [stream: string, entries: [id: string, fields: string[]][]][]

/**
 * Rings for every log that any server appends to. It reads the stream from the first time that somebody listens, and goes
 * on behind what it has seen when its connection was broken meanwhile.
 */
export class Feed {
  readonly key: string
  readonly #redis: Redis
  readonly #bell: Bell
  #closed = false
  #seen: Promise<string> | undefined

  constructor(redis: Redis, key: string, bell: Bell) {
    this.#redis = redis
    this.key = key
    this.#bell = bell
  }

  /** Once it has answered, every append to the log rings. Throws what Redis does. */
  async open(): Promise<void> {
    this.#seen ??= this.#newest().then((seen) => {
      void this.#read(seen)
      return seen
    })
    try {
      await this.#seen
    } catch (error) {
      this.#seen = undefined
      throw error
    }
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
    for (let seen = from; !this.#closed;)
      try {
        const read = this.#redis.xread('COUNT', most, 'BLOCK', blockMs, 'STREAMS', this.key, seen)
        const [[, entries] = ['', []]] = ((await read) ?? []) as News
        seen = entries.at(-1)?.[0] ?? seen
        // A full page may be followed by some that the stream has dropped already; without one, news may have got lost.
        if (entries.length === 0 || entries.length === most) this.#bell.ringAll()
        else for (const log of logsOf(entries)) this.#bell.ring(log)
      } catch {
        // The connection tells of it, and comes back by itself.
        await new Promise((resolve) => setTimeout(resolve, pauseMs))
      }
  }
}

function logsOf(entries: readonly [id: string, fields: string[]][]): Set<string> {
  return new Set(entries.flatMap(([, fields]) => fields.filter((_, i) => i % 2 === 1)))
}
