import { once } from 'node:events'
import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'

/** What is answered instead of passing a call on. */
export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

/** A call as it arrives, before anything of its body has been read. */
export interface Arrival {
  readonly method: string
  readonly path: string
  readonly headers: IncomingMessage['headers']
  /** When it came, in ms. */
  readonly at: number
}

/** An HTTP server that stands before one of ours, as a load balancer does: it passes calls on, refuses them, or holds them. */
export class Front {
  /** All calls that carried a package, in the order in which they came. */
  readonly imports: Arrival[] = []
  /** Asked for each of them; what it waits for is waited for. Undefined passes it on. */
  onImport: ((call: Arrival) => Promise<Refusal | undefined> | Refusal | undefined) | undefined
  /** As much of each import is passed on, and then nothing more until it is set anew. */
  mostBytes = Infinity
  /** Called when there is nothing more to pass on because of `mostBytes`. */
  onFull: (() => void) | undefined
  readonly #server: Server
  readonly #to: number

  private constructor(to: number) {
    this.#to = to
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch(() => response.destroy())
    })
  }

  static async before(port: number): Promise<Front> {
    const front = new Front(port)
    front.#server.listen(0, '127.0.0.1')
    await once(front.#server, 'listening')
    after(() => {
      front.#server.closeAllConnections()
      front.#server.close()
    })
    return front
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request
    const isImport = method === 'POST' && path.endsWith('/import')
    if (isImport) {
      const call = { method, path, headers, at: Date.now() }
      this.imports.push(call)
      const refusal = await this.onImport?.(call)
      if (refusal !== undefined) {
        request.resume()
        response.writeHead(refusal.status, refusal.headers).end()
        return
      }
    }
    const onward = ask({ port: this.#to, host: '127.0.0.1', method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
      answer.on('error', () => response.destroy())
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    let passed = 0
    for await (const chunk of request as AsyncIterable<Buffer>) {
      if (isImport && passed + chunk.length > this.mostBytes) {
        this.onFull?.()
        while (passed + chunk.length > this.mostBytes && !request.destroyed)
          await new Promise((resolve) => setTimeout(resolve, 20))
      }
      passed += chunk.length
      if (!onward.write(chunk)) await Promise.race([once(onward, 'drain'), once(onward, 'close')])
    }
    onward.end()
  }
}
