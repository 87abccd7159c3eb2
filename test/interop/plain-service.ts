/** A service without any conventions but those of HTTP: what is put at `/<type>/<id>` is there; a folder is an array of what is below it. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createHash } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export class PlainService {
  readonly #documents = new Map<string, string>()
  /** An answer waits for it. */
  hold: ((method: string, path: string) => Promise<void> | undefined) | undefined
  readonly #server: Server

  static async start(t: TestContext): Promise<PlainService> {
    const service = new PlainService()
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      service.#server.closeAllConnections()
      service.#server.close()
    })
    return service
  }

  private constructor() {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error: unknown) => response.destroy(error as Error))
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = Buffer.concat((await request.toArray()) as Buffer[]).toString()
    const { method, url = '', headers } = request
    await this.hold?.(method ?? '', url)
    const known = this.#documents.get(url)
    const end = (status: number, content = '', more: Record<string, string> = {}): void =>
      void response
        .writeHead(status, { ...(content !== '' && { 'content-type': 'application/json' }), ...more })
        .end(content)
    if (url.split('/').length < 3) {
      const prefix = url === '/' ? '/' : `${url}/`
      const all = [...this.#documents].filter(([path]) => path.startsWith(prefix)).map(([, text]) => text)
      return method === 'GET' ? end(200, `[${all.join(',')}]`) : end(405)
    }
    if (headers['if-match'] !== undefined && headers['if-match'] !== (known && tagOf(known))) return end(412)
    if (headers['if-none-match'] === '*' && known !== undefined) return end(412)
    if (method === 'PUT') {
      this.#documents.set(url, body)
      return end(known === undefined ? 201 : 204, '', { etag: tagOf(body) })
    }
    if (known === undefined) return end(404)
    if (method === 'DELETE') this.#documents.delete(url)
    return method === 'GET' ? end(200, known, { etag: tagOf(known) }) : end(method === 'DELETE' ? 204 : 405)
  }
}

function tagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url')}"`
}
