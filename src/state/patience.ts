import { AsyncLocalStorage } from 'node:async_hooks'

/** A call is kept waiting no longer than this by a state that does not answer, in all. */
export const callMs = 2000

/**
 * What a call still bears of a state that is slow. It is counted in ticks: while this process itself is held up, and could
 * not take an answer, there are none.
 */
class Patience {
  #leftMs: number
  #waiting = 0
  #ticking: NodeJS.Timeout | undefined

  constructor(ms: number) {
    this.#leftMs = ms
  }

  get leftMs(): number {
    return this.#leftMs
  }

  /** Counts while somebody waits; who waits at the same time waits once. What is normal is no fault. */
  async during<T>(wait: Promise<T>): Promise<T> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      if (this.#waiting++ === 0) this.#ticking = setInterval(() => (this.#leftMs -= tickMs), tickMs)
    }, normalMs)
    try {
      return await wait
    } finally {
      clearTimeout(timer)
      if (late && --this.#waiting === 0) clearInterval(this.#ticking)
    }
  }
}

const calls = new AsyncLocalStorage<Patience | undefined>()
let isCounted = false

/** Reading and writing take no longer when all is well, if busy. */
const normalMs = 100
const tickMs = 20

/**
 * To be called by whatever is asked and may be slow, before it is asked. Until then nothing is counted: a state that is in this process answers at
 * once, and to know whose promise is whose takes a twelfth of what the event loop can do (Node.js 20).
 */
export function countPatience(): void {
  isCounted = true
}

/**
 * Whatever the state is asked within `run`, it may keep it waiting for `ms` in all, beside what is normal: so a call that
 * looks twenty things up does not take twenty deadlines when each of them takes nearly one.
 */
export function withPatience<T>(ms: number, run: () => T): T {
  return isCounted ? calls.run(new Patience(ms), run) : run()
}

/** For what a call begins and does not wait for: it may be kept waiting as if nobody had called. */
export function outsideCalls<T>(run: () => T): T {
  return isCounted ? calls.run(undefined, run) : run()
}

/** How long whoever asks now may be kept waiting: `usualMs`, or what is left to its call, beside what is normal. */
export function patienceMs(usualMs: number): number {
  const call = calls.getStore()
  return call === undefined ? usualMs : Math.min(usualMs, Math.max(0, call.leftMs) + normalMs)
}

/** Takes what this wait is too long from what the call still bears. */
export function waitingFor<T>(wait: Promise<T>): Promise<T> {
  return calls.getStore()?.during(wait) ?? wait
}
