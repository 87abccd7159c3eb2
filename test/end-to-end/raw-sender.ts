import { once } from 'node:events'
import { request, type ClientRequest, type IncomingMessage } from 'node:http'
import { json } from 'node:stream/consumers'

export interface By {
  readonly delivery: string
  readonly epoch: number
  readonly tag?: string
  readonly from?: number
}

/** Sends a zip to the agent `in`, as another server does, by hand. */
export class RawSender {
  readonly #port: number
  readonly #zip: Buffer
  readonly #token: string | undefined

  constructor(port: number, zip: Buffer, token?: string) {
    this.#port = port
    this.#zip = zip
    this.#token = token
  }

  /** An import whose body is still to be sent. */
  readonly begun = (by: By): ClientRequest => {
    const { from = 0 } = by
    const headers = {
      ...{ ...this.#names(by), 'content-type': 'application/zip', 'content-length': this.#zip.length - from },
      ...{ 'upload-complete': '?1', ...(from > 0 && { 'upload-offset': from }) },
    }
    return this.#request('POST', headers)
  }

  /** How much is there. */
  readonly received = async (by: By): Promise<{ status: number | undefined; received?: number }> => {
    const { status, body } = await ended(this.#request('GET', this.#names(by)))
    return { status, ...(typeof body['received'] === 'number' && { received: body['received'] }) }
  }

  #names({ delivery, epoch, tag = 'a' }: By): Record<string, string | number> {
    return {
      ...{ 'idempotency-key': delivery, 'package-delivery': delivery, 'package-lane': 'x/y/z', 'package-epoch': epoch },
      ...{ 'package-tag': tag, 'upload-length': this.#zip.length },
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
    }
  }

  #request(method: string, headers: Record<string, string | number>): ClientRequest {
    const path = '/replication/agent/in/import'
    const call = request({ host: '127.0.0.1', port: this.#port, method, path, headers })
    // Who is cut off, or cuts himself off, knows.
    return call.on('error', () => undefined)
  }
}

/** Sends the rest, and answers what the server does. */
export async function ended(
  call: ClientRequest,
  rest?: Buffer,
): Promise<{ status: number | undefined; body: Record<string, unknown> }> {
  const answered = once(call, 'response')
  call.end(rest)
  const [response] = (await answered) as [IncomingMessage]
  return { status: response.statusCode, body: (await json(response)) as Record<string, unknown> }
}
