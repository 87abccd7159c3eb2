import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { putExpiring, type Expiring } from '../state/expiry.ts'
import type { Check, Entry, Store, Write } from '../state/store.ts'

/** How long the first answer is given again. */
const keepMs = 24 * 60 * 60 * 1000
const maxKeyLength = 255
/** When a request with the same key is still being handled. */
const openRetryMs = 1000
/** Longer than any call may take that claims a key. */
const claimMs = 60_000

/** An answer as it is given again: what a caller decides by. */
export interface KeptAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: unknown
}

interface Kept extends Expiring {
  readonly fingerprint: string
  /** Absent while the first request is being handled, perhaps by another server. */
  readonly answer?: KeptAnswer
}

/**
 * `Idempotency-Key`: the same key and body give the first answer again, within 24 hours, also after a restart. The answer is
 * written in the same batch as what it tells of, so there is never one without the other. A key belongs to its caller,
 * method and path.
 */
export class Idempotency {
  readonly #store: Store
  readonly #open = new Map<string, Handling>()

  constructor(store: Store) {
    this.#store = store
  }

  /**
   * Reserves the key while its first request is handled here; throws `conflict` when it is already. With an epoch, the request
   * of an older one is cut off instead: its sender stands still, perhaps in the middle of its body, and has a successor.
   */
  async begin(
    of: Named & { /** Ends this request, and so its reservation. */ readonly cut: () => void },
  ): Promise<Reservation> {
    const { epoch = 0, cut } = of
    const key = await this.cutOlder(of)
    const { over, end } = ending()
    const handling = { epoch, cut, over }
    this.#open.set(key, handling)
    return new Reservation(this.#store, { at: key, salt: of.key }, () => {
      if (this.#open.get(key) === handling) this.#open.delete(key)
      end()
    })
  }

  /** Cuts off whoever is handled here with that key in an older epoch; answers where it is in the Store. Throws as `begin` does. */
  async cutOlder({ caller, method, path, epoch = 0, key: given }: Named): Promise<string> {
    if (given === '' || given.length > maxKeyLength)
      throw new ReplicationError('invalid', `Idempotency-Key must have 1 to ${maxKeyLength} characters`)
    const key = `idempotency/${digest([caller, method, path, given])}`
    for (let open = this.#open.get(key); open !== undefined; open = this.#open.get(key)) {
      if (open.epoch >= epoch) throw stillOpen()
      open.cut()
      await open.over
    }
    return key
  }
}

/** What a key belongs to. */
interface Named {
  readonly caller: string
  readonly method: string
  readonly path: string
  readonly key: string
  readonly epoch?: number
}

function stillOpen(): ReplicationError {
  return new ReplicationError('conflict', 'the first request with this Idempotency-Key is still being handled', {
    retryAfterMs: openRetryMs,
  })
}

/** A request that is being handled. */
interface Handling {
  readonly epoch: number
  readonly cut: () => void
  readonly over: Promise<void>
}

function ending(): { readonly over: Promise<void>; readonly end: () => void } {
  let end = (): void => undefined
  const over = new Promise<void>((resolve) => (end = resolve))
  return { over, end }
}

export class Reservation {
  readonly #store: Store
  readonly #key: string
  readonly #salt: string
  readonly #release: () => void
  #found: Entry<Kept> | undefined

  /** `at`: its key in the Store. */
  constructor(store: Store, { at, salt }: { readonly at: string; readonly salt: string }, release: () => void) {
    this.#store = store
    this.#key = at
    this.#salt = salt
    this.#release = release
  }

  /** A body may hold a secret that could be guessed: the caller's key, which is kept nowhere, goes into its digest. */
  #fingerprintOf(input: unknown): string {
    return digest([this.#salt, input])
  }

  /** The first answer, if there was one. Throws `corrupt` (422) when the key came with another body then. */
  async answerTo(input: unknown): Promise<KeptAnswer | undefined> {
    this.#found = await this.#store.get<Kept>(this.#key)
    if (this.#found === undefined || Date.parse(this.#found.value.expiresAt) <= Date.now()) return undefined
    const { fingerprint, answer } = this.#found.value
    // The second is that of an older version.
    if (fingerprint !== this.#fingerprintOf(input) && fingerprint !== digest(input))
      throw new ReplicationError('corrupt', 'this Idempotency-Key was used with another body; take a new one')
    if (answer === undefined) throw stillOpen()
    return answer
  }

  /**
   * For what cannot be done in one batch with its answer: the first answer, or a claim on the key, until `settle`, over all
   * servers. When nothing is settled within a minute, for its server died, the claim has lapsed. Throws as `answerTo`, and
   * `conflict` when somebody else has claimed it.
   */
  async claim(input: unknown): Promise<KeptAnswer | undefined> {
    const known = await this.answerTo(input)
    if (known !== undefined) return known
    const expiresAt = new Date(Date.now() + claimMs).toISOString()
    const claim: Kept = { fingerprint: this.#fingerprintOf(input), expiresAt }
    const checks = [{ key: this.#key, version: this.#found?.version ?? null }]
    const { ok } = await this.#store.commit({ checks, writes: putExpiring(this.#key, claim) })
    if (!ok) throw stillOpen()
    this.#found = await this.#store.get<Kept>(this.#key)
    return undefined
  }

  /** What the claimed request came to; undefined: it may be made again. */
  async settle(input: unknown, answer: KeptAnswer | undefined): Promise<void> {
    const { checks, writes } = answer === undefined ? this.#forget() : this.keep(input, answer)
    await this.#store.commit({ checks, writes })
  }

  #forget(): { checks: Check[]; writes: Write[] } {
    return {
      checks: [{ key: this.#key, version: this.#found?.version ?? null }],
      writes: [{ delete: this.#key }],
    }
  }

  /** What belongs into the batch of the effect. A check that fails says that another server was first. */
  keep(input: unknown, answer: KeptAnswer): { checks: Check[]; writes: Write[] } {
    const expiresAt = new Date(Date.now() + keepMs).toISOString()
    const kept: Kept = { fingerprint: this.#fingerprintOf(input), expiresAt, answer }
    return {
      checks: [{ key: this.#key, version: this.#found?.version ?? null }],
      writes: putExpiring(this.#key, kept),
    }
  }

  /** May be called again. */
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
