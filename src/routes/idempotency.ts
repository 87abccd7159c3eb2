import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { putExpiring, type Expiring } from '../state/expiry.ts'
import type { Check, Entry, Store, Write } from '../state/store.ts'

/** How long the first answer is given again. */
const keepMs = 24 * 60 * 60 * 1000
const maxKeyLength = 255

/** An answer as it is given again: what a caller decides by. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

interface Kept extends Expiring {
  readonly fingerprint: string
  readonly answer: KeptAnswer
}

/**
 * `Idempotency-Key`: the same key and body give the first answer again, within 24 hours, also after a restart. The answer is
 * written in the same batch as what it tells of, so there is never one without the other. A key belongs to its caller,
 * method and path.
 */
export class Idempotency {
  readonly #store: Store
  readonly #open = new Set<string>()

  constructor(store: Store) {
    this.#store = store
  }

  /** Reserves the key while its first request is handled here; throws `conflict` when it is already. */
  begin(of: { caller: string; method: string; path: string; key: string }): Reservation {
    if (of.key === '' || of.key.length > maxKeyLength)
      throw new ReplicationError('invalid', `Idempotency-Key must have 1 to ${maxKeyLength} characters`)
    const key = `idempotency/${digest([of.caller, of.method, of.path, of.key])}`
    if (this.#open.has(key))
      throw new ReplicationError('conflict', 'the first request with this Idempotency-Key is still being handled', {
        transient: true,
      })
    this.#open.add(key)
    return new Reservation(this.#store, key, () => this.#open.delete(key))
  }
}

export class Reservation {
  readonly #store: Store
  readonly #key: string
  readonly #release: () => void
  #found: Entry<Kept> | undefined

  constructor(store: Store, key: string, release: () => void) {
    this.#store = store
    this.#key = key
    this.#release = release
  }

  /** The first answer, if there was one. Throws `corrupt` (422) when the key came with another body then. */
  async answerTo(input: unknown): Promise<KeptAnswer | undefined> {
    this.#found = await this.#store.get<Kept>(this.#key)
    if (this.#found === undefined || Date.parse(this.#found.value.expiresAt) <= Date.now()) return undefined
    if (this.#found.value.fingerprint !== digest(input))
      throw new ReplicationError('corrupt', 'this Idempotency-Key was used with another body; take a new one')
    return this.#found.value.answer
  }

  /** What belongs into the batch of the effect. A check that fails says that another server was first. */
  keep(input: unknown, answer: KeptAnswer): { checks: Check[]; writes: Write[] } {
    const expiresAt = new Date(Date.now() + keepMs).toISOString()
    const kept: Kept = { fingerprint: digest(input), expiresAt, answer }
    return {
      checks: [{ key: this.#key, version: this.#found?.version ?? null }],
      writes: putExpiring(this.#key, kept),
    }
  }

  release(): void {
    this.#release()
  }
}

/** Of plain data, whatever the order of its keys. */
function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value, sortKeys)).digest('base64url')
}

function sortKeys(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
