import { test } from 'node:test'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { openShared } from '../../src/state/redis/store.ts'
import type { Store } from '../../src/state/store.ts'
import { forgetPrefix, ownPrefix, sharedRedis } from '../redis.ts'
import { storeConformance } from './conformance.ts'

const silent = { info: (): void => undefined, warn: (): void => undefined }

/** A store with connections of its own, which end with it. */
function open(url: string, prefix: string): Store {
  const clients = new RedisClients({ url, prefix }, silent)
  const store = openShared(clients)
  const close = store.close.bind(store)
  return Object.assign(store, {
    close: async (): Promise<void> => {
      await close()
      clients.close()
    },
  })
}

if (sharedRedis === undefined)
  test('the Store on Redis', { skip: 'there is no Redis: put redis-server on the PATH, or set TEST_REDIS_URL' })
else
  storeConformance('the shared engine', async () => {
    const prefix = ownPrefix()
    return { open: async () => open(sharedRedis ?? '', prefix), remove: () => forgetPrefix(sharedRedis ?? '', prefix) }
  })
