import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Heard {
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/** Whoever is called by hooks, over real HTTP. It answers with these statuses in turn, then 204; 0 is no answer at all. */
export class HookReceiver {
  readonly heard: Heard[] = []
  /** Said with each answer. */
  retryAfter: string | undefined
  readonly #statuses: number[] = []
  readonly #server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      this.heard.push({ headers: request.headers, body: Buffer.concat(chunks).toString() })
      const status = this.#statuses.shift() ?? 204
      if (status === 0) return
      if (status >= 300 && status < 400) response.setHeader('location', this.url)
      if (this.retryAfter !== undefined) response.setHeader('retry-after', this.retryAfter)
      response.writeHead(status).end()
    })
  })

  static async start(): Promise<HookReceiver> {
    const receiver = new HookReceiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/republish`
  }

  answer(...statuses: number[]): void {
    this.#statuses.push(...statuses)
  }

  get ids(): unknown[] {
    return this.heard.map(({ headers }) => headers['webhook-id'])
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
