import assert from 'node:assert/strict'
import { readdirSync, statSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { below, scan, type Store } from '../../src/state/store.ts'
import type { RedisServer } from '../redis.ts'
import { ownRedis, ownStore, persistently, withRedis } from './given-redis.ts'

/** Commits each number in three places and counts it, until `until` says enough. Answers those that were answered. */
async function committing(store: Store, from: number, enough: () => boolean): Promise<Set<number>> {
  const answered = new Set<number>()
  let next = from
  const caller = async (): Promise<void> => {
    while (!enough()) {
      const n = next++
      try {
        const writes = [
          { put: `a/${n}`, value: n },
          { put: `b/${n}`, value: { n, filling: 'x'.repeat(n % 500) } },
          { append: 'log', value: n },
          { add: 'count', amount: 1 },
        ]
        assert.ok((await store.commit({ writes })).ok)
        answered.add(n)
      } catch (error) {
        assert.equal((error as { code: string }).code, 'unavailable')
      }
    }
  }
  await Promise.all(Array.from({ length: 20 }, caller))
  return answered
}

/** The numbers that are there, each of them in all its places, once. */
async function whole(store: Store): Promise<Set<number>> {
  const inLog: number[] = []
  for await (const entry of scan<number>(store, below('log/'))) inLog.push(entry.value)
  const found = new Set(inLog)
  assert.equal(found.size, inLog.length, 'a commit was done twice')
  const a: number[] = []
  for await (const entry of scan<number>(store, below('a/'))) a.push(entry.value)
  const b: number[] = []
  for await (const entry of scan<{ n: number }>(store, below('b/'))) b.push(entry.value.n)
  assert.deepEqual(new Set(a), found)
  assert.deepEqual(new Set(b), found)
  assert.equal(await store.last('log'), found.size)
  assert.equal((await store.get('count'))?.value ?? 0, found.size)
  return found
}

function appendOnlyFile(server: RedisServer): string {
  const folder = join(server.folder, 'appendonlydir')
  const name = readdirSync(folder).find((file) => file.endsWith('.incr.aof'))
  assert.ok(name !== undefined)
  return join(folder, name)
}

suite('a Redis that is killed', withRedis, () => {
  test('has everything that was answered, and nothing by half, at whatever time it happens', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    const answered = new Set<number>()
    for (let kills = 1; kills <= 6; kills++) {
      let killed = false
      const committed = committing(store, kills * 1_000_000, () => killed)
      await new Promise((resolve) => setTimeout(resolve, kills * 37))
      await server.stop('SIGKILL')
      killed = true
      await server.launch()
      for (const n of await committed) answered.add(n)
      await persistently(() => store.get('there'))
      const found = await whole(store)
      assert.deepEqual(
        [...answered].filter((n) => !found.has(n)),
        [],
      )
    }
    assert.ok(answered.size > 100, `only ${answered.size} commits were answered`)
  })

  test('has nothing by half when its file ends anywhere within a commit, and loses nothing that it takes then', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    let commits = 0
    await committing(store, 0, () => commits++ >= 40)
    let before = (await whole(store)).size
    for (let cuts = 0; cuts < 8; cuts++) {
      await server.stop('SIGKILL')
      const file = appendOnlyFile(server)
      truncateSync(file, statSync(file).size - 1 - 83 * cuts)
      server.mend()
      await server.launch()
      await persistently(() => store.get('there'))
      const { size } = await whole(store)
      assert.ok(size < before, 'nothing was cut off')
      // One that is a single command in the file, and one that is several.
      await store.commit({ writes: [{ put: 'cuts', value: cuts }] })
      commits = 0
      await committing(store, 1_000_000 * (cuts + 1), () => commits++ >= 40)
      before = (await whole(store)).size
      await server.stop()
      await server.launch()
      await persistently(() => store.get('there'))
      assert.equal((await whole(store)).size, before)
      assert.equal((await store.get('cuts'))?.value, cuts)
    }
  })
})
