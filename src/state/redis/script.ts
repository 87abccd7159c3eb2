import type { Redis } from 'ioredis'
import { hash } from 'node:crypto'
import type { Deadline } from './asking.ts'

/**
 * A Lua script, which each connection sends whole once, and then by its digest: so commits are done in the order in which
 * they were sent. (ioredis does the same for its own commands, but takes no more arguments than fit on the stack, and
 * sends a script that Redis has forgotten again when nobody waits for it any more.)
 */
export class Script {
  readonly #keys: number
  readonly #text: string
  readonly #digest: string
  /** Connections whose Redis has got it. */
  readonly #known = new WeakSet<object>()

  constructor(keys: number, text: string) {
    this.#keys = keys
    this.#text = text
    this.#digest = hash('sha1', text)
  }

  /**
   * Runs it once. `way`: how it is sent, at once by default. Throws what Redis or the connection does: then it may have been
   * run, or may be still.
   */
  async run(
    redis: Redis,
    words: readonly string[],
    deadline: Deadline,
    way = (send: () => Promise<unknown>): Promise<unknown> => send(),
  ): Promise<unknown> {
    const send = (): Promise<unknown> => this.#send(redis, words)
    try {
      return await way(send)
    } catch (error) {
      // Whoever answers this has run nothing.
      if (!(error as Error).message.startsWith('NOSCRIPT') || deadline.passed) throw error
      this.#known.delete(redis.stream)
      return await way(send)
    }
  }

  async #send(redis: Redis, words: readonly string[]): Promise<unknown> {
    const known = this.#known.has(redis.stream)
    this.#known.add(redis.stream)
    const script = known ? this.#digest : this.#text
    return await redis.call(known ? 'EVALSHA' : 'EVAL', [script, this.#keys, ...words])
  }
}
