import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { RedisAddress } from '../../src/state/redis/address.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { openShared, type SharedOptions } from '../../src/state/redis/store.ts'
import type { Store } from '../../src/state/store.ts'
import { Gate } from '../gate.ts'
import { RedisServer } from '../redis.ts'

/** For tests that start Redis themselves. They wait for deadlines most of the time, so they do it together. */
export const withRedis = {
  skip: !RedisServer.isInstalled && 'NOT TESTED: there is no redis-server on the PATH; install Redis 7 or newer',
  concurrency: 8,
}

export const silent = { info: (): void => undefined, warn: (): void => undefined }

export async function ownRedis(t: TestContext, ...more: string[]): Promise<RedisServer> {
  const server = await RedisServer.start(more)
  t.after(() => server.remove())
  return server
}

export async function protectedRedis(t: TestContext, password: string): Promise<RedisServer> {
  const server = await RedisServer.start([], password)
  t.after(() => server.remove())
  return server
}

/** A way to the server that the test may narrow. */
export async function ownGate(t: TestContext, server: RedisServer): Promise<Gate> {
  const gate = await Gate.to(server.port)
  t.after(() => gate.shut())
  return gate
}

export function ownClients(t: TestContext, address: Partial<RedisAddress> & { readonly url: string }): RedisClients {
  const clients = new RedisClients({ prefix: 'test', ...address }, silent)
  t.after(() => clients.close())
  return clients
}

/** A store on connections of its own, which are there. */
export async function ownStore(t: TestContext, url: string, options: SharedOptions = {}): Promise<Store> {
  const store = openShared(ownClients(t, { url }), options)
  t.after(() => store.close())
  await store.get('there')
  return store
}

/** The call ends as the Store says: `unavailable`, after two seconds at most; the rest is room for a busy machine. */
export async function unavailable(call: Promise<unknown>, message = /./): Promise<void> {
  const since = performance.now()
  await assert.rejects(call, { name: 'ReplicationError', code: 'unavailable', transient: true, message })
  const tookMs = performance.now() - since
  assert.ok(tookMs < 4000, `it took ${Math.round(tookMs)} ms`)
}

/** Every kind of call of a store that cannot be reached. */
export function everyCall(store: Store): Promise<unknown>[] {
  return [
    store.get('a'),
    store.getAll(['a', 'b']),
    store.range({ from: 'a', to: 'b', limit: 1 }),
    store.last('log'),
    store.commit({ writes: [{ add: 'lost', amount: 1 }] }),
    store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]().next(),
  ]
}

/** Once more and once more, until Redis is back. */
export async function persistently<T>(call: () => Promise<T>): Promise<T> {
  for (const deadline = performance.now() + 20_000; ;)
    try {
      return await call()
    } catch (error) {
      if (performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
}
