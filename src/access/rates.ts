import { places, placing } from './places.ts'

/** For so long a caller may ask at once for what he would otherwise ask for in as many seconds. */
const burstSeconds = 10

/**
 * How often each caller may ask: so many times a second over time, and ten seconds' worth of them at once. (The generic cell rate
 * algorithm: of each caller only the time is kept at which all that he has asked for would have been due.)
 */
export class Rates {
  readonly #placeOf = placing()
  readonly #dueAt = new Float64Array(places)
  readonly #eachMs: number

  constructor(perSecond: number) {
    this.#eachMs = 1000 / perSecond
  }

  /** 0 where he may, and else after how many milliseconds. */
  take(caller: string, now = performance.now()): number {
    const place = this.#placeOf(caller)
    const dueAt = Math.max(this.#dueAt[place] ?? 0, now)
    const tooSoonMs = dueAt - now - burstSeconds * 1000 + this.#eachMs
    if (tooSoonMs > 0) return tooSoonMs
    this.#dueAt[place] = dueAt + this.#eachMs
    return 0
  }
}
