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

/** Who calls, and whether he may come in at all. What he may do there is said by the `Caller` that it answers. */
export class Access {
  readonly tokens: Tokens
  readonly audit: Audit
  readonly sessions: Sessions
  readonly #adminDigest: string | undefined
  readonly #issuer: Issuer | undefined
  readonly #tries = new Tries(maxWrong)
  readonly #watched = new Map<AbortController, Caller>()
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
    const whose = session === undefined ? undefined : await this.sessions.callerOf(session)
    const caller = whose === undefined ? undefined : await this.#callerOf(whose)
    if (caller === undefined)
      throw new ReplicationError('unauthenticated', 'send Authorization: Bearer and a token, or sign in')
    if ((changes === true && isFromPage !== true) || (origin !== undefined && !isOwn(origin, host ?? '')))
      throw new ReplicationError('forbidden', 'with a session only the page itself may ask for this')
    return caller
  }

  async #callerOf(id: string | Caller): Promise<Caller | undefined> {
    if (typeof id !== 'string') return this.#issuer && id
    if (id === administrator.id) return this.#adminDigest === undefined ? undefined : administrator
    return this.tokens.callerOf(id)
  }

  /** Aborts when the caller may no longer come in. Answers how to stop looking. */
  watch(caller: Caller): { readonly signal: AbortSignal; readonly stop: () => void } {
    const controller = new AbortController()
    this.#watched.set(controller, caller)
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
    const callers = new Map<string, Caller>()
    for (const [controller, caller] of this.#watched)
      if (caller.until === undefined) callers.set(caller.id, caller)
      else if (caller.until <= Date.now()) controller.abort()
    for (const [id, caller] of callers)
      try {
        if (await this.#isCurrent(caller)) continue
        for (const [controller, { id: of }] of this.#watched) if (of === id) controller.abort()
      } catch {
        // The state is away: nothing comes that could be told, and it is looked again.
      }
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
