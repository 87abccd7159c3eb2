import type { PhaseSpent } from '../metrics/metrics.ts'

type Phase = PhaseSpent['phase']

/** How long the phases of one try take: those of all its parts together. */
export class TryClock {
  readonly #startedAt = performance.now()
  readonly #spentMs = new Map<Phase, number>()
  #now: { readonly phase: Phase; readonly since: number } | undefined

  begins(phase: Phase): void {
    this.ends()
    this.#now = { phase, since: performance.now() }
  }

  /** What is not there yet cannot be applied. */
  sent(): void {
    if (this.#now?.phase === 'transfer') this.begins('apply')
  }

  ends(): void {
    if (this.#now === undefined) return
    const { phase, since } = this.#now
    this.#spentMs.set(phase, (this.#spentMs.get(phase) ?? 0) + performance.now() - since)
    this.#now = undefined
  }

  /** Of the whole try, what was done before and after the target had its say included. */
  get tookMs(): number {
    return performance.now() - this.#startedAt
  }

  /** Each phase that was reached; the one that has not ended has failed. */
  spent(): PhaseSpent[] {
    const failed = this.#now?.phase
    this.ends()
    return [...this.#spentMs].map(([phase, tookMs]) => ({ phase, tookMs, ok: phase !== failed }))
  }
}
