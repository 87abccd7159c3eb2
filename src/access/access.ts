import { timingSafeEqual } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import type { Store } from '../state/store.ts'
import { Audit } from './audit.ts'
import { Issuer, issuerOf, type IssuerSettings } from './issuer.ts'
import { isOwn, whyNotLocal, type Facts } from './local.ts'
import { administrator, anonymous, type Caller } from './rights.ts'
import { digestOf, idIn } from './secret.ts'
import { Sessions } from './sessions.ts'
import { Tokens } from './tokens.ts'
import { Tries } from './tries.ts'

/** Wrong tokens that an address may send in a second before it is turned away unheard. */
const maxWrong = 10
/** How often it is looked whether they whom streams are sent to still may have them. */
const lookEveryMs = 1000

interface Settings extends IssuerSettings {
  readonly adminToken?: string | undefined
  readonly auditKeepDays?: number
}

interface Watched {
  readonly caller: Caller
  /** By whose secret he came in, if he has signed in. */
  readonly session: string | undefined
}

/** Who calls, and whether he may come in at all. What he may do there is said by the `Caller` that it answers. */
export class Access {
  readonly tokens: Tokens
  readonly audit: Audit
  readonly sessions: Sessions
  readonly #adminDigest: string | undefined
  readonly #issuer: Issuer | undefined
  readonly #tries = new Tries(maxWrong)
  readonly #watched = new Map<AbortController, Watched>()
  #looking: NodeJS.Timeout | undefined

  /** Throws `invalid` for what cannot be an issuer. */
  constructor(store: Store, { adminToken, auditKeepDays, ...settings }: Settings = {}) {
    this.#issuer = issuerOf(settings)
    this.tokens = new Tokens(store)
    this.audit = new Audit(store, auditKeepDays)
    this.sessions = new Sessions(store)
    this.#adminDigest = adminToken === undefined ? undefined : digestOf(adminToken)
  }

  /** Without any, whoever is on this machine may do everything, and nobody else anything. */
  async hasCredentials(): Promise<boolean> {
    return this.#adminDigest !== undefined || this.#issuer !== undefined || this.tokens.any()
  }

  /**
   * Who asks. Throws `unauthenticated` for a credential that is wrong or not there; `forbidden` for who is not on this machine
   * while there are none; `busy` for who has sent too many wrong ones; `unavailable` where who signs tokens cannot be asked.
   */
  async identify(facts: Facts): Promise<Caller> {
    if (!(await this.hasCredentials())) {
      const reason = whyNotLocal(facts)
      if (reason === undefined) return anonymous
      const detail = `${reason}, and without credentials only calls from the machine itself are served; set ADMIN_TOKEN, or make a token there`
      throw new ReplicationError('forbidden', detail)
    }
    const token = bearerIn(facts.authorization)
    if (token === undefined) return this.#inSession(facts)
    if (this.#isAdmin(token)) return administrator
    // Whoever is known is served, whatever others send from the same address.
    const issuer = Issuer.signs(token) ? this.#issuer : undefined
    if (this.#tries.areTooMany(facts.address) && !(issuer ?? this.tokens).isKnown(token))
      throw new ReplicationError('busy', 'too many wrong tokens came from this address', { retryAfterMs: 1000 })
    // What is no token at all is counted at once, however many come together.
    const known = issuer ?? (idIn(token) === undefined ? undefined : this.tokens)
    const caller = known === undefined ? undefined : await known.identify(token)
    if (caller !== undefined) return caller
    this.#tries.add(facts.address)
    throw new ReplicationError('unauthenticated', 'the token is wrong, expired or revoked')
  }

  /**
   * A browser sends its session along whoever makes it ask: that the page itself asks is said by a header of its own, which a page
   * from elsewhere cannot send, and by where the browser says that it comes from.
   */
  async #inSession({ session, host, origin, changes, isFromPage }: Facts): Promise<Caller> {
    const caller = session === undefined ? undefined : await this.#signedIn(session)
    if (caller === undefined)
      throw new ReplicationError('unauthenticated', 'send Authorization: Bearer and a token, or sign in')
    if ((changes === true && isFromPage !== true) || (origin !== undefined && !isOwn(origin, host ?? '')))
      throw new ReplicationError('forbidden', 'with a session only the page itself may ask for this')
    return caller
  }

  /** Whose session it is; undefined when it is over, or worth nothing any more. */
  async #signedIn(session: string): Promise<Caller | undefined> {
    const whose = await this.sessions.callerOf(session)
    return whose === undefined ? undefined : this.#callerOf(whose)
  }

  async #callerOf(id: string | Caller): Promise<Caller | undefined> {
    if (typeof id !== 'string') return this.#issuer && id
    if (id === administrator.id) return this.#adminDigest === undefined ? undefined : administrator
    return this.tokens.callerOf(id)
  }

  /** Aborts when the caller may no longer come in by what he has sent. Answers how to stop looking. */
  watch(
    caller: Caller,
    { authorization, session }: Partial<Pick<Facts, 'authorization' | 'session'>> = {},
  ): { readonly signal: AbortSignal; readonly stop: () => void } {
    const controller = new AbortController()
    const hasSession = caller !== anonymous && bearerIn(authorization) === undefined
    this.#watched.set(controller, { caller, session: hasSession ? session : undefined })
    this.#looking ??= setInterval(() => void this.#look(), lookEveryMs)
    const stop = (): void => {
      this.#watched.delete(controller)
      if (this.#watched.size > 0) return
      clearInterval(this.#looking)
      this.#looking = undefined
    }
    return { signal: controller.signal, stop }
  }

  async #look(): Promise<void> {
    const asked = new Map<string, Promise<boolean>>()
    const ends = [...this.#watched].map(async ([controller, { caller, session }]) => {
      if (caller.until !== undefined && caller.until <= Date.now()) controller.abort()
      if (caller.until !== undefined && session === undefined) return
      // Of a token once, however many streams it has.
      const who = session === undefined ? `caller ${caller.id}` : `session ${session}`
      const may = asked.get(who) ?? (session === undefined ? this.#isCurrent(caller) : this.#isSignedIn(session))
      asked.set(who, may)
      // When the state is away, nothing comes that could be told, and it is looked again.
      if (!(await may.catch(() => true))) controller.abort()
    })
    await Promise.all(ends)
  }

  async #isSignedIn(session: string): Promise<boolean> {
    return (await this.#signedIn(session)) !== undefined
  }

  async #isCurrent(caller: Caller): Promise<boolean> {
    if (caller === administrator) return true
    return caller === anonymous ? !(await this.hasCredentials()) : this.tokens.isCurrent(caller.id)
  }

  /** Both are hashed first, so that their lengths do not matter. */
  #isAdmin(token: string): boolean {
    if (this.#adminDigest === undefined) return false
    return timingSafeEqual(Buffer.from(this.#adminDigest, 'hex'), Buffer.from(digestOf(token), 'hex'))
  }
}

function bearerIn(authorization: string | undefined): string | undefined {
  return /^Bearer +([\x21-\x7e]{1,8192})$/i.exec(authorization ?? '')?.[1]
}
