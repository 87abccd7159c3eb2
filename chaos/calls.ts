import { setTimeout as pause } from 'node:timers/promises'
import { Agent, fetch } from 'undici'

export interface Call {
  readonly json?: unknown
  readonly zip?: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer<T> {
  readonly status: number
  readonly body: T
}

/** Statuses by which a server says that the same call may do better later. */
const passing = [408, 409, 425, 429]
const patienceMs = 15_000

/** Calls any of several servers, in turn. */
export class Caller {
  readonly #origins: readonly string[]
  readonly #dispatcher = new Agent({ connect: { timeout: 5000 }, pipelining: 1 })
  #turn = 0
  /** Calls that had to be made again. */
  repeated = 0

  constructor(origins: readonly string[]) {
    this.#origins = origins
  }

  /** One try. Throws when there is no whole answer. */
  async call<T>(method: string, path: string, { json, zip, headers }: Call = {}): Promise<Answer<T>> {
    const origin = this.#origins[this.#turn++ % this.#origins.length] ?? ''
    const type = zip !== undefined ? 'application/zip' : json !== undefined ? 'application/json' : undefined
    const response = await fetch(`${origin}/replication${path}`, {
      method,
      headers: { ...(type !== undefined && { 'content-type': type }), ...headers },
      body: zip ?? (json === undefined ? null : JSON.stringify(json)),
      signal: AbortSignal.timeout(patienceMs),
      dispatcher: this.#dispatcher,
    })
    const text = await response.text()
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T }
  }

  /** Calls until there is an answer, which is one of success unless `accepts` another. The caller's key makes it once. */
  async insist<T>(method: string, path: string, call: Call = {}, accepts: readonly number[] = []): Promise<Answer<T>> {
    for (;;) {
      const answer = await this.call<T>(method, path, call).catch(() => undefined)
      const status = answer?.status ?? 0
      if (answer !== undefined && ((status >= 200 && status < 300) || accepts.includes(status))) return answer
      if (status >= 300 && status < 500 && !passing.includes(status))
        throw new Error(`${method} ${path} was answered with ${status}: ${JSON.stringify(answer?.body)}`)
      this.repeated++
      await pause(100)
    }
  }

  /** All pages of a list. */
  async list<T>(path: string): Promise<T[]> {
    const items: T[] = []
    let cursor = ''
    do {
      const page = `${path}${path.includes('?') ? '&' : '?'}limit=500${cursor}`
      const { body } = await this.insist<{ items: T[]; next?: string }>('GET', page)
      items.push(...body.items)
      cursor = body.next === undefined ? '' : `&cursor=${encodeURIComponent(body.next)}`
    } while (cursor !== '')
    return items
  }

  async close(): Promise<void> {
    await this.#dispatcher.destroy()
  }
}
