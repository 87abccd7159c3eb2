/** What docker-compose.yml starts, started by hand: the same processes, with the same environment and the same files. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { repository } from '../image.ts'
import { RedisServer } from '../redis.ts'
import { ByHand } from './by-hand.ts'
import { until } from './client.ts'
import { scratch } from './server.ts'
import { assertSameTree, treeOf } from './trees.ts'
import type { Command, Page } from './views.ts'

const run = promisify(execFile)
const skip = RedisServer.isInstalled
  ? false
  : 'NO redis-server IS ON THE PATH: nothing has tried what docker-compose.yml starts; install one and run this again'

test(
  'what docker-compose.yml starts replicates to both publish servers, and keeps it when Redis is killed',
  { skip },
  async (t) => {
    const byHand = new ByHand(scratch())
    const image = treeOf(byHand.root)
    const [publish1, publish2] = [await byHand.prepare('publish-1'), await byHand.prepare('publish-2')]
    const [author1, author2] = [await byHand.prepare('author-1'), await byHand.prepare('author-2')]
    for (const { server } of [author1, author2]) server.client.token = byHand.secret('author-token')

    const { command = [], healthcheck } = byHand.service('redis')
    const given = command.slice(1).map((argument) => byHand.here('redis', argument))
    const redis = await RedisServer.startAs(byHand.volume('redis'), given, byHand.secret('redis-password'))
    after(() => redis.remove())
    byHand.listens('redis', redis.port)
    const [, checkText = ''] = healthcheck?.test ?? []
    const check = byHand.here('redis', checkText).replace('redis-cli ', `redis-cli -p ${redis.port} `)
    const redisIsHealthy = async (): Promise<string> => (await run('sh', ['-c', check])).stdout.trim()

    await t.test('Redis asks for its password, is found healthy, and keeps everything', async () => {
      assert.equal(await redisIsHealthy(), 'PONG')
      const stranger = await run('redis-cli', ['-p', String(redis.port), 'ping'])
      assert.match(stranger.stdout, /NOAUTH/)
      for (const [name, value] of [
        ['appendonly', 'yes'],
        ['appendfsync', 'always'],
        ['maxmemory-policy', 'noeviction'],
        ['dir', byHand.volume('redis')],
      ] as const)
        assert.deepEqual(await redis.command('CONFIG', 'GET', name), [name, value])
    })

    assert.equal(await publish1.isHealthy(), false, 'the health check finds a server well that is not there')
    await Promise.all([publish1, publish2, author1, author2].map((container) => container.start()))

    await t.test('no server has a warning about what it can promise', async () => {
      for (const { server } of [author1, author2, publish1, publish2]) {
        const { body } = await server.client.call<{ warnings: string[] }>('GET', '/health/ready')
        assert.deepEqual(body.warnings, [])
      }
    })

    await t.test('no server answers who has no token', async () => {
      for (const { server } of [author1, publish1, publish2]) {
        const { status } = await fetch(`${server.client.origin}/replication/agent`)
        assert.equal(status, 401)
      }
    })

    const { body: accepted } = await author1.server.client.post<Command>('/all/replicate', {
      json: { paths: ['/content'] },
      headers: { prefer: 'wait=30' },
    })
    const ended = await author1.server.client.finished(accepted.id)

    await t.test('what is replicated through one server of the author arrives on both publish servers', () => {
      assert.equal(ended.state, 'succeeded', JSON.stringify(ended, undefined, 1))
      assert.deepEqual(ended.agents.map(({ agent }) => agent).toSorted(), ['publish1', 'publish2'])
      for (const name of ['publish-1-site', 'publish-2-site'])
        assertSameTree(byHand.volume(name), join(repository, 'examples'))
    })

    await t.test('the other server of the author shows it too', async () => {
      const { client } = author2.server
      assert.deepEqual(await client.command(ended.id), ended)
      const { body } = await client.get<Page<{ command: string }>>('/agent/publish1/replicate/history')
      assert.deepEqual(
        body.items.map((entry) => entry.command),
        [ended.id],
      )
    })

    await t.test('a Redis that was killed comes back with everything, and the servers go on', async () => {
      await redis.stop('SIGKILL')
      await assert.rejects(redisIsHealthy(), 'its health check finds it well while it is gone')
      await until('the author to see that Redis is away', async () => !(await author2.isReady()))
      assert.equal(await author2.isHealthy(), false)
      await redis.launch()
      await until('the author to be well again', () => author2.isReady())
      assert.deepEqual(await author2.server.client.command(ended.id), ended)
      const again = await author2.server.client.deliver('publish2', { action: 'delete', paths: ['/content/news'] })
      assert.equal(again.state, 'succeeded')
      assert.equal(treeOf(byHand.volume('publish-2-site')).has('/content/news'), false)
    })

    await t.test('nothing was written but to volumes', () => {
      assert.deepEqual(treeOf(byHand.root), image)
    })
  },
)
