import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { RedisServer } from '../test/redis.ts'
import { Caller } from './calls.ts'
import { Proxy } from './proxy.ts'
import { ServerProcess } from './server-process.ts'

export const engines = ['redis', 'embedded'] as const
export type Engine = (typeof engines)[number]

/** A target and where it can be seen. */
export interface Place {
  readonly agent: string
  /** As the author's agent calls it. */
  readonly target: string
  readonly folder: string
  /** It is a folder of the other server, and the author's receipts name commands of that. */
  readonly far: boolean
}

/** Tries again soon, so that a fault is over when it is over. */
const backoff = { initialMs: 50, maxMs: 1000, factor: 2, jitter: 0.2 }

/**
 * An author (two servers on one Redis, or one with its own state), a publish server, and between all of them and their
 * clients connections that can be broken. Three agents:
 *
 * - `stream` is sent ready-made packages that put and delete the same paths again and again;
 * - `pages` exports from a source, of which the same is true;
 * - `errors` gives up after three tries, has other paths each time, and somebody who moves back what was given up.
 *
 * Each delivers to a directory of the author's and, through the publish server, to one of its.
 */
export class Installation {
  readonly folder: string
  readonly redis: RedisServer | undefined
  readonly authors: readonly ServerProcess[]
  readonly publisher: ServerProcess
  /** Before each author, and before the publish server. */
  readonly doors: readonly Proxy[]
  readonly publisherDoor: Proxy
  readonly clients: Caller
  /** They call without proxies, for what is not to be disturbed. */
  readonly direct: Caller
  readonly publisherDirect: Caller

  private constructor(
    folder: string,
    redis: RedisServer | undefined,
    authors: readonly ServerProcess[],
    publisher: ServerProcess,
    doors: readonly Proxy[],
    publisherDoor: Proxy,
  ) {
    this.folder = folder
    this.redis = redis
    this.authors = authors
    this.publisher = publisher
    this.doors = doors
    this.publisherDoor = publisherDoor
    this.clients = new Caller(doors.map(({ origin }) => origin))
    this.direct = new Caller(authors.map(({ origin }) => origin))
    this.publisherDirect = new Caller([publisher.origin])
  }

  static async start(engine: Engine, folder: string): Promise<Installation> {
    const redis = engine === 'redis' ? await RedisServer.start() : undefined
    const shared = redis === undefined ? {} : { REDIS_URL: redis.url, PACKAGES_DIR: join(folder, 'packages') }
    const authors: ServerProcess[] = []
    for (const name of redis === undefined ? ['author'] : ['author-1', 'author-2'])
      authors.push(await ServerProcess.start(name, join(folder, name), shared))
    const publisher = await ServerProcess.start('publish', join(folder, 'publish'))
    const doors = await Promise.all(authors.map(({ port }) => Proxy.to(port)))
    const publisherDoor = await Proxy.to(publisher.port)
    const installation = new Installation(folder, redis, authors, publisher, doors, publisherDoor)
    await installation.#configure()
    return installation
  }

  get source(): string {
    return join(this.folder, 'source')
  }

  get places(): readonly Place[] {
    return ['stream', 'pages', 'errors'].flatMap((agent) =>
      ['near', 'far'].map((target) => ({
        ...{ agent, target, far: target === 'far' },
        folder: join(this.folder, 'targets', `${agent}-${target}`),
      })),
    )
  }

  async close(): Promise<void> {
    for (const server of [...this.authors, this.publisher]) {
      server.thaw()
      await server.end()
    }
    await Promise.all([...this.doors, this.publisherDoor].map((door) => door.close()))
    await Promise.all([this.clients, this.direct, this.publisherDirect].map((caller) => caller.close()))
    await this.redis?.remove()
  }

  async #configure(): Promise<void> {
    const source = { kind: 'directory', path: this.source }
    mkdirSync(join(this.source, 'content'), { recursive: true })
    for (const agent of ['stream', 'pages', 'errors']) {
      const near = this.places.find((place) => place.agent === agent && !place.far)?.folder
      const far = this.places.find((place) => place.agent === agent && place.far)?.folder
      const given = agent === 'errors' ? { onFailure: 'error-queue', attempts: 3 } : {}
      await this.publisherDirect.insist('POST', '/config', {
        json: { name: agent, targets: [{ name: 'site', kind: 'directory', path: far }], queue: { backoff } },
      })
      await this.direct.insist('POST', '/config', {
        json: {
          ...{ name: agent, queue: { backoff, limit: 1_000_000, ...given } },
          ...(agent !== 'stream' && { source }),
          targets: [
            { name: 'near', kind: 'directory', path: near },
            { name: 'far', kind: 'remote', url: this.publisherDoor.origin, agent },
          ],
        },
      })
    }
  }
}
