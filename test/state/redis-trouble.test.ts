import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { callMs, withPatience } from '../../src/state/patience.ts'
import { openShared } from '../../src/state/redis/store.ts'
import { freePort } from '../redis.ts'
import {
  everyCall,
  ownClients,
  ownGate,
  ownRedis,
  ownStore,
  persistently,
  unavailable,
  withRedis,
} from './given-redis.ts'

suite('a Redis that cannot be asked', withRedis, () => {
  test('where nobody listens every call is unavailable in time', async (t) => {
    const store = openShared(ownClients(t, { url: `redis://127.0.0.1:${await freePort()}` }))
    await Promise.all(everyCall(store).map((call) => unavailable(call, /no connection/)))
    await store.close()
  })

  test('one that went away makes every call unavailable in time, and is used again when it is back', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'a', value: 1 }] })
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await server.stop(signal)
      await Promise.all(everyCall(store).map((call) => unavailable(call)))
      const waiting = store.get('a')
      await server.launch()
      assert.equal((await waiting.catch(() => store.get('a')))?.value, 1)
    }
  })

  test('one that hangs makes every call unavailable in time, as often as it is asked', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'a', value: 1 }] })
    server.pause()
    // Longer than the silence after which a connection is given up and another one hangs, too.
    for (let i = 0; i < 3; i++) await Promise.all(everyCall(store).map((call) => unavailable(call)))
    server.resume()
    assert.equal((await persistently(() => store.get('a')))?.value, 1)
    assert.ok((await store.commit({ writes: [{ put: 'b', value: 1 }] })).ok)
  })

  test('one that still loads what it kept makes every call unavailable in time, and is used when it has', async (t) => {
    const server = await ownRedis(t, '--enable-debug-command', 'yes')
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'a', value: 1 }] })
    await server.command('DEBUG', 'POPULATE', 100, 'filling', 2000)
    await server.command('BGREWRITEAOF')
    while (!/aof_rewrite_in_progress:0/.test(String(await server.command('INFO', 'persistence'))))
      await new Promise((resolve) => setTimeout(resolve, 20))
    await server.stop()
    const launching = server.launch('--key-load-delay', '40000', '--loading-process-events-interval-bytes', '1024')
    assert.match(String(await persistently(() => server.command('INFO', 'persistence'))), /loading:1/)
    await Promise.all(everyCall(store).map((call) => unavailable(call, /no connection/)))
    await launching
    assert.equal((await persistently(() => store.get('a')))?.value, 1)
  })

  test('a way on which everything gets lost makes every call unavailable in time, and all goes on when it is mended', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    gate.block()
    for (let i = 0; i < 3; i++) await Promise.all(everyCall(store).map((call) => unavailable(call)))
    gate.unblock()
    assert.ok((await persistently(() => store.commit({ writes: [{ put: 'a', value: 1 }] }))).ok)
    assert.equal((await store.get('a'))?.value, 1)
  })

  test('a call that looks up many things bears a slow Redis for two seconds in all', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    gate.delayMs = 900
    let reads = 0
    const since = performance.now()
    await assert.rejects(
      withPatience(callMs, async () => {
        for (; reads < 10; reads++) await store.get('a')
      }),
      { code: 'unavailable' },
    )
    assert.ok(performance.now() - since < 6000, 'nine seconds would be what ten reads take')
    assert.ok(reads < 4, `${reads} reads were answered`)
  })

  test('a call bears what is normal as often as it likes, after slow answers too', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    await withPatience(callMs, async () => {
      gate.delayMs = 800
      await store.get('a')
      gate.delayMs = 25
      // Together they take longer than the deadline.
      for (let i = 0; i < 100; i++) await Promise.all([store.get('a'), store.get('b')])
      gate.delayMs = 1700
      await unavailable(store.get('a'))
    })
  })

  test('what was not sent in time is never sent', async (t) => {
    const server = await ownRedis(t)
    const gate = await ownGate(t, server)
    const store = await ownStore(t, gate.url)
    await gate.shut()
    await Promise.all(
      Array.from({ length: 20 }, () => unavailable(store.commit({ writes: [{ add: 'late', amount: 1 }] }))),
    )
    await gate.open()
    await persistently(() => store.commit({ writes: [{ put: 'after', value: 1 }] }))
    assert.equal(await store.get('late'), undefined)
  })

  test('who asks while the connection is made anew waits for it', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    for (let i = 1; i <= 20; i++) {
      gate.cut()
      // At any time between the cut and the new connection.
      for (let turns = 0; turns < i; turns++) await new Promise((resolve) => setImmediate(resolve))
      await store.get('a').catch(() => undefined)
      assert.ok((await store.commit({ writes: [{ put: 'a', value: i }] })).ok)
      assert.equal((await store.get('a'))?.value, i)
    }
  })
})

suite('a connection that breaks under a commit', withRedis, () => {
  test('behind it: it was done once, its caller hears unavailable, and it is not done again', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    for (let i = 1; i <= 10; i++) {
      await persistently(() => store.get('a'))
      gate.onAnswer = () => 'cut'
      await unavailable(
        store.commit({
          writes: [
            { add: 'done', amount: 1 },
            { append: 'log', value: i },
          ],
        }),
      )
      gate.onAnswer = undefined
      assert.equal((await persistently(() => store.get('done')))?.value, i)
    }
    assert.equal(await store.last('log'), 10)
  })

  test('before it or within it: nothing of it is done, then or later', async (t) => {
    const gate = await ownGate(t, await ownRedis(t))
    const store = await ownStore(t, gate.url)
    for (const share of [0, 0.01, 0.5, 0.99]) {
      await persistently(() => store.get('a'))
      gate.onRequest = (data) => (share === 0 ? 'cut' : data.subarray(0, data.length * share))
      await unavailable(
        store.commit({
          writes: [
            { add: 'done', amount: 1 },
            { put: 'b', value: 'x'.repeat(1000) },
          ],
        }),
      )
      gate.onRequest = undefined
      await persistently(() => store.commit({ writes: [{ put: 'c', value: share }] }))
      assert.deepEqual(await store.getAll(['done', 'b']), [undefined, undefined])
    }
  })

  test('a cache of scripts that is emptied is filled again, and every commit is done once', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    let running = true
    const flushing = (async (): Promise<void> => {
      while (running) await server.command('SCRIPT', 'FLUSH')
    })()
    for (let i = 0; i < 40; i++) {
      const commits = Array.from({ length: 25 }, () => store.commit({ writes: [{ add: 'done', amount: 1 }] }))
      assert.ok((await Promise.all(commits)).every(({ ok }) => ok))
      assert.equal((await store.range({ from: 'done', to: 'e', limit: 1 }))[0]?.value, (i + 1) * 25)
    }
    running = false
    await flushing
  })
})

// Apart from the others, for it stops them, too.
suite('this process itself', { skip: withRedis.skip }, () => {
  test('a process that was busy for longer than the deadline still takes the answer that is there', async (t) => {
    const store = await ownStore(t, (await ownRedis(t)).url)
    const read = store.get('a')
    const committed = store.commit({ writes: [{ put: 'b', value: 1 }] })
    // What was asked leaves now; then nothing of this process goes on, as when it counts, or its machine sleeps.
    await new Promise((resolve) => setImmediate(resolve))
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, callMs + 500)
    assert.equal(await read, undefined)
    assert.ok((await committed).ok)
  })
})
