/** A handler at work on a job, for as long as the job's lock is known to be ours. */
export class Run {
  readonly #abort = new AbortController()
  readonly #lockMs: number
  #lapse: NodeJS.Timeout | undefined
  #lost = false

  constructor(lockMs: number) {
    this.#lockMs = lockMs
    this.renewed()
  }

  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Another may be at it: what the handler says no longer counts. */
  get lost(): boolean {
    return this.#lost
  }

  /** The lock holds from now on for its whole time. Not heard for so long, it counts as lost, whatever Redis would say. */
  renewed(): void {
    clearTimeout(this.#lapse)
    if (!this.#lost) this.#lapse = setTimeout(() => this.lose(), this.#lockMs)
  }

  lose(): void {
    this.#lost = true
    this.abort()
  }

  abort(): void {
    this.#abort.abort()
  }

  end(): void {
    clearTimeout(this.#lapse)
  }
}
