import type { TestContext } from 'node:test'
import { BullMqWork } from '../../src/queues/bullmq.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { RedisServer } from '../redis.ts'
import { backoff } from './given.ts'

/** For tests that stop, kill or starve a Redis, which must be their own. */
export const needsServer = {
  skip:
    !RedisServer.isInstalled &&
    'NOT TESTED, what becomes of work when Redis fails: there is no redis-server on the PATH',
}

export type WorkOptions = NonNullable<ConstructorParameters<typeof BullMqWork>[2]>

const silent = { info: (): void => undefined, warn: (): void => undefined }

/** What one server has of the Redis that it shares. */
export function openServer(
  url: string,
  prefix: string,
  log: ConstructorParameters<typeof BullMqWork>[1],
  options: WorkOptions,
): { readonly work: BullMqWork; readonly clients: RedisClients } {
  const clients = new RedisClients({ url, prefix }, silent)
  return { clients, work: new BullMqWork(clients, log, options) }
}

/** A test's own Redis and any number of servers on it, which are gone when the test is. */
export class OwnRedis {
  readonly server: RedisServer
  /** The messages of all servers. */
  readonly logged: string[] = []
  readonly #closers: (() => Promise<void>)[] = []

  private constructor(server: RedisServer) {
    this.server = server
  }

  static async start(t: TestContext): Promise<OwnRedis> {
    const server = await RedisServer.start()
    const own = new OwnRedis(server)
    t.after(async () => {
      await Promise.all(own.#closers.map((close) => close()))
      await server.remove()
    })
    return own
  }

  readonly open = (options: WorkOptions = {}): BullMqWork => {
    const log = { error: (_: unknown, message: string): number => this.logged.push(message) }
    const { work, clients } = openServer(this.server.url, 'test', log, { backoff, ...options })
    this.#closers.push(async () => {
      await work.close(0)
      clients.close()
    })
    return work
  }
}
