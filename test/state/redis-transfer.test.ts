import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { Redis } from 'ioredis'
import { entriesOf } from '../../src/state/archive.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { announce } from '../../src/state/redis/presence.ts'
import { openShared } from '../../src/state/redis/store.ts'
import { abandonRedisImport, openRedisInlet, openRedisOutlet } from '../../src/state/redis/transfer.ts'
import type { Store } from '../../src/state/store.ts'
import { forgetPrefix, ownPrefix, RedisServer, sharedRedis } from '../redis.ts'

const silent = { info: (): void => undefined, warn: (): void => undefined }
const fresh = { replace: false, replicas: 0 }
const instead = { replace: true, replicas: 0 }

interface Given {
  readonly prefix: string
  /** Connections of one server or one program more. */
  connect(): Promise<RedisClients>
  readonly clients: RedisClients
  readonly store: Store
}

async function given(t: TestContext): Promise<Given> {
  const url = sharedRedis ?? ''
  const prefix = ownPrefix()
  t.after(() => forgetPrefix(url, prefix))
  const connect = async (): Promise<RedisClients> => {
    const clients = new RedisClients({ url, prefix }, silent)
    t.after(() => clients.close())
    if (clients.callers.status !== 'ready') await new Promise((resolve) => clients.callers.once('ready', resolve))
    return clients
  }
  const clients = await connect()
  return { prefix, connect, clients, store: openShared(clients) }
}

async function put(store: Store, ...values: readonly string[]): Promise<void> {
  await store.commit({ writes: values.map((value) => ({ put: value, value })) })
}

async function keysIn(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const page of entriesOf(store)) keys.push(...page.map(({ key }) => key))
  return keys
}

/** All that Redis holds for this installation. */
async function held(prefix: string): Promise<string[]> {
  const redis = new Redis(sharedRedis ?? '')
  const keys = await redis.keys(`{${prefix}}:*`)
  redis.disconnect()
  return keys.map((key) => key.slice(prefix.length + 3)).toSorted()
}

/** As 15 s after it was killed: nobody has heard of it since. */
async function forgetServers({ prefix, clients }: Given): Promise<void> {
  await clients.callers.del(`{${prefix}}:servers`)
}

suite(
  'on Redis',
  {
    skip: !(RedisServer.isInstalled && sharedRedis !== undefined) && 'there is no Redis: put redis-server on the PATH',
  },
  () => {
    test('an export of a state that nobody changes is of one moment', async (t) => {
      const { connect, store } = await given(t)
      await put(store, 'a', 'b')
      const outlet = await openRedisOutlet(await connect())
      assert.deepEqual(await keysIn(outlet.store), ['a', 'b'])
      await outlet.confirm()
      await outlet.close()
    })

    for (const [what, change] of [
      ['an entry that comes', (store: Store) => put(store, 'c')],
      ['an entry that changes', (store: Store) => store.commit({ writes: [{ put: 'a', value: 'another' }] })],
      ['an entry that goes', (store: Store) => store.commit({ writes: [{ delete: 'b' }] })],
    ] as const)
      test(`${what} while the state is exported makes the export fail`, async (t) => {
        const { connect, store } = await given(t)
        await put(store, 'a', 'b')
        const outlet = await openRedisOutlet(await connect())
        await keysIn(outlet.store)
        await change(store)
        await assert.rejects(outlet.confirm(), { code: 'conflict', message: /stop them/ })
        await outlet.close()
      })

    test('an export whose connection broke does not count', async (t) => {
      const redis = await RedisServer.start()
      t.after(() => redis.remove())
      const clients = new RedisClients({ url: redis.url, prefix: 'own' }, silent)
      t.after(() => clients.close())
      await new Promise((resolve) => clients.callers.once('ready', resolve))
      const outlet = await openRedisOutlet(clients)
      await redis.command('CLIENT', 'KILL', 'TYPE', 'normal')
      await assert.rejects(outlet.confirm(), { code: 'unavailable' })
      await outlet.close()
    })

    test('what is imported is nowhere to be seen, and then all there at once', async (t) => {
      const { connect, store, prefix } = await given(t)
      const inlet = await openRedisInlet(await connect(), fresh)
      await put(inlet.store, 'installation', 'x')
      assert.deepEqual(await keysIn(store), [])
      await inlet.takePlace()
      await inlet.close()
      assert.deepEqual(await keysIn(store), ['installation', 'x'])
      assert.deepEqual(await held(prefix), ['store:keys', 'store:values'])
    })

    test('a state that is there stays, unless it is to be replaced', async (t) => {
      const { connect, store, prefix } = await given(t)
      await put(store, 'old', 'older')
      await assert.rejects(openRedisInlet(await connect(), fresh), { code: 'conflict', message: /--replace/ })
      const inlet = await openRedisInlet(await connect(), instead)
      await put(inlet.store, 'new')
      assert.deepEqual(await keysIn(store), ['old', 'older'])
      await inlet.takePlace()
      await inlet.close()
      assert.deepEqual(await keysIn(store), ['new'])
      assert.deepEqual(await held(prefix), ['store:keys', 'store:values'])
    })

    test('what tells of the folder of packages is no state', async (t) => {
      const { connect, store } = await given(t)
      await put(store, 'packages-folder')
      const inlet = await openRedisInlet(await connect(), fresh)
      await put(inlet.store, 'new')
      await inlet.takePlace()
      await inlet.close()
      assert.deepEqual(await keysIn(store), ['new'])
    })

    test('an import that does not come to its end changes nothing and leaves nothing', async (t) => {
      const { connect, store, prefix } = await given(t)
      await put(store, 'old')
      const inlet = await openRedisInlet(await connect(), instead)
      await put(inlet.store, 'new')
      await inlet.close()
      assert.deepEqual(await keysIn(store), ['old'])
      assert.deepEqual(await held(prefix), ['store:keys', 'store:values'])
    })

    test('servers keep imports out, and imports servers and each other', async (t) => {
      const { connect, prefix } = await given(t)
      const server = await announce(await connect())
      await assert.rejects(openRedisInlet(await connect(), fresh), { code: 'conflict', message: /stop all servers/ })
      await server.leave()
      const inlet = await openRedisInlet(await connect(), fresh)
      await assert.rejects(announce(await connect()), { code: 'conflict', message: /import .* --abandon/ })
      await assert.rejects(openRedisInlet(await connect(), fresh), { code: 'conflict', message: /wait for it/ })
      await assert.rejects(abandonRedisImport(await connect()), { code: 'conflict' })
      await inlet.close()
      await (await announce(await connect())).leave()
      assert.deepEqual(await held(prefix), [])
    })

    test('an import that was killed keeps servers out until it is repeated or given up, and its rest goes', async (t) => {
      const all = await given(t)
      const { connect, store, prefix } = all
      await put(store, 'old')
      for (const repeat of [false, true]) {
        const killed = await connect()
        await put((await openRedisInlet(killed, instead)).store, 'half')
        killed.close()
        await forgetServers(all)
        await assert.rejects(announce(await connect()), { code: 'conflict', message: /--abandon/ })
        if (repeat) {
          const inlet = await openRedisInlet(await connect(), instead)
          await put(inlet.store, 'whole')
          await inlet.takePlace()
          await inlet.close()
        } else {
          assert.equal(await abandonRedisImport(await connect()), true)
          assert.equal(await abandonRedisImport(await connect()), false)
        }
        assert.deepEqual(await keysIn(store), [repeat ? 'whole' : 'old'])
        assert.deepEqual(await held(prefix), ['store:keys', 'store:values'])
      }
    })

    test('an import that stood still while another one came can no longer take the place', async (t) => {
      const all = await given(t)
      const { connect, store, prefix } = all
      const first = await openRedisInlet(await connect(), fresh)
      await put(first.store, 'first')
      await forgetServers(all)
      const second = await openRedisInlet(await connect(), fresh)
      await put(second.store, 'second')
      await put(first.store, 'first too')
      await assert.rejects(first.takePlace(), { code: 'conflict' })
      await first.close()
      await second.takePlace()
      await second.close()
      assert.deepEqual(await keysIn(store), ['second'])
      assert.deepEqual(await held(prefix), ['store:keys', 'store:values'])
    })

    test('a state that came to life meanwhile is not replaced', async (t) => {
      const { connect, store } = await given(t)
      const inlet = await openRedisInlet(await connect(), fresh)
      await put(inlet.store, 'new')
      await put(store, 'somebody was stopped, and went on')
      await assert.rejects(inlet.takePlace(), { code: 'conflict' })
      await inlet.close()
      assert.deepEqual(await keysIn(store), ['somebody was stopped, and went on'])
    })
  },
)
