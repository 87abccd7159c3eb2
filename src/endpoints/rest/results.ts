import { errorView, isTransient, ReplicationError } from '../../errors.ts'
import { quote, type ResourcePath } from '../../resources/path.ts'
import type { ResourceResult, TargetDelivery } from '../endpoint.ts'

const named = 5

/** What becomes of each resource of a delivery, and whether to go on. */
export class Results {
  readonly #delivery: TargetDelivery
  readonly #failed = new Set<string>()
  readonly #failures: { readonly path: ResourcePath; readonly error: unknown }[] = []
  #failureCount = 0
  #skipped = 0

  constructor(delivery: TargetDelivery) {
    this.#delivery = delivery
  }

  /** After the first failure nothing more is to be begun. */
  get isStopped(): boolean {
    return this.#failureCount > 0 && this.#delivery.onFailure !== 'go-on'
  }

  done(path: ResourcePath, outcome: Exclude<ResourceResult['outcome'], 'failed' | 'skipped'>): void {
    this.#delivery.result?.({ path, outcome })
  }

  /** `key`: what others name it by that depend on it. */
  fail(path: ResourcePath, key: string, error: unknown): void {
    this.#failed.add(key)
    this.#failureCount++
    if (this.#failures.length < named) this.#failures.push({ path, error })
    this.#delivery.result?.({ path, outcome: 'failed', error: errorView(error) })
  }

  /** Not begun, for what it depends on is not there, or for what failed before. */
  skip(path: ResourcePath, key: string, why: string): void {
    this.#failed.add(key)
    this.#skipped++
    this.#delivery.result?.({ path, outcome: 'skipped', error: { code: 'conflict', detail: why } })
  }

  /** Of these the one that did not come to be. */
  missingOf(keys: readonly string[]): string | undefined {
    return keys.find((key) => this.#failed.has(key))
  }

  /** Throws when anything failed: with the code of the first, and the first few of them. `entries`: of how many. */
  end(entries: number): void {
    const [first] = this.#failures
    if (first === undefined) return
    const { error } = first
    const texts = this.#failures.map((one) => textOf(one.path, errorView(one.error).detail))
    const more = this.#failureCount > named ? `; and ${this.#failureCount - named} more` : ''
    const skipped = this.#skipped === 0 ? '' : `; ${this.#skipped} were skipped`
    throw new ReplicationError(
      errorView(error).code,
      `${this.#failureCount} of ${entries} could not be written: ${texts.join('; ')}${more}${skipped}`,
      {
        cause: error,
        transient: isTransient(error),
        ...(error instanceof ReplicationError &&
          error.retryAfterMs !== undefined && { retryAfterMs: error.retryAfterMs }),
      },
    )
  }
}

function textOf(path: ResourcePath, detail: string): string {
  return detail.includes(quote(path)) ? detail : `${quote(path)}: ${detail}`
}
