/** What becomes of work when Redis fails. Locks that hold for an hour show what does not wait for one to lapse. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { delivery, hourMs, promised } from './given.ts'
import { needsServer, OwnRedis } from './given-bullmq.ts'

const soon = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

suite('Work on a Redis in trouble', { ...needsServer, timeout: 60_000, concurrency: 4 }, () => {
  test('Redis is killed again and again under busy lanes: they go on when it is back, and lose nothing', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: hourMs })
    const lanes = Array.from({ length: 8 }, (_, i) => `lane${i}`)
    const left = new Map(lanes.map((key) => [key, 150]))
    const total = (): number => [...left.values()].reduce((sum, n) => sum + n, 0)
    const drained = promised()
    const now = new Set<string>()
    work.handle(
      'deliveries',
      async ({ key }) => {
        assert.ok(!now.has(key), `${key} runs twice`)
        now.add(key)
        await soon(1)
        now.delete(key)
        const heads = (left.get(key) ?? 0) - 1
        left.set(key, Math.max(0, heads))
        if (total() === 0) drained.fulfil()
        return heads > 0 ? { at: 0, label: `${key}, ${heads} left` } : undefined
      },
      { concurrency: 5 },
    )
    await work.start()
    for (const key of lanes) await work.wake(delivery(key))
    for (const heads of [1000, 800, 600, 400, 200]) {
      while (total() > heads) await soon(1)
      await redis.server.stop('SIGKILL')
      await redis.server.launch()
    }
    await drained.promise
  })

  test('a handler that runs, a task that waits and one with a time outlast a Redis that is killed', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: hourMs })
    const running = promised()
    const go = promised()
    const all = promised()
    const runs: string[] = []
    work.handle(
      'deliveries',
      async ({ key, label = '' }) => {
        if (label === '') {
          running.fulfil()
          await go.promise
        }
        runs.push(`${key} ${label}`)
        if (runs.length === 4) all.fulfil()
        return label === '' ? { at: 0, label: 'again' } : undefined
      },
      { concurrency: 1 },
    )
    await work.start()
    await work.wake(delivery('running'))
    await running.promise
    await work.wake({ ...delivery('waiting'), label: 'once' })
    await work.wake({ ...delivery('later'), label: 'once' }, Date.now() + 100)
    await redis.server.stop('SIGKILL')
    go.fulfil()
    await soon(300)
    await redis.server.launch()
    await all.promise
    assert.deepEqual(runs.toSorted(), ['later once', 'running ', 'running again', 'waiting once'])
    assert.deepEqual(redis.logged, [])
  })

  test('what is asked for while Redis is away is done when it is back, and nobody waits that long', async (t) => {
    const redis = await OwnRedis.start(t)
    await redis.server.stop()
    const work = redis.open()
    const done = promised()
    const seen = new Set<string>()
    work.handle(
      'chores',
      async ({ key }) => {
        if (seen.add(key).size === 3) done.fulfil()
        return undefined
      },
      { concurrency: 1 },
    )
    const chore = (key: string) => ({ queue: 'chores', key, data: {} }) as const
    await work.wake(chore('before the start'))
    await work.start()
    await Promise.all([work.recur(chore('again and again'), hourMs), work.wake(chore('after it'))])
    assert.deepEqual(redis.logged, ['wake-up is late or lost'])
    await redis.server.launch()
    await done.promise
  })

  test('when Redis hangs for longer than a lock holds, the handler hears it, and the task runs again after it', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: 2000, stalledMs: 300 })
    const running = promised()
    const aborted = promised()
    const kept = promised<boolean>()
    let now = 0
    let runs = 0
    work.handle(
      'deliveries',
      async (_task, signal) => {
        assert.equal(++now, 1)
        if (++runs === 1) {
          running.fulfil()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          aborted.fulfil()
          // Long enough that Redis, back again, gives the task out again meanwhile.
          await soon(1500)
        } else {
          // The new lock is renewed, whatever became of the old one.
          await soon(4000)
          kept.fulfil(!signal.aborted)
        }
        now--
        return undefined
      },
      { concurrency: 5 },
    )
    await work.start()
    await work.wake(delivery('lane'))
    await running.promise
    redis.server.pause()
    await aborted.promise
    redis.server.resume()
    assert.ok(await kept.promise)
    assert.deepEqual({ runs, logged: redis.logged }, { runs: 2, logged: [] })
  })

  test('a task that fails while Redis is full is tried again, and the trouble is told', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: hourMs })
    const running = promised()
    const full = promised()
    const thrice = promised()
    const done = promised()
    let runs = 0
    let isFull = true
    work.handle(
      'deliveries',
      async () => {
        running.fulfil()
        await full.promise
        if (++runs === 3) thrice.fulfil()
        if (isFull) throw new Error('as asked')
        done.fulfil()
        return undefined
      },
      { concurrency: 5 },
    )
    await work.start()
    await work.wake(delivery('lane'))
    await running.promise
    await redis.server.command('CONFIG', 'SET', 'maxmemory', '1')
    full.fulfil()
    await thrice.promise
    await work.wake(delivery('another'))
    await redis.server.command('CONFIG', 'SET', 'maxmemory', '0')
    isFull = false
    await done.promise
    assert.ok(redis.logged.includes('wake-up is late or lost'))
  })

  test('a Redis that forgets its scripts is told them again', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: hourMs })
    const done = promised()
    let left = 100
    work.handle(
      'deliveries',
      async () => {
        if (--left % 10 === 0) await redis.server.command('SCRIPT', 'FLUSH')
        if (left === 0) done.fulfil()
        return left > 0 ? { at: 0 } : undefined
      },
      { concurrency: 5 },
    )
    await work.start()
    await work.wake(delivery('lane'))
    await done.promise
    assert.deepEqual(redis.logged, [])
  })

  test('a Redis that takes no writes for a while, as in a failover, holds work up no longer than that', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open({ lockMs: hourMs })
    const begun = promised()
    const done = promised()
    let left = 200
    work.handle(
      'deliveries',
      async () => {
        if (--left === 150) begun.fulfil()
        if (left <= 0) done.fulfil()
        return left > 0 ? { at: 0 } : undefined
      },
      { concurrency: 5 },
    )
    await work.start()
    await work.wake(delivery('lane'))
    await begun.promise
    await redis.server.command('REPLICAOF', '127.0.0.1', '1')
    await soon(500)
    await redis.server.command('REPLICAOF', 'NO', 'ONE')
    await done.promise
  })

  for (const [how, fail] of [
    ['is away', async ({ server }: OwnRedis) => server.stop('SIGKILL')],
    ['hangs', async ({ server }: OwnRedis) => server.pause()],
  ] as const)
    test(`closing ends in time when Redis ${how}, as soon as the handlers have ended`, async (t) => {
      const redis = await OwnRedis.start(t)
      const work = redis.open()
      const running = promised()
      let ended = false
      work.handle(
        'deliveries',
        async (_task, signal) => {
          running.fulfil()
          await new Promise((resolve) => signal.addEventListener('abort', resolve))
          await soon(20)
          ended = true
          throw new Error('broken off')
        },
        { concurrency: 1 },
      )
      work.handle('exports', async () => undefined, { concurrency: 1 })
      await work.start()
      await work.wake(delivery('lane'))
      await running.promise
      await fail(redis)
      await soon(100)
      await work.close(10)
      assert.ok(ended)
    })

  test('closing ends in time when Redis has never been there', async (t) => {
    const redis = await OwnRedis.start(t)
    await redis.server.stop()
    const work = redis.open()
    work.handle('deliveries', async () => undefined, { concurrency: 1 })
    await work.start()
    await work.close(0)
    const never = redis.open()
    never.handle('deliveries', async () => undefined, { concurrency: 1 })
    await never.close(0)
  })
})
