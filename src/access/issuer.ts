import { hash } from 'node:crypto'
import type { JWTPayload, JWTVerifyGetKey, RemoteJWKSet } from 'jose'
import { ReplicationError } from '../errors.ts'
import { checkerOf } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { isLoopback } from './local.ts'
import { agentPattern, Caller, rights, type Grant } from './rights.ts'

/** Signed with a key that the issuer alone has: with a shared one whoever can check a token could make it. */
const algorithms = [
  ...(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'] as const),
  ...(['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'] as const),
]
/** Access tokens (RFC 9068), and those that do not say what they are; not those by which a user is told to have signed out, or others. */
const types = /^(application\/)?(at\+)?jwt$/i
/** How far clocks may be apart. */
const toleranceSeconds = 10
/** How long a token that was checked is believed without checking its signature again. */
const believedMs = 60_000
const remembered = 1000
/** The issuer is asked again so long after it could not be. */
const retryMs = 5000
const patienceMs = 3000
/** Of its documents. */
const maxBytes = 1_000_000
const maxNameLength = 100
/** What jose says of an answer of the issuer, and not of a token. */
const ofIssuer: ReadonlySet<string> = new Set(['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID'])

const rules = Type.Array(
  Type.Object(
    {
      claim: Type.Optional(Type.String({ minLength: 1 })),
      value: Type.Optional(Type.String({ minLength: 1 })),
      agents: Type.Array(Type.String({ pattern: agentPattern }), { minItems: 1 }),
      can: Type.Array(Type.Enum(rights), { minItems: 1 }),
    },
    { additionalProperties: false },
  ),
)

/** Whose token has the value in that claim, or, without a claim, any token of the issuer, has the rights. */
interface Rule extends Grant {
  /** Its name, or a JSON Pointer into the claims. */
  readonly claim?: string
  readonly value?: string
}

export interface IssuerSettings {
  readonly oidcIssuer?: string
  readonly oidcAudience?: string
  readonly oidcJwksUrl?: string
  /** JSON. */
  readonly oidcRights?: string
  readonly oidcNameClaim?: string
}

/** The identity provider of the settings, if they name one. Throws `invalid`. */
export function issuerOf(settings: IssuerSettings): Issuer | undefined {
  const { oidcIssuer: url, oidcAudience: audience, oidcJwksUrl: keysUrl, oidcRights, oidcNameClaim } = settings
  if (url === undefined) {
    const stray = audience ?? keysUrl ?? oidcRights
    if (stray !== undefined)
      throw new ReplicationError('invalid', 'OIDC_AUDIENCE, OIDC_JWKS_URL and OIDC_RIGHTS need OIDC_ISSUER')
    return undefined
  }
  if (audience === undefined)
    throw new ReplicationError(
      'invalid',
      'OIDC_ISSUER needs OIDC_AUDIENCE: tokens that were made for others would be good here',
    )
  for (const [name, address] of [
    ['OIDC_ISSUER', url],
    ['OIDC_JWKS_URL', keysUrl],
  ] as const)
    if (address !== undefined && !isSafe(address))
      throw new ReplicationError('invalid', `${name} must be an https: URL`)
  return new Issuer({ url, audience, keysUrl, rules: rulesIn(oidcRights ?? '[]'), nameClaim: oidcNameClaim ?? 'sub' })
}

function rulesIn(text: string): readonly Rule[] {
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw new ReplicationError('invalid', 'OIDC_RIGHTS is not JSON', { cause })
  }
  const [fault] = checkerOf(rules)(found)
  if (fault !== undefined)
    throw new ReplicationError('invalid', `OIDC_RIGHTS ${fault.pointer || 'it'} ${fault.message}`)
  for (const [i, { claim, value }] of (found as Rule[]).entries())
    if ((claim === undefined) !== (value === undefined))
      throw new ReplicationError('invalid', `OIDC_RIGHTS /${i} must have both claim and value, or neither`)
  return found as Rule[]
}

/** Keys that come in the clear could be anybody's. */
function isSafe(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname } = new URL(url)
  return protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))
}

interface Of {
  readonly url: string
  readonly audience: string
  readonly keysUrl: string | undefined
  readonly rules: readonly Rule[]
  readonly nameClaim: string
  /** After a look at its keys, for so long none is made for a key that is not known. */
  readonly cooldownMs?: number
}

/** Who signs tokens elsewhere that are good here (OpenID Connect): their signatures are checked with the keys that it publishes. */
export class Issuer {
  readonly #of: Of
  readonly #known = new Map<string, { readonly caller: Caller; readonly until: number }>()
  #keys: Promise<RemoteJWKSet> | undefined
  #notBefore = 0

  constructor(of: Of) {
    this.#of = of
  }

  /** Whether a token has the form of those that issuers sign. */
  static signs(token: string): boolean {
    return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)
  }

  /** Whether whose token it is may be answered without checking it. */
  isKnown(token: string): boolean {
    return this.#find(hash('sha256', token)) !== undefined
  }

  /** Whose token it is; undefined when it is none that is valid. Throws `unavailable` while the issuer's keys cannot be had. */
  async identify(token: string): Promise<Caller | undefined> {
    const digest = hash('sha256', token)
    const known = this.#find(digest)
    if (known !== undefined) return known
    const { jwtVerify, errors } = await import('jose')
    try {
      const { payload, protectedHeader } = await jwtVerify(token, (header, jws) => this.#keyFor(header, jws), {
        ...{ issuer: this.#of.url, audience: this.#of.audience, algorithms: [...algorithms] },
        ...{ requiredClaims: ['exp', 'sub'], clockTolerance: toleranceSeconds },
      })
      if (protectedHeader.typ !== undefined && !types.test(protectedHeader.typ)) return undefined
      const caller = this.#callerOf(payload)
      if (this.#known.size >= remembered) this.#known.clear()
      if (caller !== undefined)
        this.#known.set(digest, { caller, until: Math.min(Date.now() + believedMs, caller.until ?? 0) })
      return caller
    } catch (error) {
      if (error instanceof errors.JOSEError) return undefined
      throw error
    }
  }

  #find(digest: string): Caller | undefined {
    const known = this.#known.get(digest)
    return known !== undefined && known.until > Date.now() ? known.caller : undefined
  }

  #callerOf(payload: JWTPayload): Caller | undefined {
    const { sub, exp } = payload
    if (typeof sub !== 'string' || sub === '' || exp === undefined) return undefined
    const { url, nameClaim } = this.#of
    const called = claimAt(payload, nameClaim)
    const name = (typeof called === 'string' && called !== '' ? called : sub)
      .replaceAll(/\p{C}/gu, ' ')
      .slice(0, maxNameLength)
    return new Caller({
      // The same person, whatever he is called; and never that of a token that was made here.
      id: `oidc-${hash('sha256', JSON.stringify([url, sub])).slice(0, 32)}`,
      name: `${name} (${new URL(url).host})`,
      grants: this.#of.rules.filter((rule) => fits(rule, payload)).map(({ agents, can }) => ({ agents, can })),
      until: (exp + toleranceSeconds) * 1000,
    })
  }

  /** Throws `unavailable` where the keys that are known do not have it, and the issuer cannot be asked. */
  #keyFor: JWTVerifyGetKey = async (header, jws) => {
    const { createLocalJWKSet, errors } = await import('jose')
    const isAway = Date.now() < this.#notBefore
    try {
      if (!isAway) return await (await (this.#keys ??= this.#found()))(header, jws)
      const keys = await this.#keys
      const known = keys?.fresh === true ? keys.jwks() : undefined
      if (known === undefined) throw this.#away()
      return await createLocalJWKSet(known)(header, jws)
    } catch (cause) {
      if (cause instanceof ReplicationError) throw cause
      const isOfToken = cause instanceof errors.JOSEError && !ofIssuer.has(cause.code)
      if (isOfToken && !isAway) throw cause
      if (!isAway) this.#notBefore = Date.now() + retryMs
      throw this.#away(cause)
    }
  }

  #away(cause?: unknown): ReplicationError {
    const { host } = new URL(this.#of.url)
    return new ReplicationError('unavailable', `the keys of ${host}, which signs tokens, cannot be had now`, {
      ...{ cause, retryAfterMs: retryMs },
    })
  }

  async #found(): Promise<RemoteJWKSet> {
    try {
      const { createRemoteJWKSet, customFetch } = await import('jose')
      const url = this.#of.keysUrl ?? (await this.#discovered())
      return createRemoteJWKSet(new URL(url), {
        ...{ timeoutDuration: patienceMs, cooldownDuration: this.#of.cooldownMs ?? 30_000 },
        [customFetch]: bounded,
      })
    } catch (error) {
      this.#keys = undefined
      throw error
    }
  }

  /** Where it says that its keys are: OpenID Connect Discovery 1.0, 4. */
  async #discovered(): Promise<string> {
    const address = `${this.#of.url.replace(/\/$/, '')}/.well-known/openid-configuration`
    const answer = await bounded(address, { signal: AbortSignal.timeout(patienceMs), redirect: 'manual' })
    if (answer.status !== 200) throw new Error(`${address} answered ${answer.status}`)
    const { issuer, jwks_uri: keys } = (await answer.json()) as {
      readonly issuer?: unknown
      readonly jwks_uri?: unknown
    }
    if (issuer !== this.#of.url) throw new Error(`${address} is of another issuer`)
    if (typeof keys !== 'string' || !isSafe(keys)) throw new Error(`${address} names no https: address of keys`)
    return keys
  }
}

/** An answer that is no longer than such documents are. */
async function bounded(address: string, options: RequestInit): Promise<Response> {
  const { status, body } = await fetch(address, options)
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
    length += chunk.length
    if (length > maxBytes) throw new Error(`${address} answered more than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return new Response(status === 204 || status === 304 ? null : Buffer.concat(chunks), { status })
}

function fits({ claim, value }: Rule, payload: JWTPayload): boolean {
  if (claim === undefined) return true
  const found = claimAt(payload, claim)
  if (Array.isArray(found)) return found.includes(value)
  // RFC 6749: scopes are words with spaces between them.
  return typeof found === 'string' && (found === value || (claim === 'scope' && found.split(' ').includes(value ?? '')))
}

/** By its name, or by a JSON Pointer, as some issuers nest them: `/realm_access/roles`. */
function claimAt(payload: JWTPayload, claim: string): unknown {
  if (!claim.startsWith('/')) return Object.hasOwn(payload, claim) ? payload[claim] : undefined
  let at: unknown = payload
  for (const word of claim.slice(1).split('/')) {
    const name = word.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, name)) return undefined
    at = (at as Record<string, unknown>)[name]
  }
  return at
}
