/** Stands before a peer, hands every request on, and keeps what was asked: software of others does not tell. */
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

export class Counter {
  /** Method and path of each, and what it was answered with. */
  readonly asked: { readonly method: string; readonly path: string; readonly status: number }[] = []
  readonly #server: Server

  static async before(t: TestContext, origin: string): Promise<Counter> {
    const counter = new Counter(origin)
    await new Promise<void>((resolve) => counter.#server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      counter.#server.closeAllConnections()
      counter.#server.close()
    })
    return counter
  }

  private constructor(origin: string) {
    this.#server = createServer((incoming, outgoing) => {
      const { method = '', url = '', headers } = incoming
      const onward = request(origin + url, { method, headers }, (answer) => {
        this.asked.push({ method, path: url, status: answer.statusCode ?? 0 })
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(outgoing)
      })
      onward.on('error', () => outgoing.destroy())
      incoming.pipe(onward)
    })
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Requests that would change something. */
  get writes(): string[] {
    return this.asked
      .filter(({ method }) => !['GET', 'HEAD', 'OPTIONS', 'PROPFIND'].includes(method))
      .map(({ method, path, status }) => `${method} ${path} ${status}`)
  }

  forget(): void {
    this.asked.length = 0
  }
}
