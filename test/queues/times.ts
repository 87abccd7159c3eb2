import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backoff, delivery, hourMs, passed, promised, type Given } from './given.ts'

/** Tasks that are due later, once more, or again after a failure. */
export function timeTests(given: Given): void {
  test('a task with a time is not done before it', async () => {
    const { promise, fulfil } = promised<number>()
    await given.handled(async () => {
      fulfil(Date.now())
      return undefined
    })
    const at = Date.now() + 120
    await given.work.wake(delivery('lane'), at)
    assert.ok((await promise) >= at)
  })

  test('an earlier time replaces a later one, and a later one never an earlier', async () => {
    const keys = ['now', 'soon', 'now after soon', 'soon before late']
    const left = new Set(keys)
    const done = promised()
    let runs = 0
    await given.handled(async (task) => {
      runs++
      left.delete(task.key)
      if (left.size === 0) done.fulfil()
      return undefined
    })
    const soon = Date.now() + 1000
    const late = Date.now() + hourMs
    await given.work.wake(delivery('now'), late)
    await given.work.wake(delivery('now'))
    await given.work.wake(delivery('soon'), late)
    await given.work.wake(delivery('soon'), soon)
    await given.work.wake(delivery('now after soon'), soon)
    await given.work.wake(delivery('now after soon'))
    await given.work.wake(delivery('soon before late'), soon)
    await given.work.wake(delivery('soon before late'), late)
    await done.promise
    assert.equal(runs, keys.length)
  })

  test('a time that is weeks away is not yet', async () => {
    const last = passed()
    const seen: string[] = []
    await given.handled(async (task) => {
      seen.push(task.key)
      last.see(task)
      return undefined
    })
    for (const days of [24, 25, 50, 365])
      await given.work.wake(delivery(`in ${days} days`), Date.now() + days * 24 * hourMs)
    await given.work.wake(last.task, Date.now() + 100)
    await last.done
    assert.deepEqual(seen, ['last'])
  })

  test('a handler says when it goes on with its key, and that it has done', async () => {
    const last = passed()
    const runs: number[] = []
    let at = 0
    await given.handled(async (task) => {
      if (last.see(task)) return undefined
      runs.push(Date.now())
      if (runs.length < 3) return { at: 0 }
      if (runs.length === 3) return { at: (at = Date.now() + 80) }
      await given.work.wake(last.task, Date.now() + 50)
      return undefined
    })
    await given.work.wake(delivery('lane'))
    await last.done
    assert.equal(runs.length, 4)
    assert.ok((runs[3] ?? 0) >= at)
  })

  test('a wake-up while the handler runs comes before the time that it answers', async () => {
    const running = promised()
    const go = promised()
    const second = promised()
    let runs = 0
    await given.handled(async () => {
      if (++runs === 2) {
        second.fulfil()
        return undefined
      }
      running.fulfil()
      await go.promise
      return { at: Date.now() + hourMs }
    })
    await given.work.wake(delivery('lane'))
    await running.promise
    await given.work.wake(delivery('lane'))
    go.fulfil()
    await second.promise
  })

  test('of the time that a handler answers, and of those asked for while it ran, the earliest counts', async () => {
    const second = promised<number>()
    let runs = 0
    let at = 0
    await given.handled(async (task) => {
      if (++runs > 1) {
        second.fulfil(Date.now())
        return undefined
      }
      at = Date.now() + 80
      await given.work.wake(task, at + hourMs)
      await given.work.wake(task, at)
      await given.work.wake(task, at + hourMs)
      return { at: at + 2 * hourMs }
    })
    await given.work.wake(delivery('lane'))
    assert.ok((await second.promise) >= at)
    assert.equal(runs, 2)
  })

  test('what recurs comes at once, and then again and again, but no more often than was said last', async () => {
    const everyMs = 50
    const done = promised()
    let runs = 0
    let saidAt = 0
    await given.handled(async () => {
      if (saidAt > 0 && ++runs === 8) done.fulfil()
      return undefined
    })
    for (const ms of [hourMs, 10, hourMs, everyMs]) await given.work.recur(delivery('sweep'), ms)
    for (let i = 0; i < 5; i++) await given.work.recur(delivery('sweep'), everyMs)
    saidAt = Date.now()
    await done.promise
    // One is the wake-up of the last saying, one more may have been under way just then.
    const most = Math.floor((Date.now() - saidAt) / everyMs) + 3
    assert.ok(runs <= most, `${runs} runs are more than ${most}`)
  })

  test('a wake-up does not wait for the back-off of a key that threw', async () => {
    const other = await given.place.open(
      { error: (fields) => failed.fulfil(fields) },
      { ...backoff, initialMs: hourMs, maxMs: hourMs },
    )
    const failed = promised<unknown>()
    const again = promised()
    let runs = 0
    other.handle(
      'chores',
      async () => {
        if (++runs === 1) throw new Error('as asked')
        again.fulfil()
        return undefined
      },
      { concurrency: 1 },
    )
    await other.start()
    await other.wake({ queue: 'chores', key: 'sweep', data: {} })
    await failed.promise
    await other.wake({ queue: 'chores', key: 'sweep', data: {} })
    await again.promise
    await other.close(0)
  })
}
