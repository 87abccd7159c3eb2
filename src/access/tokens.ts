import { ulid } from 'ulid'
import { ReplicationError } from '../errors.ts'
import { below, type Entry, type Store } from '../state/store.ts'
import { Caller, reservedNames, type Grant } from './rights.ts'
import { digestOf, idIn, isDigestOf, makeSecret } from './secret.ts'

/*
 * token/<id>          TokenRecord: never the secret, only its digest
 * token-name/<name>   the id of the token of that name
 * token-used/<id>     when it was last used, to the hour
 */
const prefix = 'token/'
const tokenKey = (id: string): string => `${prefix}${id}`
const nameKey = (name: string): string => `token-name/${name}`
const usedKey = (id: string): string => `token-used/${id}`

/** How long a server believes what it has read: so long a token may still be used elsewhere when it is revoked. */
const believedMs = 1000
/** How many it remembers. */
const remembered = 1000
/** Use is noted so often at most. */
const noteEveryMs = 3_600_000

/** A token as its owner may see it; times are RFC 3339. */
export interface Token {
  readonly id: string
  readonly name: string
  readonly rights: readonly Grant[]
  readonly createdAt: string
  readonly createdBy: string
  readonly expiresAt?: string
  readonly rotatedAt?: string
  /** Until then the secret before the last rotation is valid too. */
  readonly overlapsUntil?: string
  /** To the hour. */
  readonly lastUsedAt?: string
}

interface TokenRecord extends Omit<Token, 'overlapsUntil' | 'lastUsedAt'> {
  readonly digest: string
  readonly previous?: { readonly digest: string; readonly until: string }
}

interface Known {
  readonly record: TokenRecord
  readonly caller: Caller
  readonly until: number
}

/** Credentials that were made here, in the Store: valid on every server that shares it, and revoked on all within a second. */
export class Tokens {
  readonly #store: Store
  readonly #known = new Map<string, Known>()
  readonly #noted = new Map<string, number>()
  #any: { readonly value: Promise<boolean>; readonly until: number } | undefined

  constructor(store: Store) {
    this.#store = store
  }

  /** Answers the secret, this once. Throws `conflict` when the name is taken, `invalid` for one that is the server's own. */
  async create(of: {
    readonly name: string
    readonly rights: readonly Grant[]
    readonly expiresAt?: string
    readonly by: string
  }): Promise<Token & { readonly secret: string }> {
    const { name, rights, expiresAt, by } = of
    const faults = [
      ...(reservedNames.has(name) ? [{ pointer: '/name', message: 'is a name of the server’s own' }] : []),
      ...(expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
        ? [{ pointer: '/expiresAt', message: 'has passed already' }]
        : []),
    ]
    if (faults.length > 0) throw new ReplicationError('invalid', 'the token cannot be made', { faults })
    const id = ulid()
    const secret = makeSecret(id)
    const record: TokenRecord = {
      ...{ id, name, rights, createdAt: new Date().toISOString(), createdBy: by },
      ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
      digest: digestOf(secret),
    }
    const { ok } = await this.#store.commit({
      checks: [{ key: nameKey(name), version: null }],
      writes: [
        { put: tokenKey(id), value: record },
        { put: nameKey(name), value: id },
      ],
    })
    if (!ok)
      throw new ReplicationError('conflict', `a token is named ${name} already; revoke it or choose another name`)
    this.#any = undefined
    return { ...shown(record), secret }
  }

  /** In the order in which they were made. */
  async list({ after, limit }: { readonly after?: string; readonly limit: number }): Promise<{
    items: Token[]
    next?: string
  }> {
    const { from, to } = below(prefix)
    const start = after === undefined ? from : `${tokenKey(after)}\0`
    const found = await this.#store.range<TokenRecord>({ from: start, to, limit: limit + 1 })
    const items = found.slice(0, limit).map(({ value }) => value)
    const used = await this.#store.getAll<string>(items.map(({ id }) => usedKey(id)))
    const last = items.at(-1)
    return {
      items: items.map((record, i) => shown(record, used[i]?.value)),
      ...(found.length > limit && last !== undefined && { next: last.id }),
    }
  }

  /** Throws `missing`. */
  async get(id: string): Promise<Token> {
    const { value } = await this.#entry(id)
    return shown(value, (await this.#store.get<string>(usedKey(id)))?.value)
  }

  /** Another secret, answered this once; the one before stays valid for `overlapMs`. Throws `missing`. */
  async rotate(id: string, overlapMs: number): Promise<Token & { readonly secret: string }> {
    for (;;) {
      const { key, value, version } = await this.#entry(id)
      const { previous: _, ...was } = value
      const secret = makeSecret(id)
      const now = Date.now()
      const until = new Date(now + overlapMs).toISOString()
      const record: TokenRecord = {
        ...{ ...was, digest: digestOf(secret), rotatedAt: new Date(now).toISOString() },
        ...(overlapMs > 0 && { previous: { digest: value.digest, until } }),
      }
      const { ok } = await this.#store.commit({ checks: [{ key, version }], writes: [{ put: key, value: record }] })
      this.#known.delete(id)
      if (ok) return { ...shown(record), secret }
    }
  }

  /** Throws `missing`. */
  async revoke(id: string): Promise<void> {
    for (;;) {
      const { key, value, version } = await this.#entry(id)
      const { ok } = await this.#store.commit({
        checks: [{ key, version }],
        writes: [key, nameKey(value.name), usedKey(id)].map((one) => ({ delete: one })),
      })
      this.#known.delete(id)
      this.#any = undefined
      if (ok) return
    }
  }

  /** Whether there is any, also one that has expired: what was locked does not open by itself. */
  any(): Promise<boolean> {
    const now = Date.now()
    if (this.#any !== undefined && this.#any.until > now) return this.#any.value
    const value = this.#store.range({ ...below(prefix), limit: 1 }).then((found) => found.length > 0)
    const asked = { value, until: now + believedMs }
    this.#any = asked
    // What failed is asked again.
    value.catch(() => this.#any === asked && (this.#any = undefined))
    return value
  }

  /** Whose token that is; undefined when it is none that is valid. */
  async identify(token: string): Promise<Caller | undefined> {
    const id = idIn(token)
    const known = id === undefined ? undefined : await this.#find(id)
    if (known === undefined || !isValid(known.record, token)) return undefined
    await this.#note(known.record.id)
    return known.caller
  }

  /** Whether whose token it is may be answered without asking the Store. */
  isKnown(token: string): boolean {
    const known = this.#known.get(idIn(token) ?? '')
    return known !== undefined && known.until > Date.now()
  }

  /** Whose the token of that id is; undefined when it was revoked or has expired. */
  async callerOf(id: string): Promise<Caller | undefined> {
    const known = await this.#find(id)
    return known !== undefined && !isOver(known.record.expiresAt) ? known.caller : undefined
  }

  async isCurrent(id: string): Promise<boolean> {
    return (await this.callerOf(id)) !== undefined
  }

  async #find(id: string): Promise<Known | undefined> {
    const now = Date.now()
    const known = this.#known.get(id)
    if (known !== undefined && known.until > now) return known
    const record = (await this.#store.get<TokenRecord>(tokenKey(id)))?.value
    if (record === undefined) {
      this.#known.delete(id)
      return undefined
    }
    if (this.#known.size >= remembered) this.#known.clear()
    const { name, rights } = record
    const found = { record, caller: new Caller({ id, name, grants: rights }), until: now + believedMs }
    this.#known.set(id, found)
    return found
  }

  /** Coarse on purpose: a write for each call would cost more than the call. */
  async #note(id: string): Promise<void> {
    const now = Date.now()
    if (now - (this.#noted.get(id) ?? 0) < noteEveryMs) return
    if (this.#noted.size >= remembered) this.#noted.clear()
    this.#noted.set(id, now)
    const noted = await this.#store.get<string>(usedKey(id))
    if (noted !== undefined && now - Date.parse(noted.value) < noteEveryMs) return
    const hour = new Date(now - (now % noteEveryMs)).toISOString()
    await this.#store.commit({ writes: [{ put: usedKey(id), value: hour }] }).catch(() => this.#noted.delete(id))
  }

  async #entry(id: string): Promise<Entry<TokenRecord>> {
    const found = /^[0-9A-Z]{26}$/.test(id) ? await this.#store.get<TokenRecord>(tokenKey(id)) : undefined
    if (found === undefined) throw new ReplicationError('missing', `there is no token ${id.slice(0, 100)}`)
    return found
  }
}

function isValid({ digest, previous, expiresAt }: TokenRecord, token: string): boolean {
  if (isOver(expiresAt)) return false
  return (
    isDigestOf(digest, token) ||
    (previous !== undefined && !isOver(previous.until) && isDigestOf(previous.digest, token))
  )
}

function isOver(time: string | undefined): boolean {
  return time !== undefined && Date.parse(time) <= Date.now()
}

function shown({ digest: _, previous, ...token }: TokenRecord, lastUsedAt?: string): Token {
  return {
    ...token,
    ...(previous !== undefined && !isOver(previous.until) && { overlapsUntil: previous.until }),
    ...(lastUsedAt !== undefined && { lastUsedAt }),
  }
}
