import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Queue } from 'bullmq'
import type { WorkQueue } from '../../src/queues/work.ts'
import { RedisClients } from '../../src/state/redis/clients.ts'
import { forgetPrefix, ownPrefix, RedisServer, sharedRedis } from '../redis.ts'
import { delivery, hourMs, promised } from './given.ts'
import { needsServer, openServer, OwnRedis } from './given-bullmq.ts'
import { workConformance } from './work-conformance.ts'

const own = sharedRedis === undefined && RedisServer.isInstalled ? await RedisServer.start() : undefined
const redis = sharedRedis ?? own?.url
after(() => own?.remove())

if (redis === undefined)
  test('work on BullMQ', { skip: 'NOT TESTED: there is no redis-server on the PATH, and TEST_REDIS_URL is not set' })
else
  workConformance(
    'Work on BullMQ',
    async () => {
      const prefix = ownPrefix()
      const opened: RedisClients[] = []
      return {
        open: async (log, backoff) => {
          // What is not given back waits for longer than a test does.
          const { work, clients } = openServer(redis, prefix, log, { backoff, lockMs: hourMs })
          opened.push(clients)
          return work
        },
        remove: async () => {
          for (const clients of opened) clients.close()
          await forgetPrefix(redis, prefix)
        },
      }
    },
    { isShared: true },
  )

test('a server has at most eight connections, however many lanes there are', needsServer, async (t) => {
  const { server, open } = await OwnRedis.start(t)
  const work = open()
  const connections = async (): Promise<number> => {
    const list = (await server.command('CLIENT', 'LIST')) as string
    return list.split('\n').filter((line) => line.includes(' name=trebuchet-')).length
  }
  const all = promised()
  let runs = 0
  for (const queue of ['deliveries', 'exports', 'schedules', 'watches', 'chores'] satisfies WorkQueue[])
    work.handle(
      queue,
      async () => {
        if (++runs === 1004) all.fulfil()
        return queue === 'deliveries' ? { at: Date.now() + hourMs } : undefined
      },
      { concurrency: 50 },
    )
  await work.start()
  for (const queue of ['exports', 'schedules', 'watches', 'chores'] as const)
    await work.wake({ queue, key: 'one', data: {} })
  await Promise.all(Array.from({ length: 1000 }, (_, i) => work.wake(delivery(`agent${i}/default`))))
  await all.promise
  assert.equal(await connections(), 8)
})

test('a board sees one job for each key, named after its label, and none when it has ended', needsServer, async (t) => {
  const { server, open } = await OwnRedis.start(t)
  const work = open()
  const clients = new RedisClients({ url: server.url, prefix: 'test' }, { info: () => {}, warn: () => {} })
  t.after(() => clients.close())
  const board = new Queue('deliveries', { connection: clients.workers, prefix: clients.prefix })
  const jobs = async (): Promise<string[]> => {
    const found = await board.getJobs()
    return Promise.all(found.map(async (job) => `${await job.getState()} ${job.name}`))
  }
  const running = promised()
  const go = promised()
  const again = promised()
  const last = promised()
  let runs = 0
  work.handle(
    'deliveries',
    async ({ key }) => {
      if (key === 'last') last.fulfil()
      if (key === 'last' || ++runs === 2) return undefined
      running.fulfil()
      await go.promise
      setTimeout(again.fulfil, 50)
      return { at: Date.now() + hourMs, label: 'second' }
    },
    { concurrency: 1 },
  )
  await work.wake({ ...delivery('lane'), label: 'first' }, Date.now() + hourMs)
  assert.deepEqual(await jobs(), ['delayed first'])
  await work.wake({ ...delivery('lane'), label: 'newer' })
  await work.start()
  await running.promise
  await work.wake({ ...delivery('lane'), label: 'newest' }, Date.now() + 2 * hourMs)
  assert.deepEqual(await jobs(), ['active newer'])
  go.fulfil()
  await again.promise
  assert.deepEqual(await jobs(), ['delayed second'])
  await work.wake(delivery('lane'))
  await work.wake(delivery('last'), Date.now() + 50)
  await last.promise
  await work.close(hourMs)
  assert.deepEqual(await jobs(), [])
})

test('saying again that a task recurs does not put off its next time', needsServer, async (t) => {
  const { server, open } = await OwnRedis.start(t)
  const clients = new RedisClients({ url: server.url, prefix: 'test' }, { info: () => {}, warn: () => {} })
  t.after(() => clients.close())
  const board = new Queue('chores', { connection: clients.workers, prefix: clients.prefix })
  const next = async (): Promise<number | undefined> => (await board.getJobScheduler('sweep'))?.next
  const sweep = { queue: 'chores', key: 'sweep', data: {} } as const
  await open().recur(sweep, hourMs)
  const first = await next()
  await open().recur(sweep, hourMs)
  assert.equal(await next(), first)
  assert.equal(await board.getJobSchedulersCount(), 1)
})
