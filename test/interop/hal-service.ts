/**
 * A HAL service with the conventions of microcosm: collections at `/api/<type>` in pages with `items`, discovery at `/api/`,
 * entity tags, parents that must be there, batches by PATCH. It can be told to fail.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { hal } from '../../src/documents/schema.ts'
import { fieldOf, isFields, type Fields, type Value } from '../../src/documents/value.ts'

export interface Asked {
  readonly method: string
  /** Path and query. */
  readonly path: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Breaks the connection off instead of ending the body. */
  readonly breaks?: boolean
}

/** What it says of a request instead of handling it; undefined to handle it. */
export type Fault = (asked: Asked, times: number) => Answer | undefined | Promise<Answer | undefined>

export interface HalOptions {
  /** Resources in a page when nobody asks for a number. */
  readonly pageSize?: number
  readonly latencyMs?: number
  /** Of requests: without it they are answered with 401. */
  readonly authorization?: string
  /** Begins its links with this, instead of leaving them relative. */
  readonly links?: string
  /** `none`: it has no entity tags; `weak`: they say nothing about bytes. */
  readonly tags?: 'strong' | 'weak' | 'none'
  /** Takes an `If-Match`; without it, it does not look at it. */
  readonly honours?: boolean
  /** What PATCH of a collection does not take. */
  readonly culprits?: readonly string[]
}

export class HalService {
  readonly asked: Asked[] = []
  /** By the path of each. */
  readonly documents = new Map<string, Fields>()
  fault: Fault | undefined
  readonly #options: HalOptions
  readonly #server: Server
  readonly #times = new Map<string, number>()

  static async start(t: TestContext, options: HalOptions = {}): Promise<HalService> {
    const service = new HalService(options)
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      service.#server.closeAllConnections()
      service.#server.close()
    })
    return service
  }

  private constructor(options: HalOptions) {
    this.#options = options
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)))
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Puts it there behind everybody's back. `/api/<type>/<id>` is where it is. */
  add(
    type: string,
    id: string,
    members: Readonly<Record<string, Value>> = {},
    links: Readonly<Record<string, Value>> = {},
  ): void {
    const path = `/api/${type}/${id}`
    const self = { href: (this.#options.links ?? '') + path }
    this.documents.set(path, { id, ...members, _links: { self, ...links } })
  }

  /** Requests that would change something. */
  get writes(): readonly Asked[] {
    return this.asked.filter(({ method }) => !['GET', 'HEAD', 'OPTIONS'].includes(method))
  }

  forget(): void {
    this.asked.length = 0
    this.#times.clear()
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks = (await request.toArray()) as Buffer[]
    const { method = '', url = '', headers } = request
    const asked = { method, path: url, headers, body: Buffer.concat(chunks).toString() }
    this.asked.push(asked)
    if (this.#options.latencyMs !== undefined) await sleep(this.#options.latencyMs)
    const key = `${method} ${url}`
    const times = (this.#times.get(key) ?? 0) + 1
    this.#times.set(key, times)
    const {
      status,
      headers: own = {},
      body = '',
      breaks = false,
    } = (await this.fault?.(asked, times)) ?? this.#answer(asked)
    const type =
      body.startsWith('{') || body.startsWith('[') ? { 'content-type': 'application/hal+json; charset=utf-8' } : {}
    const length = breaks ? { 'content-length': String(body.length + 1) } : {}
    response.writeHead(status, { ...type, ...own, ...length })
    if (!breaks) response.end(method === 'HEAD' ? '' : body)
    else response.write(body, () => response.destroy())
  }

  #answer(asked: Asked): Answer {
    const { method, headers } = asked
    const { authorization } = this.#options
    if (authorization !== undefined && headers['authorization'] !== authorization) return refused(401, 'who are you?')
    const url = new URL(asked.path, this.origin)
    const [, api, type, id, ...more] = url.pathname.split('/')
    if (api !== 'api' || more.length > 0) return refused(404, 'nothing is there')
    if (type === undefined || type === '') return method === 'GET' ? this.#discovery() : refused(405, 'read it')
    if (id === undefined) return this.#collection(asked, url, type)
    return this.#item(asked, url.pathname)
  }

  #discovery(): Answer {
    const types = [...new Set([...this.documents.keys()].map((path) => path.split('/')[2] ?? ''))]
    const search = types.map((type) => ({ href: `${this.#options.links ?? ''}/api/${type}`, type }))
    return good({ _links: { self: { href: '/api/' }, search } })
  }

  #collection({ method, headers, body }: Asked, url: URL, type: string): Answer {
    if (method === 'OPTIONS') return { status: 204, headers: { allow: 'GET, HEAD, OPTIONS, PATCH, POST' } }
    if (method === 'PATCH') return this.#patch(body, type)
    if (method !== 'GET') return refused(405, 'not that')
    const all = [...this.documents].filter(([path]) => path.split('/')[2] === type).map(([, document]) => document)
    const asked = url.searchParams.get('limit') ?? headers['x-request-limit']
    const limit = Math.min(Number(asked ?? 20), this.#options.pageSize ?? 1000)
    const offset = Math.max(0, Number(url.searchParams.get('offset') ?? 0))
    const at = (from: number): { href: string } => {
      return { href: `${this.#options.links ?? ''}${url.pathname}?offset=${from}&limit=${limit}` }
    }
    const _links = {
      self: at(offset),
      ...(offset + limit < all.length && { next: at(offset + limit) }),
      // As the original has it, also below nothing.
      ...(offset > 0 && { prev: at(offset - limit) }),
    }
    const page = printJson(all.slice(offset, offset + limit))
    const rest = JSON.stringify({ offset, limit, count: all.length, _links })
    return {
      status: 200,
      headers: { 'x-total-count': String(all.length) },
      body: `${rest.slice(0, -1)}, "items": ${page}}`,
    }
  }

  #item({ method, headers, body }: Asked, path: string): Answer {
    const known = this.documents.get(path)
    const { honours = true } = this.#options
    if (method === 'GET') return known === undefined ? refused(404, 'nothing is there') : this.#shown(200, known)
    if (honours && headers['if-none-match'] === '*' && known !== undefined) return refused(412, 'it is there')
    if (honours && headers['if-match'] !== undefined && headers['if-match'] !== (known && tagOf(known)))
      return refused(412, 'it is another')
    if (method === 'DELETE') return known === undefined ? refused(404, 'nothing is there') : this.#remove(path)
    if (method !== 'PUT') return refused(405, 'not that')
    const fault = this.#put(path, parseJson(body))
    return fault ?? this.#shown(known === undefined ? 201 : 200, this.documents.get(path) ?? {})
  }

  #put(path: string, document: Value): Answer | undefined {
    if (!isFields(document)) return refused(422, 'that is no document')
    const missing = hal.parents(document).find((parent) => !this.documents.has(new URL(parent, this.origin).pathname))
    if (missing !== undefined) return refused(409, `${missing} is not there`)
    const self = { href: (this.#options.links ?? '') + path }
    const links = fieldOf(document, '_links')
    this.documents.set(path, { ...document, _links: { self, ...(isFields(links) ? links : {}) } })
    return undefined
  }

  #patch(body: string, type: string): Answer {
    const items = fieldOf(parseJson(body), 'items') as readonly Value[]
    const ids = items.map((item) => String(hal.id(item)))
    const culprit = ids.find((id) => this.#options.culprits?.includes(id) === true)
    if (culprit !== undefined) return refused(422, `${culprit} is not to be taken`)
    for (const [i, item] of items.entries()) {
      const fault = this.#put(`/api/${type}/${ids[i]}`, item)
      if (fault !== undefined) return fault
    }
    return { status: 204 }
  }

  #remove(path: string): Answer {
    for (const document of this.documents.values())
      if (hal.parents(document).some((parent) => new URL(parent, this.origin).pathname === path))
        return refused(409, 'others depend on it')
    this.documents.delete(path)
    return { status: 204 }
  }

  #shown(status: number, document: Fields): Answer {
    const { tags = 'strong' } = this.#options
    const tag = tags === 'strong' ? tagOf(document) : `W/${tagOf(document)}`
    return { status, headers: tags === 'none' ? {} : { etag: tag }, body: printJson(document) }
  }
}

function tagOf(document: Fields): string {
  return `"${createHash('sha256').update(printJson(document)).digest('hex').slice(0, 20)}"`
}

function good(body: unknown): Answer {
  return { status: 200, body: JSON.stringify(body) }
}

export function refused(status: number, message: string, more: Readonly<Record<string, unknown>> = {}): Answer {
  return { status, body: JSON.stringify({ code: status, message, ...more }) }
}
