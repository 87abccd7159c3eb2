import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Task } from '../../src/queues/work.ts'
import { delivery, hourMs, passed, promised, type Given } from './given.ts'

/** Tasks that are due: each done by one at a time, as many as allowed, until the end. */
export function taskTests(given: Given): void {
  test('a task is done with what it was woken with', async () => {
    const { promise, fulfil } = promised<Task>()
    await given.handled(async (task) => {
      fulfil(task)
      return undefined
    })
    const task = { ...delivery('publish1/default', { agent: 'publish1', target: 'default' }), label: '01J9' }
    await given.work.wake(task)
    assert.deepEqual(await promise, task)
  })

  test('what was woken before the start is done after it', async () => {
    const { promise, fulfil } = promised()
    let started = false
    given.work.handle(
      'deliveries',
      async () => {
        assert.ok(started)
        fulfil()
        return undefined
      },
      { concurrency: 1 },
    )
    await given.work.wake(delivery('early'))
    await given.work.wake(delivery('early'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    started = true
    await given.work.start()
    await promise
    assert.deepEqual(given.logged, [])
  })

  test('a key never runs twice at the same time, and once more after it was woken meanwhile', async () => {
    const last = passed()
    const running = promised()
    const go = promised()
    let now = 0
    let most = 0
    let runs = 0
    await given.handled(async (task) => {
      if (last.see(task)) return undefined
      most = Math.max(most, ++now)
      runs++
      running.fulfil()
      await go.promise
      now--
      if (runs === 2) await given.work.wake(last.task, Date.now() + 50)
      return undefined
    })
    await given.work.wake(delivery('lane'))
    await running.promise
    for (let i = 0; i < 5; i++) await given.work.wake(delivery('lane'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    go.fulfil()
    await last.done
    assert.deepEqual({ runs, most }, { runs: 2, most: 1 })
  })

  test('the newest data of a key is what its handler gets', async () => {
    const running = promised()
    const go = promised()
    const second = promised<Task>()
    await given.handled(async (task) => {
      if (task.data['n'] === '1') {
        running.fulfil()
        await go.promise
      } else second.fulfil(task)
      return undefined
    })
    await given.work.wake(delivery('lane', { n: '1' }))
    await running.promise
    await given.work.wake(delivery('lane', { n: '2' }))
    await given.work.wake(delivery('lane', { n: '3' }))
    go.fulfil()
    assert.equal((await second.promise).data['n'], '3')
  })

  test('as many keys run at the same time as were allowed, and no more', async () => {
    const three = promised()
    const all = promised()
    let now = 0
    let most = 0
    let ended = 0
    await given.handled(async () => {
      most = Math.max(most, ++now)
      if (now === 3) three.fulfil()
      await three.promise
      await new Promise((resolve) => setTimeout(resolve, 2))
      now--
      if (++ended === 20) all.fulfil()
      return undefined
    }, 3)
    await Promise.all(Array.from({ length: 20 }, (_, i) => given.work.wake(delivery(`lane${i}`))))
    await all.promise
    assert.equal(most, 3)
  })

  test('a queue that is busy does not hold up another', async () => {
    const busy = promised()
    const go = promised()
    const done = promised()
    given.work.handle(
      'exports',
      async () => {
        busy.fulfil()
        await go.promise
        return undefined
      },
      { concurrency: 1 },
    )
    given.work.handle(
      'deliveries',
      async () => {
        done.fulfil()
        return undefined
      },
      { concurrency: 1 },
    )
    await given.work.start()
    await given.work.wake({ queue: 'exports', key: 'same', data: {} })
    await busy.promise
    await given.work.wake(delivery('same'))
    await done.promise
    go.fulfil()
  })

  test('a key that always goes on at once does not keep others waiting', async () => {
    const done = promised()
    let busy = 0
    let other = 0
    await given.handled(async (task) => {
      if (task.key === 'busy') {
        busy++
        return other < 5 ? { at: 0 } : undefined
      }
      if (++other === 5) done.fulfil()
      return other < 5 ? { at: 0 } : undefined
    }, 1)
    await given.work.wake(delivery('busy'))
    await given.work.wake(delivery('other'))
    await done.promise
    assert.ok(busy >= 1)
  })

  test('a handler that throws is logged, called again, and does not hold up others', async () => {
    const failure = new Error('as asked')
    const mended = promised()
    const other = promised()
    let runs = 0
    await given.handled(async (task) => {
      if (task.key === 'other') other.fulfil()
      else if (++runs < 4) throw failure
      else mended.fulfil()
      return undefined
    }, 1)
    await given.work.wake(delivery('failing'))
    await given.work.wake(delivery('other'))
    await Promise.all([mended.promise, other.promise])
    assert.equal(given.logged.length, 3)
    for (const { fields, message } of given.logged) {
      assert.equal(message, 'task failed')
      assert.equal(fields['queue'], 'deliveries')
      assert.equal(fields['key'], 'failing')
      assert.equal((fields['err'] as Error).message, 'as asked')
    }
  })

  test('ten thousand keys are each done once', async () => {
    const all = promised()
    const seen = new Set<string>()
    let runs = 0
    await given.handled(async (task) => {
      seen.add(task.key)
      if (++runs === 10_000) all.fulfil()
      return undefined
    }, 50)
    await Promise.all(Array.from({ length: 10_000 }, (_, i) => given.work.wake(delivery(`agent${i}/default`))))
    await all.promise
    assert.equal(seen.size, 10_000)
  })

  test('closing lets what runs end, and starts nothing more', async () => {
    const running = promised()
    const go = promised()
    let aborted = false
    let ended = 0
    let started = 0
    await given.handled(async (_task, signal) => {
      started++
      signal.addEventListener('abort', () => {
        aborted = true
      })
      running.fulfil()
      await go.promise
      ended++
      return { at: 0 }
    }, 1)
    await given.work.wake(delivery('one'))
    await running.promise
    await given.work.wake(delivery('two'))
    const closed = given.work.close(hourMs)
    await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(ended, 0)
    go.fulfil()
    await closed
    assert.deepEqual({ started, ended, aborted }, { started: 1, ended: 1, aborted: false })
  })

  test('closing tells what does not end to do so, and waits for it', async () => {
    const running = promised()
    let ended = false
    await given.handled(async (_task, signal) => {
      running.fulfil()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      await new Promise((resolve) => setTimeout(resolve, 20))
      ended = true
      throw new Error('broken off')
    })
    await given.work.wake(delivery('lane'))
    await running.promise
    await given.work.close(30)
    assert.ok(ended)
    assert.deepEqual(given.logged, [])
  })
}
