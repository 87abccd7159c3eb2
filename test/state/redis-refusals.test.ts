import assert from 'node:assert/strict'
import { mkdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import type { Store } from '../../src/state/store.ts'
import { ownClients, ownRedis, ownStore, persistently, unavailable, withRedis } from './given-redis.ts'
import { openShared } from '../../src/state/redis/store.ts'
import type { RedisServer } from '../redis.ts'

/** A batch of all kinds of writes is refused, and nothing of it is there. */
async function refusesAll(store: Store, message: RegExp): Promise<void> {
  const batch = {
    writes: [
      { put: 'new', value: 'x' },
      { add: 'count', amount: 1 },
      { append: 'log', value: 'x', index: 'index' },
      { delete: 'old' },
    ],
  }
  await unavailable(store.commit(batch), message)
  const found = await store.getAll(['new', 'count', 'log/0000000000000001', 'index', 'old'])
  assert.deepEqual(
    found.map((entry) => entry?.value),
    [undefined, undefined, undefined, undefined, 'kept'],
  )
  assert.equal(await store.last('log'), 0)
}

async function takesAgain(store: Store): Promise<void> {
  const { ok } = await persistently(() => store.commit({ writes: [{ append: 'log', value: 'later' }] }))
  assert.ok(ok)
  assert.equal(await store.last('log'), 1)
}

async function until(server: RedisServer, section: string, pattern: RegExp): Promise<void> {
  while (!pattern.test(String(await server.command('INFO', section))))
    await new Promise((resolve) => setTimeout(resolve, 20))
}

suite('a Redis that answers reads and refuses writes', withRedis, () => {
  test('when its memory is full: reads and deletes are done, and no batch by half', async (t) => {
    const server = await ownRedis(t)
    const before = await ownStore(t, server.url)
    await before.commit({ writes: ['old', 'gone', 'gone2'].map((put) => ({ put, value: 'kept' })) })
    await server.command('CONFIG', 'SET', 'maxmemory', '1mb')
    // This one has never sent its scripts yet.
    for (const store of [before, await ownStore(t, server.url)]) {
      await refusesAll(store, /memory is full/)
      assert.equal((await store.range({ from: 'old', to: 'p', limit: 9 })).length, 1)
      assert.deepEqual(await store.commit({ checks: [{ key: 'old', version: null }], writes: [] }), {
        ok: false,
        failed: 'old',
      })
      const key = store === before ? 'gone' : 'gone2'
      assert.ok((await store.commit({ writes: [{ delete: key }] })).ok)
      assert.equal(await store.get(key), undefined)
    }
    // With a delete before them, writes may be taken; then all of them are.
    const both = { writes: [{ delete: 'old' }, { put: 'moved', value: 'kept' }, { put: 'more', value: 'kept' }] }
    const { ok } = await before.commit(both).catch(() => ({ ok: false }))
    assert.deepEqual(
      (await before.getAll(['old', 'moved', 'more'])).map((entry) => entry !== undefined),
      ok ? [false, true, true] : [true, false, false],
    )
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await takesAgain(before)
  })

  test('when it is a replica: it is read from, however often somebody writes, until it is a master again', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'old', value: 'kept' }] })
    // Of a master that is not there.
    await server.command('REPLICAOF', '127.0.0.1', '1')
    await refusesAll(store, /is a replica/)
    for (let i = 0; i < 100; i++) {
      const [entry] = await Promise.all([
        store.get('old'),
        unavailable(store.commit({ writes: [{ put: 'new', value: i }] }), /is a replica|connection broke/),
      ])
      assert.equal(entry?.value, 'kept')
    }
    await server.command('REPLICAOF', 'NO', 'ONE')
    await takesAgain(store)
  })

  test('when it cannot write to its disk', async (t) => {
    const server = await ownRedis(t, '--save', '3600 1')
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'old', value: 'kept' }] })
    // As good as a full disk: its snapshot cannot have its name.
    mkdirSync(join(server.folder, 'dump.rdb'))
    await server.command('BGSAVE')
    await until(server, 'persistence', /rdb_last_bgsave_status:err/)
    await refusesAll(store, /cannot write to its disk/)
    rmdirSync(join(server.folder, 'dump.rdb'))
    await server.command('BGSAVE')
    await until(server, 'persistence', /rdb_last_bgsave_status:ok/)
    await takesAgain(store)
  })

  test('when it has too few replicas to be let write', async (t) => {
    const server = await ownRedis(t)
    const store = await ownStore(t, server.url)
    await store.commit({ writes: [{ put: 'old', value: 'kept' }] })
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    await refusesAll(store, /min-replicas-to-write/)
    await server.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    await takesAgain(store)
  })

  test('when its user may not write', async (t) => {
    const server = await ownRedis(t)
    await server.command('ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '&*', '+@all')
    const clients = ownClients(t, { url: server.url, username: 'reader', password: 'secret' })
    const store = openShared(clients)
    t.after(() => store.close())
    await store.commit({ writes: [{ put: 'old', value: 'kept' }] })
    await server.command('ACL', 'SETUSER', 'reader', '-@write')
    await refusesAll(store, /too few permissions/)
    await server.command('ACL', 'SETUSER', 'reader', '+@write')
    await takesAgain(store)
  })
})
