import { AsyncLocalStorage } from 'node:async_hooks'

/** A call is kept waiting no longer than this by a state that does not answer, in all. */
export const callMs = 2000

/** What a call still bears of a state that is slow. */
class Patience {
  #leftMs: number
  #waiting = 0
  #since = 0

  constructor(ms: number) {
    this.#leftMs = ms
  }

  get leftMs(): number {
    return this.#waiting === 0 ? this.#leftMs : this.#leftMs - (performance.now() - this.#since)
  }

  /** Counts while somebody waits; who waits at the same time waits once. The first `freeMs` of each wait are no fault. */
  async during<T>(freeMs: number, wait: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      late = true
      if (this.#waiting++ === 0) this.#since = performance.now()
    }, freeMs)
    let late = false
    try {
      return await wait
    } finally {
      clearTimeout(timer)
      if (late && --this.#waiting === 0) this.#leftMs -= performance.now() - this.#since
    }
  }
}

const calls = new AsyncLocalStorage<Patience>()

/** A wait of this length is what reading and writing take when all is well. */
const freeMs = 50

/**
 * Whatever the state is asked within `run`, it may keep it waiting for `ms` in all, beside what is normal: so a call that
 * looks twenty things up does not take twenty deadlines when each of them takes nearly one.
 */
export function withPatience<T>(ms: number, run: () => T): T {
  return calls.run(new Patience(ms), run)
}

/** How long whoever asks now may still be kept waiting: `usualMs`, or what is left to its call. */
export function patienceMs(usualMs: number): number {
  const call = calls.getStore()
  return call === undefined ? usualMs : Math.max(0, Math.min(usualMs, call.leftMs))
}

/** Takes what this wait is too long from what the call still bears. */
export function waitingFor<T>(wait: Promise<T>): Promise<T> {
  return calls.getStore()?.during(freeMs, wait) ?? wait
}
