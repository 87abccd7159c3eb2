import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { RedisServer } from '../redis.ts'
import { ownRedis, ownStore, persistently, unavailable, withRedis } from './given-redis.ts'

/** A master, and a replica that has what it has. */
async function pair(t: TestContext): Promise<{ master: RedisServer; replica: RedisServer }> {
  const master = await ownRedis(t)
  const replica = await ownRedis(t, '--replicaof', '127.0.0.1', String(master.port))
  while (!/master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
    await new Promise((resolve) => setTimeout(resolve, 20))
  return { master, replica }
}

suite('a store that asks for replicas', withRedis, () => {
  test('answers a commit when its replica has it, also of many at once, with scripts forgotten', async (t) => {
    const { master, replica } = await pair(t)
    const store = await ownStore(t, master.url, { replicas: 1 })
    const reading = await ownStore(t, replica.url)
    for (let i = 1; i <= 20; i++) {
      if (i % 5 === 0) await master.command('SCRIPT', 'FLUSH')
      const commits = Array.from({ length: 30 }, (_, n) =>
        store.commit({
          writes: [
            { put: `${i}/${n}`, value: n },
            { add: 'sum', amount: 1 },
          ],
        }),
      )
      await Promise.race(commits)
      assert.ok(Number((await reading.get('sum'))?.value) >= (i - 1) * 30 + 1)
      assert.ok((await Promise.all(commits)).every(({ ok }) => ok))
      assert.equal((await reading.get('sum'))?.value, i * 30)
    }
  })

  test('says unavailable without them, and reads go on meanwhile', async (t) => {
    const { master, replica } = await pair(t)
    const store = await ownStore(t, master.url, { replicas: 1 })
    assert.ok((await store.commit({ writes: [{ put: 'a', value: 1 }] })).ok)
    for (const trouble of ['hangs', 'is gone'] as const) {
      if (trouble === 'hangs') replica.pause()
      else await replica.stop('SIGKILL')
      let reads = 0
      const commits = Promise.all(
        Array.from({ length: 20 }, () =>
          unavailable(store.commit({ writes: [{ add: 'b', amount: 1 }] }), /0 of 1 replicas|has not answered/),
        ),
      )
      let waiting = true
      const reading = (async (): Promise<void> => {
        for (; waiting; reads++) assert.equal((await store.get('a'))?.value, 1)
      })()
      await commits
      waiting = false
      await reading
      assert.ok(reads > 10, `only ${reads} reads were answered`)
      // A check that fails writes nothing, so nobody needs to have it.
      const failed = await persistently(() =>
        store.commit({ checks: [{ key: 'a', version: null }], writes: [{ put: 'a', value: 2 }] }),
      )
      assert.deepEqual(failed, { ok: false, failed: 'a' })
      if (trouble === 'hangs') replica.resume()
      else await replica.launch()
      assert.ok((await persistently(() => store.commit({ writes: [{ put: 'a', value: 1 }] }))).ok)
    }
  })

  test('says unavailable where there are fewer than it asks for', async (t) => {
    const { master } = await pair(t)
    const store = await ownStore(t, master.url, { replicas: 2 })
    await unavailable(store.commit({ writes: [{ put: 'a', value: 1 }] }), /only 1 of 2 replicas/)
  })

  test('closes while replicas are missing', async (t) => {
    const { master, replica } = await pair(t)
    const store = await ownStore(t, master.url, { replicas: 1 })
    await replica.stop('SIGKILL')
    const commits = Promise.all(
      Array.from({ length: 5 }, () => unavailable(store.commit({ writes: [{ put: 'a', value: 1 }] }))),
    )
    await store.close()
    await commits
  })
})
