/** A small service of resources, for what the command line says to one; how services differ is tested with the kind `rest`. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export interface Request {
  readonly method: string
  readonly path: string
  readonly authorization: string | undefined
  readonly headers: IncomingMessage['headers']
}

export class Service {
  readonly requests: Request[] = []
  /** By path: `/api/foo/1`. */
  readonly held = new Map<string, Record<string, unknown>>()
  /** Asked for each write: a status instead of doing it. */
  refuses: (path: string) => number | Promise<undefined> | undefined = () => undefined
  readonly #server = createServer((request, response) => {
    this.#answer(request, response).catch(() => response.destroy())
  })

  static async start(t: TestContext): Promise<Service> {
    const service = new Service()
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      service.#server.closeAllConnections()
      service.#server.close()
    })
    return service
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get writes(): string[] {
    return this.requests
      .filter(({ method }) => /^(?:PUT|POST|PATCH|DELETE)$/.test(method))
      .map((one) => `${one.method} ${one.path}`)
  }

  put(type: string, id: string, more: Record<string, unknown> = {}): void {
    const path = `/api/${type}/${id}`
    this.held.set(path, { id, ...more, _links: { self: { href: path } } })
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request
    const path = new URL(request.url ?? '/', 'http://here').pathname
    this.requests.push({ method, path, authorization: headers.authorization, headers })
    const chunks: Buffer[] = []
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
    const answer = (status: number, body?: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/hal+json; charset=utf-8' })
      response.end(body === undefined ? undefined : JSON.stringify(body))
    }
    const isItem = path.split('/').length === 4
    if (method === 'GET' && isItem) {
      const found = this.held.get(path)
      return answer(found === undefined ? 404 : 200, found ?? { message: 'there is none' })
    }
    if (method === 'GET') {
      const items = [...this.held].filter(([one]) => one.startsWith(`${path}/`)).map(([, item]) => item)
      return answer(200, { items, count: items.length, _links: { self: { href: path } } })
    }
    if (method === 'OPTIONS') return answer(204)
    const status = await this.refuses(path)
    if (status !== undefined) return answer(status, { message: 'it will not do', retryable: false })
    if (method === 'DELETE') return answer(this.held.delete(path) ? 204 : 404)
    if (method !== 'PUT' || !isItem) return answer(405, { message: 'not here' })
    const isNew = !this.held.has(path)
    this.held.set(path, JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>)
    return answer(isNew ? 201 : 200, this.held.get(path))
  }
}
