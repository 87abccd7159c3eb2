import type { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import type { EndpointContext, EndpointKind, Pulled, Puller } from './endpoint.ts'
import { tlsSchema, tlsSecrets } from './tls.ts'
import { goingOn } from './going-on.ts'
import { HttpCaller, type Download } from './http-caller.ts'

const name = (description: string) => Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$', description })

const options = Type.Object(
  {
    url: Type.String({
      format: 'uri',
      pattern: '^https?://[^/?#]+/?$',
      description: 'Origin of the other server, without a prefix: https://author.example',
    }),
    agent: name('Agent there that has the passive queue.'),
    queue: name('Its passive queue.'),
    token: Type.Optional(Type.String({ minLength: 1, description: 'Sent as a bearer token.' })),
    tls: Type.Optional(tlsSchema),
  },
  { additionalProperties: false },
)
type Options = Static<typeof options>

/** Seconds in which a package must be here, checked and queued. One that takes longer comes again. */
const leaseSeconds = 600

/** Another server's passive queue, for servers that cannot be reached from there: they come and fetch. */
export const pull: EndpointKind<Options> = {
  name: 'pull',
  title: 'The passive queue of another server',
  options,
  secrets: ['token', ...tlsSecrets],
  leads: ({ url }) => [{ at: '/url', url }],
  puller: (chosen, context) => new QueuePuller(chosen, context),
  place: async ({ url, agent, queue }) => ['pull', new URL(url).origin, agent, queue],
}

class QueuePuller implements Puller {
  readonly #agent: string
  readonly #queue: string
  readonly #installation: string
  readonly #caller: HttpCaller

  constructor({ url, agent, queue, token, tls }: Options, { installation, bounds }: EndpointContext) {
    this.#agent = agent
    this.#queue = queue
    this.#installation = installation
    const headers = {
      'user-agent': `trebuchet (${installation})`,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    }
    this.#caller = new HttpCaller(new URL(url).origin, headers, { hosts: bounds?.hosts, tls })
  }

  async next(signal: AbortSignal): Promise<Pulled | undefined> {
    const { status, headers, body } = await this.#pull(signal)
    const item = headers['package-item']
    if (status === 204 || typeof item !== 'string' || !/^[0-9A-Z]{26}$/.test(item)) {
      body.destroy()
      if (status === 204) return undefined
      throw new ReplicationError('rejected', `${this.#caller.origin} answered a pull without an item`)
    }
    const { 'package-part': part, 'package-paths': paths } = headers
    const asked = paths === undefined ? {} : { paths: pathsOf(String(paths)) }
    let { 'package-lease-number': lease } = headers
    const rest = async (from: number): Promise<Readable | undefined> => {
      const again = await this.#pull(signal, { range: `bytes=${from}-`, 'if-range': String(headers['etag']) })
      lease = again.headers['package-lease-number']
      const isSame = again.headers['package-item'] === item && again.headers['package-part'] === part
      if (isSame && again.status === 206 && String(again.headers['content-range']).startsWith(`bytes ${from}-`))
        return again.body
      again.body.destroy()
      return undefined
    }
    return {
      item: part === undefined ? item : `${item}/${String(part)}`,
      body: headers['etag'] === undefined ? body : goingOn(body, rest, signal),
      ...asked,
      acknowledge: async (until) => {
        const query = lease === undefined ? '' : `?lease=${String(lease)}`
        const place = `/replication/agent/${this.#agent}/queues/${this.#queue}/items/${item}${query}`
        try {
          await this.#caller.call('DELETE', place, { signal: until })
        } catch (error) {
          // An earlier acknowledgement, whose answer got lost, has taken it out.
          if (!(error instanceof ReplicationError && error.code === 'missing')) throw error
        }
      },
    }
  }

  /** What a server of ours has pulled before, and not acknowledged, is ours still, and comes again at once. */
  async #pull(signal: AbortSignal, range: Readonly<Record<string, string>> = {}): Promise<Download> {
    const query = new URLSearchParams({ queue: this.#queue, lease: String(leaseSeconds), holder: this.#installation })
    const path = `/replication/agent/${this.#agent}/pull?${query.toString()}`
    return this.#caller.download('POST', path, { signal, headers: { accept: 'application/zip', ...range } })
  }
}

function pathsOf(header: string): string[] {
  try {
    return JSON.parse(decodeURIComponent(header)) as string[]
  } catch (cause) {
    throw new ReplicationError('rejected', 'the other server named paths that cannot be read', { cause })
  }
}
