import type { Redis } from 'ioredis'
import type { Deadline } from './asking.ts'

/** How long replicas may take. Less than a call's deadline, so that its caller hears what is the matter. */
const waitMs = 1500

/** A commit that waits for its turn. */
interface Waiting {
  readonly send: () => Promise<CommitReply>
  readonly deadline: Deadline
  readonly resolve: (reply: CommitReply) => void
  readonly reject: (error: unknown) => void
}

/** What the commit script answers; only with 1 it has written something. */
export type CommitReply = readonly [outcome: number, ...words: string[]]

/**
 * Commits that are answered when enough replicas have them. Redis answers nothing on a connection that waits for replicas,
 * so this has one of its own, on which all commits that came during one wait are sent together, and waited for at once.
 */
export class Rounds {
  readonly #redis: Redis
  readonly #replicas: number
  #waiting: Waiting[] = []
  #running = false

  constructor(redis: Redis, replicas: number) {
    this.#redis = redis
    this.#replicas = replicas
  }

  /** Throws what `send` does, or that replicas are missing: then the outcome is not known. */
  commit(send: () => Promise<CommitReply>, deadline: Deadline): Promise<CommitReply> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ send, deadline, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    for (let round = this.#waiting; round.length > 0; round = this.#waiting) {
      this.#waiting = []
      await this.#together(round.filter(({ deadline }) => !deadline.passed))
    }
    this.#running = false
  }

  /** What is waited for are the writes that went before it on this connection, so it is sent behind them in one go. */
  async #together(round: readonly Waiting[]): Promise<void> {
    const replies = round.map(({ send }) => send())
    const kept = this.#kept()
    const ended = kept.catch(() => undefined)
    await Promise.allSettled(
      round.map(async ({ resolve, reject }, i) => {
        try {
          const reply = (await replies[i]) as CommitReply
          // A check that fails has written nothing.
          if (reply[0] === 1) await kept
          resolve(reply)
        } catch (error) {
          reject(error)
        }
      }),
    )
    await ended
  }

  async #kept(): Promise<void> {
    const have = await this.#redis.wait(this.#replicas, waitMs)
    if (have < this.#replicas)
      throw new Error(`only ${have} of ${this.#replicas} replicas have it (REDIS_REPLICAS), so it may be kept or lost`)
  }
}
