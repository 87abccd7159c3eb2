import { randomBytes } from 'node:crypto'
import { putExpiring, type Expiring } from '../state/expiry.ts'
import type { Store } from '../state/store.ts'
import { digestOf } from './secret.ts'

/*
 * session/<digest of its secret>   SessionRecord, until it expires
 */
const sessionKey = (secret: string): string => `session/${digestOf(secret)}`

/** A working day: whoever goes home is signed out by the next morning. */
const lastsMs = 12 * 3_600_000

interface SessionRecord extends Expiring {
  /** The id of whoever signed in: it is worth what his token is worth, and nothing once that is revoked or has expired. */
  readonly caller: string
}

/** Of browsers, whose scripts must not hold a token: a secret of their own, good for a few hours, on every server of the Store. */
export class Sessions {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Answers the secret, this once. */
  async open(caller: string): Promise<{ readonly secret: string; readonly expiresAt: string }> {
    const secret = randomBytes(32).toString('base64url')
    const record: SessionRecord = { caller, expiresAt: new Date(Date.now() + lastsMs).toISOString() }
    await this.#store.commit({ writes: putExpiring(sessionKey(secret), record) })
    return { secret, expiresAt: record.expiresAt }
  }

  /** Whose it is; undefined when it is none, or over. */
  async callerOf(secret: string): Promise<string | undefined> {
    const found = (await this.#store.get<SessionRecord>(sessionKey(secret)))?.value
    return found !== undefined && Date.parse(found.expiresAt) > Date.now() ? found.caller : undefined
  }

  async end(secret: string): Promise<void> {
    await this.#store.commit({ writes: [{ delete: sessionKey(secret) }] })
  }
}
