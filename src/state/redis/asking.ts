import type { Redis } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { callMs, patienceMs, waitingFor } from '../patience.ts'
import type { Tally } from './facts.ts'

/** Once it has passed, nothing more may be sent for whoever asked: he was told that it failed. */
export interface Deadline {
  readonly passed: boolean
}

type Ask<T> = (deadline: Deadline) => Promise<T> | T

interface AskOptions {
  /** When the connection breaks it is asked again on the next one: for what only reads. */
  readonly repeated?: boolean
  /** Closing waits for its end. */
  readonly awaited?: boolean
  /** When it aborts nobody waits for the answer any more. */
  readonly signal?: AbortSignal
}

interface Question {
  readonly ended: Promise<unknown>
  /** Unless it is awaited. */
  giveUp(): void
}

/**
 * What is asked on one connection, each within the time that there is for it: to wait for the connection, and then for the
 * answer. What was not sent in time is never sent; what was sent and is not answered may have been done.
 */
export class Asking {
  readonly #redis: Redis
  readonly #tally: Tally | undefined
  readonly #underWay = new Set<Question>()
  #closed = false

  /** `tally` is told of each answer. */
  constructor(redis: Redis, tally?: Tally) {
    this.#redis = redis
    this.#tally = tally
  }

  /** Throws `unavailable` for whatever keeps it from an answer, also for what Redis refuses. */
  async ask<T>(ask: Ask<T>, options: AskOptions = {}): Promise<T> {
    if (this.#closed) throw closed()
    const since = performance.now()
    try {
      const answer = await waitingFor(this.#within(patienceMs(callMs), ask, options))
      this.#tally?.answered(performance.now() - since, true)
      return answer
    } catch (cause) {
      if (options.signal?.aborted !== true) this.#tally?.answered(performance.now() - since, false)
      if (cause instanceof ReplicationError) throw cause
      const reason = reasonOf(cause as Error)
      throw new ReplicationError('unavailable', `the state in Redis is not available: ${reason}`, { cause })
    }
  }

  /** From then on all is `unavailable`, and so is what was not answered yet, save what is awaited. */
  async close(): Promise<void> {
    this.#closed = true
    for (const question of this.#underWay) question.giveUp()
    await Promise.allSettled([...this.#underWay].map(({ ended }) => ended))
  }

  #within<T>(ms: number, ask: Ask<T>, { repeated = false, awaited = false, signal }: AskOptions): Promise<T> {
    const redis = this.#redis
    const deadline = { passed: false }
    let sent = false
    let fail: (error: Error) => void = () => undefined
    let send: () => void = () => undefined
    const answer = new Promise<T>((resolve, reject) => {
      fail = reject
      send = (): void => {
        sent = true
        // What `ask` throws itself fails it, too.
        new Promise<T>((begun) => begun(ask(deadline))).then(resolve, (error: Error) => {
          if (!repeated || deadline.passed || !broke.test(error.message)) return reject(error)
          sent = false
          redis.once('ready', send)
        })
      }
    })
    const onTimeout = (): void =>
      fail(new Error(sent ? `it has not answered for ${Math.round(ms)} ms` : 'there is no connection to it'))
    // An answer may have come while this process was busy for as long: it has one turn to read it.
    const timer = setTimeout(() => setImmediate(onTimeout), ms)
    const onAbort = (): void => fail(new Error('nobody waits for it any more'))
    signal?.addEventListener('abort', onAbort)
    const ended = answer.finally(() => {
      deadline.passed = true
      clearTimeout(timer)
      redis.off('ready', send)
      signal?.removeEventListener('abort', onAbort)
      this.#underWay.delete(question)
    })
    const giveUp = (): void => {
      if (!awaited) fail(closed())
    }
    const question = { ended, giveUp }
    this.#underWay.add(question)
    // A connection that this side has ended is not ready, whatever it says; the next one will be.
    if (redis.status === 'ready' && redis.stream.writable) send()
    else redis.once('ready', send)
    return ended
  }
}

function closed(): ReplicationError {
  return new ReplicationError('unavailable', 'the store is closed')
}

/** What ioredis says of a connection that breaks, or is broken already. */
const broke = /^(Reached the max retries|Stream isn't writeable|Connection is closed)/

/** What Redis or the connection to it says, and what that means to whoever runs it. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^OOM /, 'its memory is full (maxmemory), and it takes nothing more'],
  [/^READONLY /, 'it is a replica, which takes nothing'],
  [/^MISCONF /, 'it cannot write to its disk; its log says why'],
  [/^NOPERM |^ERR The user executing the script/, 'its user has too few permissions (ACL)'],
  [/^NOREPLICAS /, 'it has fewer replicas than it is told to have (min-replicas-to-write)'],
  [broke, 'the connection broke'],
]

function reasonOf({ message }: Error): string {
  // Where in a script it happened is of no use to whoever runs it.
  return reasons.find(([said]) => said.test(message))?.[1] ?? message.replace(/ script: \w+, on @user_script.*/s, '')
}
