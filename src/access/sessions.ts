import { randomBytes } from 'node:crypto'
import { putExpiring, type Expiring } from '../state/expiry.ts'
import type { Store } from '../state/store.ts'
import { Caller, type Grant } from './rights.ts'
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
  /** Of who is known elsewhere: nobody here could say later who he is. */
  readonly person?: { readonly name: string; readonly grants: readonly Grant[] }
}

/** Of browsers, whose scripts must not hold a token: a secret of their own, good for a few hours, on every server of the Store. */
export class Sessions {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Answers the secret, this once. */
  async open({ id, name, grants, until }: Caller): Promise<{ readonly secret: string; readonly expiresAt: string }> {
    const secret = randomBytes(32).toString('base64url')
    const record: SessionRecord = {
      ...{ caller: id, ...(until !== undefined && { person: { name, grants } }) },
      expiresAt: new Date(Math.min(Date.now() + lastsMs, until ?? Infinity)).toISOString(),
    }
    await this.#store.commit({ writes: putExpiring(sessionKey(secret), record) })
    return { secret, expiresAt: record.expiresAt }
  }

  /** Whose it is: his id, or who he is where nobody here knows that; undefined when it is none, or over. */
  async callerOf(secret: string): Promise<string | Caller | undefined> {
    const found = (await this.#store.get<SessionRecord>(sessionKey(secret)))?.value
    if (found === undefined || Date.parse(found.expiresAt) <= Date.now()) return undefined
    const { caller: id, person, expiresAt } = found
    return person === undefined ? id : new Caller({ id, ...person, until: Date.parse(expiresAt) })
  }

  async end(secret: string): Promise<void> {
    await this.#store.commit({ writes: [{ delete: sessionKey(secret) }] })
  }
}
