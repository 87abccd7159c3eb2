import { setTimeout as sleep } from 'node:timers/promises'
import type { Agent, Dispatcher } from 'undici'
import { ReplicationError } from '../../errors.ts'
import type { HostBounds } from '../bounds/hosts.ts'
import type { EndpointContext } from '../endpoint.ts'
import { reachSteps } from '../reach.ts'
import type { Step } from '../step.ts'
import { answerTo } from './answer.ts'
import { mayRepeat, reasonOf, waitFor } from './patience.ts'
import { keepSecret } from '../../known-secrets.ts'
import { shown, type Method, type Reply } from './reply.ts'
import { isRedirect, redirected } from './redirect.ts'
import type { Chosen } from './chosen.ts'

export interface Asking {
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** A repeat might do it twice, so that only what surely was not done is tried again. */
  readonly once?: boolean
}

const maxRedirects = 10
const accept = 'application/hal+json, application/json, application/yaml;q=0.9, text/yaml;q=0.8, */*;q=0.1'

/** It takes as long to load as a hundred requests take, so nobody waits for it who has something else to do meanwhile. */
const undici = import('undici')
const bounded = import('../bounded-connect.ts')

interface Agents {
  /** With our certificate. */
  readonly own: Agent
  readonly elsewhere: Agent
}

async function agentsFor({ timeoutMs, concurrency, tls }: Chosen, hosts: HostBounds | undefined): Promise<Agents> {
  const [{ Agent }, { connectWithin }] = [await undici, await bounded]
  const bounds = { connections: concurrency, headersTimeout: timeoutMs, bodyTimeout: timeoutMs }
  const timeout = Math.min(timeoutMs, 10_000)
  return {
    own: new Agent({ ...bounds, connect: connectWithin(hosts, { timeout, ...tls }) }),
    elsewhere: new Agent({ ...bounds, connect: connectWithin(hosts, { timeout }) }),
  }
}

/**
 * Requests to one service: paced, tried again while waiting may help, redirected as far as that is safe. Credentials go
 * to its own origin and those that the options name, and nowhere else.
 */
export class RestClient {
  readonly origin: string
  readonly #chosen: Chosen
  readonly #trusted: ReadonlySet<string>
  readonly #agents: Promise<Agents>
  readonly #credentials: Readonly<Record<string, string>>
  readonly #agent: string
  readonly #asking: EndpointContext['asking']
  readonly #hosts: HostBounds | undefined
  #nextAt = 0

  constructor(chosen: Chosen, { installation, asking, bounds }: EndpointContext) {
    this.#asking = asking
    this.#hosts = bounds?.hosts
    this.origin = new URL(chosen.url).origin
    this.#chosen = chosen
    this.#trusted = new Set([this.origin, ...chosen.origins.map((origin) => new URL(origin).origin)])
    this.#credentials = { ...lowerCased(chosen.headers), ...credentialsOf(chosen.auth) }
    this.#agent = `trebuchet (${installation})`
    this.#agents = agentsFor(chosen, this.#hosts)
  }

  /**
   * Answers whatever the service says in the end, also that it will not: only what never came to an answer throws
   * (`unavailable`), a redirect that must not be followed (`rejected`), and what the server's bounds refuse (`forbidden`).
   */
  async ask(method: Method, uri: string, asking: Asking): Promise<Reply> {
    this.#asking?.(method, shown(uri))
    let at = uri
    for (let hops = 0; ; hops++) {
      const reply = await this.#patiently(method, at, asking)
      if (!isRedirect(reply)) return reply
      reply.rest?.destroy()
      const next = redirected(method, at, reply, (origin) => origin === new URL(at).origin || this.#trusted.has(origin))
      if (hops === maxRedirects)
        throw new ReplicationError('rejected', `${method} ${shown(uri)} leads from one place to the next without end`)
      at = next
    }
  }

  /** The way to its origin, as it goes it itself. */
  reachSteps(signal: AbortSignal): Step[] {
    return reachSteps(this.origin, signal, { tls: this.#chosen.tls, hosts: this.#hosts })
  }

  async close(): Promise<void> {
    const { own, elsewhere } = await this.#agents
    await Promise.all([own.destroy(), elsewhere.destroy()])
  }

  async #patiently(method: Method, uri: string, asking: Asking): Promise<Reply> {
    const { attempts } = this.#chosen
    for (let attempt = 1; ; attempt++) {
      await this.#pace(asking.signal)
      const outcome = await this.#once(method, uri, asking)
      if (!mayRepeat(outcome, asking.once === true) || attempt >= attempts) return settled(outcome)
      const waitMs = waitFor(outcome, attempt)
      if (waitMs === undefined) return settled(outcome)
      if ('status' in outcome) outcome.rest?.destroy()
      await sleep(waitMs, undefined, { signal: asking.signal }).catch(() => asking.signal.throwIfAborted())
    }
  }

  async #once(method: Method, uri: string, { signal, headers, body }: Asking): Promise<Reply | ReplicationError> {
    const { origin, hostname, pathname, search } = new URL(uri)
    const trusted = this.#trusted.has(origin)
    const { own, elsewhere } = await this.#agents
    const asked = {
      ...{ origin, path: pathname + search, method: method as Dispatcher.HttpMethod, body: body ?? null },
      headers: { accept, 'user-agent': this.#agent, ...(trusted && this.#credentials), ...headers },
    }
    try {
      await this.#hosts?.demand(hostname)
      return await answerTo(trusted ? own : elsewhere, asked, uri, signal)
    } catch (cause) {
      signal.throwIfAborted()
      if (cause instanceof ReplicationError) return cause
      return new ReplicationError('unavailable', `${method} ${shown(uri)} got no answer: ${reasonOf(cause)}`, { cause })
    }
  }

  async #pace(signal: AbortSignal): Promise<void> {
    const { rateLimit } = this.#chosen
    if (rateLimit === undefined) return
    const now = performance.now()
    const at = Math.max(now, this.#nextAt)
    this.#nextAt = at + 1000 / rateLimit
    if (at > now) await sleep(at - now, undefined, { signal }).catch(() => signal.throwIfAborted())
  }
}

function settled(outcome: Reply | ReplicationError): Reply {
  if ('status' in outcome) return outcome
  throw outcome
}

function credentialsOf(auth: Chosen['auth']): Record<string, string> {
  if (auth?.basic !== undefined) {
    const { username, password } = auth.basic
    const coded = Buffer.from(`${username}:${password}`).toString('base64')
    keepSecret(coded)
    return { authorization: `Basic ${coded}` }
  }
  if (auth?.bearer !== undefined) return { authorization: `Bearer ${auth.bearer}` }
  return auth?.header === undefined ? {} : { [auth.header.name.toLowerCase()]: auth.header.value }
}

function lowerCased(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]))
}
