/** What is to be measured of the Redis of a server. */
export interface RedisFacts {
  isUp(): boolean
  /** Bytes; `max` 0: as much as there is. Undefined where Redis does not tell. Throws `unavailable`. */
  memory(): Promise<{ readonly used: number; readonly max: number } | undefined>
  /** Calls back whenever a connection breaks. */
  onBreak(listener: () => void): void
  /** Calls back whenever something that was asked is answered, or fails. */
  onAnswer(listener: (tookMs: number, ok: boolean) => void): void
}

/** Where connections, and who asks on them, tell of it; one listener each. */
export class Tally implements Pick<RedisFacts, 'onBreak' | 'onAnswer'> {
  #onBreak: (() => void) | undefined
  #onAnswer: ((tookMs: number, ok: boolean) => void) | undefined

  onBreak(listener: () => void): void {
    this.#onBreak = listener
  }

  onAnswer(listener: (tookMs: number, ok: boolean) => void): void {
    this.#onAnswer = listener
  }

  broke(): void {
    this.#onBreak?.()
  }

  answered(tookMs: number, ok: boolean): void {
    this.#onAnswer?.(tookMs, ok)
  }
}
