import { randomUUID } from 'node:crypto'
import type { Readable } from 'node:stream'
import { setTimeout as pause } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'
import { Ending, exitCodes, usage } from '../ending.ts'
import { say } from '../say.ts'
import type { Certificates } from '../certificates.ts'
import { Refusal } from './refusal.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface Call {
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly json?: unknown
  /** Made anew for each try; absent where it can be read only once: then there is one try. */
  readonly body?: () => Readable
  readonly once?: boolean
  readonly headers?: Readonly<Record<string, string>>
  /** The answer may take so long to begin, in milliseconds. */
  readonly patienceMs?: number
}

export interface Answer<T> {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: T
}

interface Problem {
  readonly title?: string
  readonly detail?: string
  readonly code?: string
  readonly requestId?: string
  readonly errors?: readonly { readonly pointer: string; readonly message: string }[]
  readonly statusList?: readonly { readonly agent: string; readonly error?: { readonly detail: string } }[]
}

/** For so long a server that is not there, or says when to come again, is asked again. */
const patienceMs = 30_000
const firstPauseMs = 250
const usualPatienceMs = 60_000

/** One server's API. */
export class Server {
  readonly #base: URL
  readonly #headers: Readonly<Record<string, string>>
  readonly #signal: AbortSignal
  readonly #dispatcher: Dispatcher

  /** `url`: its origin, or where its API begins. */
  constructor(url: string, token: string | undefined, signal: AbortSignal, tls?: Certificates) {
    if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) throw usage(`--server ${url} is no address of a server`)
    this.#base = new URL(url)
    if (this.#base.username !== '' || this.#base.password !== '')
      throw usage('an address must not hold a password, which others see: use --token-env')
    if (this.#base.pathname === '/') this.#base.pathname = '/replication'
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
    this.#signal = signal
    this.#dispatcher = new Agent({ connect: { timeout: 10_000, ...tls }, headersTimeout: 0, bodyTimeout: 0 })
  }

  get<T>(path: string, call: Call = {}): Promise<Answer<T>> {
    return this.call<T>('GET', path, call)
  }

  /** With a key of its own, so that it is done once however often it is sent. */
  post<T>(path: string, call: Call = {}): Promise<Answer<T>> {
    return this.call<T>('POST', path, { ...call, headers: { 'idempotency-key': randomUUID(), ...call.headers } })
  }

  /** JSON, or undefined where there is none. Throws a Refusal for any answer but a success, an Ending when there is none. */
  async call<T>(method: Method, path: string, call: Call = {}): Promise<Answer<T>> {
    const { statusCode: status, headers, body } = await this.open(method, path, call)
    const text = await body.text()
    return { status, headers, body: (text === '' ? undefined : JSON.parse(text)) as T }
  }

  /** The same, with the body still to be read. */
  async open(method: Method, path: string, call: Call = {}): Promise<Dispatcher.ResponseData> {
    const until = performance.now() + patienceMs
    for (let wait = firstPauseMs; ; wait = Math.min(2 * wait, 5000)) {
      const tried = await this.#try(method, path, call)
      if ('response' in tried) return tried.response
      const pauseMs = tried.retryAfterMs ?? wait
      if (!tried.again || call.once === true || performance.now() + pauseMs > until) throw tried.failure
      say(`${tried.failure.message}; trying again in ${(pauseMs / 1000).toFixed(1)} s`)
      await pause(pauseMs, undefined, { signal: this.#signal })
    }
  }

  async #try(method: Method, path: string, call: Call): Promise<Tried> {
    const { query, json, body, headers } = call
    const url = new URL(this.#base)
    url.pathname = url.pathname.replace(/\/$/, '') + path
    for (const [name, value] of Object.entries(query ?? {}))
      for (const one of [value ?? []].flat()) url.searchParams.append(name, String(one))
    const content = json === undefined ? body?.() : JSON.stringify(json)
    const timeout = AbortSignal.timeout(call.patienceMs ?? usualPatienceMs)
    const late = new AbortController()
    const giveUp = (): void => late.abort(timeout.reason)
    timeout.addEventListener('abort', giveUp)
    try {
      const response = await request(url, {
        ...{ method, dispatcher: this.#dispatcher, signal: AbortSignal.any([this.#signal, late.signal]) },
        headers: {
          accept: 'application/json',
          ...(json !== undefined && { 'content-type': 'application/json' }),
          ...this.#headers,
          ...headers,
        },
        body: content ?? null,
      })
      if (response.statusCode >= 200 && response.statusCode < 300) return { response }
      return await refusal(method, url, response)
    } catch (error) {
      this.#signal.throwIfAborted()
      const { code, message } = error as NodeJS.ErrnoException
      const failure = new Ending(exitCodes.failed, `${url.origin} cannot be reached: ${code ?? message}`, {
        cause: error,
      })
      // A request that was not sent for sure may be sent again; so may one that does the same once and twice.
      return { failure, again: code === 'ECONNREFUSED' || isRepeatable(method, headers) }
    } finally {
      timeout.removeEventListener('abort', giveUp)
      if (typeof content === 'object') content.destroy()
    }
  }
}

type Tried =
  | { readonly response: Dispatcher.ResponseData }
  | { readonly failure: Ending; readonly again: boolean; readonly retryAfterMs?: number }

function isRepeatable(method: Method, headers: Call['headers']): boolean {
  return method === 'GET' || method === 'PUT' || headers?.['idempotency-key'] !== undefined
}

/** In one line, with what its log can be searched for. */
async function refusal(method: Method, url: URL, response: Dispatcher.ResponseData): Promise<Tried> {
  const { statusCode: status, headers, body } = response
  const text = await body.text()
  let problem: Problem = {}
  try {
    problem = JSON.parse(text) as Problem
  } catch {
    // Something between us and the server answered.
  }
  const { detail, title, code, requestId, errors = [], statusList = [] } = problem
  const agents = statusList.map(({ agent, error }) => `${agent}: ${error?.detail ?? 'queued'}`)
  const what = [
    detail ?? title ?? 'no reason was given',
    ...errors.map(({ pointer, message }) => `${pointer || '/'} ${message}`),
    ...(statusList.length > 1 ? agents : []),
  ].join('; ')
  const marks = [code ?? `status ${status}`, ...(requestId === undefined ? [] : [`request ${requestId}`])].join(', ')
  const failure = new Refusal(status, `${method} ${url.pathname}: ${what} (${marks})`)
  const after = headers['retry-after']
  const retryAfterMs = typeof after === 'string' && /^\d{1,6}$/.test(after) ? Number(after) * 1000 : undefined
  const again = status === 503 || (retryAfterMs !== undefined && (status === 429 || status === 409))
  return { failure, again, ...(retryAfterMs !== undefined && { retryAfterMs }) }
}
