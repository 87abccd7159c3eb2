import { once } from 'node:events'
import { createServer, request as ask, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after } from 'node:test'

/** What is answered instead of passing a call on. */
export interface Refusal {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
}

/** Where a call stands still, on its way or on the way back. */
export interface Hold {
  readonly at: 'start' | 'body' | 'answer'
  readonly until: Promise<unknown>
  /** Called when it stands. */
  onHeld?(): void
}

/** A call as it arrives, before anything of its body has been read. */
export interface Arrival {
  readonly agent: string
  readonly headers: IncomingMessage['headers']
  /** When it came, in ms. */
  readonly at: number
}

/** An HTTP server that stands before one of ours, as a load balancer does: it passes calls on, refuses them, or holds them. */
export class Front {
  /** All calls that carried a package, in the order in which they came. */
  readonly imports: Arrival[] = []
  /** Asked for each of them. Undefined passes it on. */
  onImport: ((call: Arrival) => Refusal | Hold | undefined) | undefined
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

  importsOf(agent: string): readonly Arrival[] {
    return this.imports.filter((one) => one.agent === agent)
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const treatment = this.#treat(request)
    if (treatment !== undefined && 'status' in treatment) {
      request.resume()
      response.writeHead(treatment.status, treatment.headers).end()
      return
    }
    const stand = async (at: Hold['at']): Promise<void> => {
      if (treatment?.at !== at) return
      treatment.onHeld?.()
      await treatment.until
    }
    await stand('start')
    const { method, url: path, headers } = request
    const onward = ask({ port: this.#to, host: '127.0.0.1', method, path, headers })
    onward.on('error', () => response.destroy())
    onward.on('response', (answer) => {
      void stand('answer').then(() => {
        response.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.on('error', () => response.destroy()).pipe(response)
      })
    })
    response.on('close', () => onward.destroy())
    let first = true
    for await (const chunk of request as AsyncIterable<Buffer>) {
      // Half of what came first, so that there always is a rest.
      const half = first ? chunk.length >> 1 : 0
      if (first) onward.write(chunk.subarray(0, half))
      if (first) await stand('body')
      first = false
      if (!onward.write(chunk.subarray(half))) await Promise.race([once(onward, 'drain'), once(onward, 'close')])
    }
    onward.end()
  }

  #treat({ method, url = '', headers }: IncomingMessage): Refusal | Hold | undefined {
    const agent = /\/agent\/([^/]+)\/import$/.exec(url)?.[1]
    if (method !== 'POST' || agent === undefined) return undefined
    const call = { agent, headers, at: Date.now() }
    this.imports.push(call)
    return this.onImport?.(call)
  }
}
