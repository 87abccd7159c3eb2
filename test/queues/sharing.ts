import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Handler, Work } from '../../src/queues/work.ts'
import { delivery, hourMs, passed, promised, type Given } from './given.ts'

/** Several servers in one place: what one of them was asked for, any of them does, and only one. */
export function sharingTests(given: Given): void {
  async function started(work: Work, handler: Handler, concurrency = 10): Promise<Work> {
    work.handle('deliveries', handler, { concurrency })
    await work.start()
    return work
  }

  test('a key runs on one server at a time, whichever of them is asked', async () => {
    const last = passed()
    const now = new Map<string, number>()
    let most = 0
    let runs = 0
    const handler: Handler = async (task) => {
      if (last.see(task)) return undefined
      now.set(task.key, (now.get(task.key) ?? 0) + 1)
      most = Math.max(most, now.get(task.key) ?? 0)
      runs++
      await new Promise((resolve) => setTimeout(resolve, 3))
      now.set(task.key, (now.get(task.key) ?? 0) - 1)
      return undefined
    }
    const works = [await started(given.work, handler), await started(await given.another(), handler)]
    for (let i = 0; i < 30; i++)
      await Promise.all(works.flatMap((work) => ['a', 'b', 'c'].map((key) => work.wake(delivery(key)))))
    await given.work.wake(last.task, Date.now() + 50)
    await last.done
    assert.equal(most, 1)
    assert.ok(runs >= 3)
  })

  test('tasks share out over all servers', async () => {
    const seen = new Set<string>()
    const both = promised()
    const all = promised()
    const on = (server: string): Handler => {
      return async (task) => {
        seen.add(server)
        if (seen.size === 2) both.fulfil()
        // The first to come waits until the other has come, too.
        await both.promise
        if (task.key === 'lane9') all.fulfil()
        return undefined
      }
    }
    await started(given.work, on('first'), 1)
    await started(await given.another(), on('second'), 1)
    for (let i = 0; i < 10; i++) await given.work.wake(delivery(`lane${i}`))
    await all.promise
  })

  test('what one server is asked for and nobody handles there, another does', async () => {
    const done = promised()
    await given.work.start()
    await given.work.wake(delivery('before'))
    await started(await given.another(), async ({ key }) => {
      if (key === 'after') done.fulfil()
      return undefined
    })
    await given.work.wake(delivery('after'))
    await done.promise
  })

  test('what runs on a server that closes without grace goes to another at once, and so does what waits', async () => {
    const running = promised()
    const done = promised()
    const left = new Set(['running', 'waiting'])
    let closing: Promise<void> | undefined
    let ended = false
    await given.handled(async (_task, signal) => {
      running.fulfil()
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      ended = true
      throw new Error('broken off')
    }, 1)
    await given.work.wake(delivery('running'))
    await running.promise
    await given.work.wake(delivery('waiting'))
    await started(
      await given.another(),
      async ({ key }) => {
        if (key === 'waiting') closing ??= given.work.close(0)
        else assert.ok(ended)
        left.delete(key)
        if (left.size === 0) done.fulfil()
        return undefined
      },
      1,
    )
    await done.promise
    await closing
    assert.deepEqual(given.logged, [])
  })

  test('a server that closes ends what it has begun, and another goes on with it', async () => {
    const running = promised()
    const go = promised()
    const next = promised<string | undefined>()
    await given.handled(async () => {
      running.fulfil()
      await go.promise
      return { at: 0, label: 'second' }
    })
    await given.work.wake({ ...delivery('lane'), label: 'first' })
    await running.promise
    await started(await given.another(), async ({ label }) => {
      next.fulfil(label)
      return undefined
    })
    const closed = given.work.close(hourMs)
    go.fulfil()
    await closed
    assert.equal(await next.promise, 'second')
  })

  test('what a server was to do later, another does when it is time', async () => {
    const first = promised()
    const second = promised<number>()
    const at = Date.now() + 150
    await given.handled(async () => {
      first.fulfil()
      return { at }
    })
    await given.work.wake(delivery('lane'))
    await first.promise
    await given.work.close(hourMs)
    await started(await given.another(), async () => {
      second.fulfil(Date.now())
      return undefined
    })
    assert.ok((await second.promise) >= at)
  })

  test('a server that has closed may still be asked, for others', async () => {
    const done = promised()
    await given.handled(async () => undefined)
    await given.work.close(0)
    await started(await given.another(), async () => {
      done.fulfil()
      return undefined
    })
    await given.work.wake(delivery('lane'))
    await done.promise
  })

  test('what recurs comes once over all servers, and goes on when the one that said so has gone', async () => {
    const everyMs = 50
    const done = promised()
    let runs = 0
    const handler: Handler = async () => {
      if (++runs === 8) done.fulfil()
      return undefined
    }
    await started(given.work, handler)
    const other = await started(await given.another(), handler)
    const saidAt = Date.now()
    await Promise.all([given.work.recur(delivery('sweep'), everyMs), other.recur(delivery('sweep'), everyMs)])
    await given.work.close(hourMs)
    await done.promise
    // Each saying is a wake-up of its own.
    const most = Math.floor((Date.now() - saidAt) / everyMs) + 1 + 2
    assert.ok(runs <= most, `${runs} runs are more than ${most}`)
  })
}
