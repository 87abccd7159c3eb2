import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { RedisClients } from '../../src/state/redis/clients.ts'
import { openShared } from '../../src/state/redis/store.ts'
import { below, scan, type Store } from '../../src/state/store.ts'
import { freePort, RedisServer } from '../redis.ts'
import { everyCall, ownClients, ownRedis, persistently, unavailable, withRedis } from './given-redis.ts'

interface Watched {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly sentinel: RedisServer
}

/** A master and a replica that has what it has, and the Sentinel that will know of both. */
async function watched(t: TestContext): Promise<Watched> {
  const master = await ownRedis(t)
  const replica = await ownRedis(t, '--replicaof', '127.0.0.1', String(master.port))
  while (!/master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
    await new Promise((resolve) => setTimeout(resolve, 20))
  const sentinel = await RedisServer.sentinelOf(master, 'publishing')
  t.after(() => sentinel.remove())
  while (!/slaves=1,/.test(String(await sentinel.command('INFO', 'sentinel'))))
    await new Promise((resolve) => setTimeout(resolve, 20))
  return { master, replica, sentinel }
}

function clientsOf(t: TestContext, sentinels: readonly number[]): RedisClients {
  const addresses = sentinels.map((port) => `127.0.0.1:${port}`)
  return ownClients(t, { url: 'redis://', sentinels: addresses, sentinelMaster: 'publishing' })
}

/** Commits the next numbers until enough of them were answered. */
async function commit(store: Store, answered: number[], howMany: number): Promise<void> {
  for (const enough = answered.length + howMany; answered.length < enough;) {
    const n = (answered.at(-1) ?? 0) + 1
    // Not known to be done, it is done again: an operator's verbs are conditional, too.
    const outcome = await persistently(() =>
      store.commit({
        checks: [{ key: `n/${n}`, version: null }],
        writes: [
          { append: 'log', value: n },
          { put: `n/${n}`, value: n },
        ],
      }),
    )
    if (!outcome.ok) assert.equal(outcome.failed, `n/${n}`)
    answered.push(n)
  }
}

async function holds(store: Store, answered: readonly number[]): Promise<void> {
  const found: number[] = []
  for await (const { value } of scan<number>(store, below('log/'))) found.push(value)
  assert.deepEqual(found, answered)
}

suite('behind Sentinels', withRedis, () => {
  test('a failover loses nothing that a replica had, and all goes on by itself', async (t) => {
    const { master, replica, sentinel } = await watched(t)
    // Neither one that is away nor one that hangs keeps anybody from the master.
    const hanging = await RedisServer.sentinelOf(master, 'publishing')
    t.after(() => hanging.remove())
    hanging.pause()
    const clients = clientsOf(t, [await freePort(), hanging.port, sentinel.port])
    const careful = openShared(clients, { replicas: 1 })
    const store = openShared(clients)
    const answered: number[] = []
    await commit(careful, answered, 50)
    const followed: number[] = []
    const follower = store.follow<number>('log', 0, new AbortController().signal)[Symbol.asyncIterator]()
    const follow = async (howMany: number): Promise<void> => {
      while (followed.length < howMany) followed.push((await follower.next()).value?.value as number)
    }
    await follow(50)
    const following = follow(70)
    await master.stop('SIGKILL')
    await commit(store, answered, 20)
    assert.match(String(await replica.command('INFO', 'replication')), /role:master/)
    await holds(store, answered)
    await following
    assert.deepEqual(followed, answered)
    // Whoever works goes on, too.
    assert.equal(await clients.workers.ping(), 'PONG')
    await Promise.all([careful.close(), store.close()])
  })

  test('a master that hangs is left for the one that takes its place', async (t) => {
    const { master, replica, sentinel } = await watched(t)
    const clients = clientsOf(t, [sentinel.port])
    const store = openShared(clients)
    const answered: number[] = []
    await commit(openShared(clients, { replicas: 1 }), answered, 5)
    const blocking = clients.workers.duplicate()
    await blocking.ping()
    // The one with the feed is what notices when nobody asks for anything.
    await store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]().next()
    const popped = blocking.blpop('list', 0)
    master.pause()
    const pushing = clients.workers.rpush('list', 'item')
    await commit(store, answered, 5)
    assert.match(String(await replica.command('INFO', 'replication')), /role:master/)
    await holds(store, answered)
    await pushing
    assert.deepEqual(await popped, ['list', 'item'])
    master.resume()
    await commit(store, answered, 5)
    await holds(store, answered)
    await store.close()
  })

  test('without any of them every call is unavailable in time, and closing does not wait for them', async (t) => {
    const { sentinel } = await watched(t)
    const clients = clientsOf(t, [sentinel.port, await freePort()])
    const store = openShared(clients)
    await persistently(() => store.get('a'))
    await sentinel.stop('SIGKILL')
    clients.callers.stream.destroy()
    clients.feed.stream.destroy()
    await Promise.all(everyCall(store).map((call) => unavailable(call)))
    await sentinel.launch()
    await persistently(() => store.get('a'))
    sentinel.pause()
    clients.callers.stream.destroy()
    clients.feed.stream.destroy()
    await Promise.all(everyCall(store).map((call) => unavailable(call)))
    const worker = assert.rejects(clients.workers.blpop('nothing', 0))
    await store.close()
    clients.close()
    await worker
  })
})
