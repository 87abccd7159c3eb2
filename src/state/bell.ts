/** Wakes whoever waits for a name: a ring that comes while nobody waits is lost, so look, and wait in the same turn. */
export class Bell {
  readonly #waiting = new Map<string, Set<() => void>>()

  ring(name: string): void {
    const waiting = this.#waiting.get(name)
    this.#waiting.delete(name)
    for (const wake of waiting ?? []) wake()
  }

  ringAll(): void {
    for (const name of this.#waiting.keys()) this.ring(name)
  }

  /** Until the next ring of the name, or the abort. Never rejects. */
  wait(name: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(name) ?? new Set()
      this.#waiting.set(name, waiting)
      const wake = (): void => {
        signal.removeEventListener('abort', wake)
        waiting.delete(wake)
        if (waiting.size === 0 && this.#waiting.get(name) === waiting) this.#waiting.delete(name)
        resolve()
      }
      waiting.add(wake)
      signal.addEventListener('abort', wake)
    })
  }
}
