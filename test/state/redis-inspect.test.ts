import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import type { RedisClients } from '../../src/state/redis/clients.ts'
import { checkUsable, weaknessesOf } from '../../src/state/redis/inspect.ts'
import type { RedisServer } from '../redis.ts'
import { ownClients, ownRedis, unavailable, withRedis } from './given-redis.ts'

/** What is said of a Redis that was started with `more` options. */
async function saidOf(t: TestContext, replicas: number, ...more: string[]): Promise<string[]> {
  return weaknessesOf(ownClients(t, { url: (await ownRedis(t, ...more)).url }), replicas)
}

async function limited(t: TestContext, server: RedisServer, ...rules: string[]): Promise<RedisClients> {
  await server.command('ACL', 'SETUSER', 'limited', 'reset', 'on', '>secret', ...rules)
  return ownClients(t, { url: server.url, username: 'limited', password: 'secret' })
}

suite('of a Redis is said', withRedis, () => {
  test('nothing where it keeps everything', async (t) => {
    assert.deepEqual(await saidOf(t, 0), [])
  })

  test('that it has no append-only file, and nothing else of how it keeps things', async (t) => {
    const [said, ...more] = await saidOf(t, 0, '--appendonly', 'no')
    assert.match(said ?? '', /^Redis keeps no append-only file \(appendonly no\): .* is lost when it ends$/)
    assert.deepEqual(more, [])
  })

  test('that it does not sync each write', async (t) => {
    const [said, ...more] = await saidOf(t, 0, '--appendfsync', 'everysec')
    assert.match(said ?? '', /^Redis does not sync each write \(appendfsync everysec\)/)
    assert.deepEqual(more, [])
  })

  test('that it mends its file in a way that loses commits, which is what it does by default', async (t) => {
    const [said, ...more] = await saidOf(t, 0, '--aof-load-truncated', 'yes')
    assert.match(said ?? '', /aof-load-truncated yes.*redis-check-aof --fix/)
    assert.deepEqual(more, [])
  })

  test('that it throws entries away when it is full', async (t) => {
    const [said, ...more] = await saidOf(t, 0, '--maxmemory-policy', 'allkeys-lru')
    assert.match(said ?? '', /^Redis throws entries away when its memory is full \(maxmemory-policy allkeys-lru\)/)
    assert.deepEqual(more, [])
  })

  test('that it is nearly full', async (t) => {
    const [said, ...more] = await saidOf(t, 0, '--maxmemory', '1mb')
    assert.match(said ?? '', /^Redis has used \d+ % of its memory: /)
    assert.deepEqual(more, [])
  })

  test('that it takes nothing because it could not write its snapshot', async (t) => {
    const server = await ownRedis(t, '--save', '3600 1')
    mkdirSync(join(server.folder, 'dump.rdb'))
    await server.command('BGSAVE')
    while (!/rdb_last_bgsave_status:err/.test(String(await server.command('INFO', 'persistence'))))
      await new Promise((resolve) => setTimeout(resolve, 20))
    const [said, ...more] = await weaknessesOf(ownClients(t, { url: server.url }), 0)
    assert.match(said ?? '', /^Redis could not write its last snapshot, and takes nothing/)
    assert.deepEqual(more, [])
  })

  test('that it is a replica', async (t) => {
    const said = await saidOf(t, 0, '--replicaof', '127.0.0.1', '1')
    assert.deepEqual(said, ['Redis is a replica: nothing can be written'])
  })

  test('that replicas are missing, or not waited for', async (t) => {
    const master = await ownRedis(t)
    const clients = ownClients(t, { url: master.url })
    const [alone] = await weaknessesOf(clients, 1)
    assert.match(alone ?? '', /^Redis has 0 replicas, REDIS_REPLICAS asks for 1: nothing can be committed$/)
    const replica = await ownRedis(t, '--replicaof', '127.0.0.1', String(master.port))
    while (!/master_link_status:up/.test(String(await replica.command('INFO', 'replication'))))
      await new Promise((resolve) => setTimeout(resolve, 20))
    assert.deepEqual(await weaknessesOf(clients, 1), [])
    const [unasked, ...more] = await weaknessesOf(clients, 0)
    assert.match(unasked ?? '', /a failover can lose the last ones; set REDIS_REPLICAS$/)
    assert.deepEqual(more, [])
  })

  test('that it does not tell its settings, or nothing at all, where it does not', async (t) => {
    const server = await ownRedis(t)
    const [settings, ...more] = await weaknessesOf(await limited(t, server, '+@all', '-config', '~*', '&*'), 0)
    assert.match(settings ?? '', /^Redis does not tell whether appendfsync is always/)
    assert.deepEqual(more, [])
    const [nothing, ...rest] = await weaknessesOf(await limited(t, server, '+@all', '-info', '-config', '~*', '&*'), 0)
    assert.match(nothing ?? '', /^Redis tells nothing of itself \(INFO\)/)
    assert.deepEqual(rest, [])
  })

  test('nothing while it cannot be asked: that is unavailable, in time', async (t) => {
    const server = await ownRedis(t)
    const clients = ownClients(t, { url: server.url })
    await weaknessesOf(clients, 0)
    server.pause()
    await Promise.all([unavailable(weaknessesOf(clients, 0)), unavailable(checkUsable(clients))])
    await server.stop('SIGKILL')
    await Promise.all([unavailable(weaknessesOf(clients, 0)), unavailable(checkUsable(clients))])
  })
})

suite('a Redis can be used', withRedis, () => {
  test('by whoever may do everything with its keys', async (t) => {
    const server = await ownRedis(t)
    await checkUsable(ownClients(t, { url: server.url }))
    await checkUsable(await limited(t, server, '+@all', '~{test}:*', '&*'))
    await checkUsable(await limited(t, server, '+@all', '-@admin', '-@dangerous', '~{test}:*', '&*'))
  })

  test('by nobody who may do only a part of it, for then a batch could be done by half', async (t) => {
    const server = await ownRedis(t)
    for (const [missing, ...rules] of [
      ['ZADD', '+@all', '-zadd', '~{test}:*'],
      ['HSET, HDEL, ZADD, ZREM, XADD', '+@all', '-@write', '~{test}:*'],
    ] as const)
      await assert.rejects(checkUsable(await limited(t, server, ...rules, '&*')), {
        code: 'invalid',
        message: `Redis does not let this server's user do ${missing}: it needs +@all ~{test}:* in its ACL`,
      })
  })
})
