import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import type { Command, Config, Problem } from './views.ts'

export interface Answer<T> {
  readonly status: number
  readonly headers: Headers
  /** Parsed when it is JSON, otherwise the text. */
  readonly body: T
  readonly text: string
}

export interface Call {
  readonly json?: unknown
  readonly body?: NonNullable<RequestInit['body']>
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: Readonly<Record<string, string | number>> | readonly (readonly [string, string])[]
}

/**
 * Speaks HTTP with one server. Every answer is held against what all answers promise: errors are problem+json with all of
 * its fields, and nothing tells of the server's inside.
 */
export class Client {
  readonly origin: string
  /** Sent with every call. */
  token: string | undefined
  readonly #inside: readonly string[]

  /** `inside`: what no answer may contain. */
  constructor(origin: string, inside: readonly string[]) {
    this.origin = origin
    this.#inside = inside
  }

  get<T>(path: string, call: Call = {}): Promise<Answer<T>> {
    return this.call<T>('GET', `/replication${path}`, call)
  }

  post<T>(path: string, call: Call = {}): Promise<Answer<T>> {
    return this.call<T>('POST', `/replication${path}`, call)
  }

  async call<T>(method: string, path: string, call: Call = {}): Promise<Answer<T>> {
    const response = await this.fetch(method, path, call)
    const text = await response.text()
    const json = /^application\/(.+\+)?json\b/.test(response.headers.get('content-type') ?? '')
    const answer = { status: response.status, headers: response.headers, text }
    this.#check(`${method} ${path}`, answer)
    return { ...answer, body: (json && text !== '' ? JSON.parse(text) : text) as T }
  }

  /** The bare answer, for bytes. */
  fetch(method: string, path: string, { json, body, headers, query }: Call = {}): Promise<Response> {
    const pairs = query === undefined ? [] : Array.isArray(query) ? query : Object.entries(query)
    const search = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, String(value)]))
    const url = new URL(search.size === 0 ? path : `${path}?${search.toString()}`, this.origin)
    const content = json === undefined ? body : JSON.stringify(json)
    return fetch(url, {
      method,
      headers: {
        ...(json !== undefined && { 'content-type': 'application/json' }),
        ...(this.token !== undefined && { authorization: `Bearer ${this.token}` }),
        ...headers,
      },
      ...(content !== undefined && { body: content }),
      signal: AbortSignal.timeout(180_000),
    })
  }

  #check(asked: string, { status, headers, text }: Omit<Answer<unknown>, 'body'>): void {
    for (const secret of this.#inside)
      assert.ok(!text.includes(secret), `${asked} tells of the server's inside (${secret}): ${text.slice(0, 1000)}`)
    assert.doesNotMatch(text, /^\s+at .+:\d+:\d+\)?$|\\n\s+at |node:internal/m, `${asked} answered a stack trace`)
    if (status < 400) return
    assert.equal(headers.get('content-type')?.split(';')[0], 'application/problem+json', `${asked}: ${status} ${text}`)
    const problem = JSON.parse(text) as Problem
    for (const field of ['type', 'title', 'detail', 'code', 'requestId', 'instance'] as const)
      assert.equal(typeof problem[field], 'string', `${asked} answered a problem without ${field}: ${text}`)
    assert.equal(problem.status, status, `${asked}: ${text}`)
  }

  /** Creates an agent; failed deliveries are tried again soon, unless `config` says otherwise. */
  async agent(config: Config): Promise<void> {
    const queue = { backoff: { initialMs: 50, maxMs: 250, factor: 2, jitter: 0 } }
    const { status, text } = await this.post('/config', { json: { queue, ...config } })
    assert.equal(status, 201, text)
  }

  /** Asks one agent and waits until the command is finished. */
  async replicate(agent: string, body: object, verb: 'replicate' | 'export' = 'replicate'): Promise<Command> {
    const {
      status,
      body: command,
      text,
    } = await this.post<Command>(`/agent/${agent}/${verb}`, {
      json: body,
      headers: { prefer: 'wait=30' },
    })
    assert.equal(status, 200, text)
    return isFinished(command) ? command : this.finished(command.id)
  }

  /** As `replicate`, and it must succeed. */
  async deliver(agent: string, body: object): Promise<Command> {
    const command = await this.replicate(agent, body)
    assert.equal(command.state, 'succeeded', JSON.stringify(command, undefined, 1))
    return command
  }

  /** Asks and does not wait; answers the command's id. */
  async send(agent: string, body: object, verb: 'replicate' | 'export' = 'replicate'): Promise<string> {
    const { status, body: accepted, text } = await this.post<{ id: string }>(`/agent/${agent}/${verb}`, { json: body })
    assert.equal(status, 202, text)
    return accepted.id
  }

  async command(id: string): Promise<Command> {
    const { status, body, text } = await this.get<Command>(`/commands/${id}`)
    assert.equal(status, 200, text)
    return body
  }

  /** The command as it is once it has ended. */
  finished(id: string): Promise<Command> {
    assert.equal(typeof id, 'string', 'a command has an id')
    return until(`command ${id} to end`, async () => {
      const command = await this.command(id)
      return isFinished(command) ? command : undefined
    })
  }
}

export function isFinished({ state }: Command): boolean {
  return ['succeeded', 'failed', 'partial', 'cancelled'].includes(state)
}

/** Asks until there is an answer; a failure of `ask` counts as none. The limit only ends what would never end. */
export async function until<T>(what: string, ask: () => Promise<T | undefined | false>, limitMs = 45_000): Promise<T> {
  const start = performance.now()
  let last: unknown
  for (let tries = 0; performance.now() - start < limitMs; tries++) {
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      last = error
    }
    // Who asks all the time takes from the server that he waits for.
    await pause(Math.min(20 + 5 * tries, 100))
  }
  throw new Error(`waited in vain for ${what}`, { cause: last })
}
