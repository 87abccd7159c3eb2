import { hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { Agent, request, type Dispatcher } from 'undici'
import { ReplicationError, type ErrorCode } from '../errors.ts'
import { agentsWithin, connectWithin } from './bounded-connect.ts'
import type { HostBounds } from './bounds/hosts.ts'
import type { TlsOptions } from './tls.ts'

/** Answers larger than this are no answers of a server that we know. */
const maxAnswerBytes = 4 * 1024 * 1024

/** A longer wait that a server asks for is a mistake, and would leave a queue standing for ever. */
const maxWaitMs = 24 * 3_600_000

/** Where it may reach, and how it speaks TLS. */
interface Manner {
  readonly hosts?: HostBounds | undefined
  readonly tls?: TlsOptions | undefined
}

/** Connections are pooled by origin, kept for a while and bounded in time at every stage. */
const connectMs = 10_000
const patience = {
  // An import is verified whole before it is answered, which takes minutes for the largest.
  headersTimeout: 600_000,
  bodyTimeout: 60_000,
}
/** One for all who have no certificates of their own. */
const sharedAgent = agentsWithin(patience, connectMs)

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** Parsed JSON; undefined for an empty body. */
  readonly body: unknown
}

/** Its body is to be read, or destroyed. */
export interface Download extends Omit<Answer, 'body'> {
  readonly body: Readable
}

export interface Call {
  readonly signal: AbortSignal
  readonly headers?: Readonly<Record<string, string>>
  /** Made when the call is; piped, never held. */
  readonly body?: () => Readable
  /** 304 is an answer too. */
  readonly unchanged?: true
}

type Method = 'GET' | 'HEAD' | 'POST' | 'DELETE'

/** Calls one server's JSON API: redirects are errors, failures become ReplicationErrors that say what to do next. */
export class HttpCaller {
  readonly origin: string
  readonly hosts: HostBounds | undefined
  readonly tls: TlsOptions | undefined
  /** The same for all who call the same server as the same caller. */
  readonly identity: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #dispatcher: Dispatcher

  constructor(origin: string, headers: Readonly<Record<string, string>>, manner: Manner) {
    this.origin = origin
    this.hosts = manner.hosts
    this.tls = manner.tls
    this.identity = hash('sha256', JSON.stringify([origin, headers, manner.tls]))
    this.#headers = headers
    // Its connections go when they have been idle for a few seconds, and it with them.
    this.#dispatcher =
      manner.tls === undefined
        ? sharedAgent(manner.hosts)
        : new Agent({ ...patience, connect: connectWithin(manner.hosts, { timeout: connectMs, ...manner.tls }) })
  }

  async call(method: Method, path: string, call: Call): Promise<Answer> {
    return this.#send(method, path, call, readAnswer)
  }

  /** For an answer that is no JSON. */
  async download(method: Method, path: string, call: Call): Promise<Download> {
    return this.#send(method, path, call, async ({ statusCode, headers, body }) => {
      // Who destroys it unread does so on purpose; who reads it hears of an error by reading.
      body.on('error', () => undefined)
      return { status: statusCode, headers, body }
    })
  }

  async #send<T>(
    method: Method,
    path: string,
    { signal, headers, body, unchanged }: Call,
    read: (response: Dispatcher.ResponseData) => Promise<T>,
  ): Promise<T> {
    const url = new URL(path, this.origin)
    await this.hosts?.demand(url.hostname)
    const content = body?.()
    try {
      const response = await request(url, {
        ...{ method, signal, dispatcher: this.#dispatcher },
        headers: { accept: 'application/json', ...this.#headers, ...headers },
        body: content ?? null,
      })
      const { statusCode } = response
      if ((statusCode >= 200 && statusCode < 300) || (unchanged === true && statusCode === 304))
        return await read(response)
      throw this.#refusal(method, path, await readAnswer(response))
    } catch (error) {
      if (error instanceof ReplicationError) throw error
      signal.throwIfAborted()
      throw new ReplicationError('unavailable', `${this.origin} cannot be reached: ${reasonOf(error)}`, {
        cause: error,
      })
    } finally {
      content?.destroy()
    }
  }

  #refusal(method: string, path: string, { status, headers, body }: Answer): ReplicationError {
    const detail = detailOf(body)
    const [place] = path.split('?')
    const message = `${this.origin} answered ${method} ${place} with ${status}${detail === undefined ? '' : `: ${detail}`}`
    const retryAfterMs = waitOf(headers['retry-after'])
    return new ReplicationError(codeOf(status, body), message, {
      final: isIncomplete(status, body),
      // Whoever says when to come again says that waiting helps, whatever the status.
      transient: status >= 500 || status === 408 || status === 429 || retryAfterMs !== undefined,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }
}

async function readAnswer({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Answer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Uint8Array>) {
    size += chunk.length
    if (size > maxAnswerBytes) throw new ReplicationError('rejected', 'the answer is too long to be one of ours')
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString()
  const json = /^application\/(.+\+)?json\b/.test(String(headers['content-type'] ?? ''))
  try {
    return { status: statusCode, headers, body: json && text !== '' ? JSON.parse(text) : undefined }
  } catch (cause) {
    throw new ReplicationError('unavailable', 'the answer is broken JSON', { cause })
  }
}

function codeOf(status: number, body: unknown): ErrorCode {
  switch (status) {
    case 401:
      return 'unauthenticated'
    case 403:
      return 'forbidden'
    case 404:
      return 'missing'
    case 409:
      return isIncomplete(status, body) ? 'incomplete' : 'conflict'
    case 413:
      return 'too-large'
    case 422:
      return 'corrupt'
    case 429:
      return 'busy'
    default:
      return status >= 500 ? 'unavailable' : 'rejected'
  }
}

/** The other side lacks what was not sent: what else is in conflict may pass. */
function isIncomplete(status: number, body: unknown): boolean {
  return status === 409 && typeof body === 'object' && body !== null && 'code' in body && body.code === 'incomplete'
}

function detailOf(body: unknown): string | undefined {
  const detail = typeof body === 'object' && body !== null && 'detail' in body ? body.detail : undefined
  return typeof detail === 'string' ? detail.slice(0, 500) : undefined
}

/** Seconds or a date, as RFC 9110 has it. */
export function waitOf(header: string | string[] | undefined): number | undefined {
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(0, ms), maxWaitMs)
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const { code } = error as NodeJS.ErrnoException
  return code ?? error.message
}
