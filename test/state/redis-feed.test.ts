import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callMs, withPatience } from '../../src/state/patience.ts'
import { openShared } from '../../src/state/redis/store.ts'
import type { Store } from '../../src/state/store.ts'
import { ownClients, ownGate, ownRedis, ownStore, persistently, withRedis } from './given-redis.ts'

/** Appends numbers, each once, whatever happens to Redis: who does not know whether one was appended looks. */
class Numbers {
  readonly #store: Store
  #last = 0

  constructor(store: Store) {
    this.#store = store
  }

  async append(howMany: number): Promise<void> {
    for (let i = 0; i < howMany; i++) {
      const n = this.#last + 1
      await persistently(async () => {
        if ((await this.#store.last('log')) >= n) return
        await this.#store.commit({
          checks: [{ key: 'number', atMost: n - 1 }],
          writes: [
            { append: 'log', value: n },
            { put: 'number', value: n },
          ],
        })
      })
      this.#last = n
    }
  }
}

/** Follows until `count` numbers are there. Fails at once for a gap, a repeat, or an error. */
async function followed(store: Store, count: number): Promise<void> {
  let seen = 0
  for await (const { value, sequence } of store.follow<number>('log', 0, new AbortController().signal)) {
    assert.deepEqual([value, sequence], [seen + 1, seen + 1])
    if (++seen === count) return
  }
}

suite('followers', withRedis, () => {
  test('go on after Redis was stopped, killed and paused, without gap or repeat', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    const numbers = new Numbers(store)
    const following = [store, await ownStore(t, server.url)].map((one) => followed(one, 60))
    await numbers.append(10)
    for (const trouble of ['SIGTERM', 'SIGKILL'] as const) {
      const appending = numbers.append(10)
      await server.stop(trouble)
      await new Promise((resolve) => setTimeout(resolve, 300))
      await server.launch()
      await appending
      await numbers.append(10)
    }
    server.pause()
    setTimeout(() => server.resume(), 3000)
    await numbers.append(10)
    await Promise.all(following)
  })

  test('go on after their connections were cut, again and again', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    const numbers = new Numbers(store)
    const following = followed(store, 200)
    for (let i = 0; i < 20; i++) {
      const appending = numbers.append(10)
      await new Promise((resolve) => setTimeout(resolve, i))
      gate.cut()
      await appending
    }
    await following
  })

  test('go on when the way of one of them gets lost, while others append', async (t) => {
    const server = await ownRedis(t)
    const gate = await ownGate(t, server)
    const numbers = new Numbers(await ownStore(t, server.url))
    const following = followed(await ownStore(t, gate.url), 30)
    await numbers.append(10)
    gate.block()
    await numbers.append(10)
    await new Promise((resolve) => setTimeout(resolve, 3000))
    gate.unblock()
    await numbers.append(10)
    await following
  })

  test('miss nothing when the feed was cut short, lost, or begins again with smaller ids', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    const numbers = new Numbers(store)
    const following = followed(store, 80)
    const feed = '{test}:store:feed'
    await numbers.append(10)
    for (const lose of [
      ['XTRIM', feed, 'MAXLEN', 0],
      ['DEL', feed],
    ] as const) {
      server.pause()
      const appending = numbers.append(1)
      server.resume()
      await appending
      await numbers.append(9)
      await server.command(lose[0], ...lose.slice(1))
      await numbers.append(10)
    }
    // As after a failover to a machine whose clock is behind.
    const [[newest]] = (await server.command('XREVRANGE', feed, '+', '-', 'COUNT', 1)) as [[string]]
    await server.command('XADD', feed, `${Number(newest.split('-')[0]) + 3_600_000}-0`, 'log', 'other')
    await new Promise((resolve) => setTimeout(resolve, 100))
    await server.command('DEL', feed)
    await numbers.append(30)
    await following
  })

  test('begin when the connection for it is there, however late', async (t) => {
    const server = await ownRedis(t)
    const gate = await ownGate(t, server)
    const clients = ownClients(t, { url: gate.url })
    const store = openShared(clients)
    t.after(() => store.close())
    await store.commit({ writes: [{ append: 'log', value: 1 }] })
    // The feed's is broken, and only the feed's.
    await persistently(() => clients.feed.ping())
    const id = await clients.feed.client('ID')
    const following = server.command('CLIENT', 'KILL', 'ID', String(id)).then(() => followed(store, 1))
    await following
  })

  test('have patience of their own, however long the call lasts that began them', async (t) => {
    const server = await ownRedis(t)
    const gate = await ownGate(t, server)
    const numbers = new Numbers(await ownStore(t, server.url))
    const store = await ownStore(t, gate.url)
    const following = withPatience(callMs, () => store.follow('log', 0, new AbortController().signal))
    const follower = following[Symbol.asyncIterator]()
    gate.delayMs = 300
    for (let i = 1; i <= 5; i++) {
      const next = withPatience(callMs, () => follower.next())
      await numbers.append(1)
      assert.equal((await next).value?.sequence, i)
    }
  })

  test('end with their signal at once, and with the store, while Redis hangs', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ append: 'log', value: 1 }] })
    const abort = new AbortController()
    const one = store.follow('log', 0, abort.signal)[Symbol.asyncIterator]()
    const other = store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]()
    assert.equal((await one.next()).value?.sequence, 1)
    assert.equal((await other.next()).value?.sequence, 1)
    server.pause()
    const ended = one.next()
    const closed = assert.rejects(other.next(), { code: 'unavailable', message: 'the store is closed' })
    await new Promise((resolve) => setTimeout(resolve, 50))
    abort.abort()
    assert.deepEqual(await ended, { done: true, value: undefined })
    await store.close()
    await closed
    server.resume()
  })
})
