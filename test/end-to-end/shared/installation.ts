import { join } from 'node:path'
import { after } from 'node:test'
import { secretsKey } from '../../home.ts'
import { RedisServer } from '../../redis.ts'
import { scratch, Server } from '../server.ts'

/** Several servers behind a Redis of their own, as one installation: the test may kill any of them, and the Redis. */
export class Installation {
  readonly redis: RedisServer
  readonly folder: string
  readonly #packagesDir: string

  private constructor(redis: RedisServer, folder: string) {
    this.redis = redis
    this.folder = folder
    this.#packagesDir = join(folder, 'packages')
  }

  static async start(more: readonly string[] = []): Promise<Installation> {
    const redis = await RedisServer.start(more)
    after(() => redis.remove())
    return new Installation(redis, scratch())
  }

  /** One more server; answers when it is ready. */
  server(env: Readonly<Record<string, string>> = {}): Promise<Server> {
    return Server.start({ env: { ...this.environment, ...env } })
  }

  get environment(): Record<string, string> {
    const own = { REDIS_PREFIX: 'shared', PACKAGES_DIR: this.#packagesDir }
    return { REDIS_URL: this.redis.url, ...own, SECRETS_KEY: secretsKey }
  }
}

/** For tests that need a Redis of their own. */
export const redisNeeded = {
  skip: !RedisServer.isInstalled && 'NOT TESTED: there is no redis-server on the PATH',
}
