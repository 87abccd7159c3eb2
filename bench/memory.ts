import { anonymousBytes } from './processes.ts'

const everyMs = 50

/** The most anonymous memory that a process holds from now on until it is stopped, looked at every 50 ms. */
export class MemoryWatch {
  readonly #pid: number
  readonly #timer: NodeJS.Timeout
  #peak: number

  constructor(pid: number) {
    this.#pid = pid
    this.#peak = anonymousBytes(pid) ?? 0
    this.#timer = setInterval(() => this.#look(), everyMs)
  }

  /** Bytes. */
  stop(): number {
    clearInterval(this.#timer)
    this.#look()
    return this.#peak
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, anonymousBytes(this.#pid) ?? 0)
  }
}
