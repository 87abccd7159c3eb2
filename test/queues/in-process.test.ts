import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InProcessWork } from '../../src/queues/in-process.ts'
import type { Task } from '../../src/queues/work.ts'
import { callMs, countPatience, patienceMs, withPatience } from '../../src/state/patience.ts'
import { workConformance } from './work-conformance.ts'

const silent = { error: (): void => undefined }
const chore = (key: string): Task => ({ queue: 'chores', key, data: {} })

workConformance('Work inside the process', async () => ({
  open: async (log, backoff) => new InProcessWork(log, { backoff }),
  remove: async () => undefined,
}))

test('keys that always go on at once take turns', async (t) => {
  const work = new InProcessWork(silent)
  t.after(() => work.close(0))
  const turns: string[] = []
  await new Promise<void>((resolve, reject) => {
    work.handle(
      'chores',
      async (task) => {
        turns.push(task.key)
        if (turns.length === 9) resolve()
        return turns.length < 9 ? { at: 0 } : undefined
      },
      { concurrency: 1 },
    )
    Promise.all(['a', 'b', 'c'].map((key) => work.wake(chore(key))))
      .then(() => work.start())
      .catch(reject)
  })
  assert.equal(turns.join(''), 'abcabcabc')
})

test('the back-off of a key begins anew when it has succeeded', async (t) => {
  const failures: unknown[] = []
  const log = { error: (fields: Readonly<Record<string, unknown>>): number => failures.push(fields['failures']) }
  const work = new InProcessWork(log, { backoff: { initialMs: 1, maxMs: 10, factor: 2, jitter: 0 } })
  t.after(() => work.close(0))
  let runs = 0
  await new Promise<void>((resolve, reject) => {
    work.handle(
      'chores',
      async () => {
        if ([1, 2, 4].includes(++runs)) throw new Error('as asked')
        if (runs === 5) resolve()
        return runs === 5 ? undefined : { at: 0 }
      },
      { concurrency: 1 },
    )
    work.start().catch(reject)
    work.wake(chore('lane')).catch(reject)
  })
  assert.deepEqual(failures, [1, 2, 1])
})

test('a task that is due in a while is looked at now and then, and done no earlier', async (t) => {
  const work = new InProcessWork(silent, { lookAgainMs: 5 })
  t.after(() => work.close(0))
  const at = Date.now() + 60
  const done = new Promise<number>((resolve) => {
    work.handle(
      'chores',
      async () => {
        resolve(Date.now())
        return undefined
      },
      { concurrency: 1 },
    )
  })
  await work.start()
  await work.wake(chore('later'), at)
  assert.ok((await done) >= at)
})

test('a task that is due beyond what a timer can count does not make it fire at once', async (t) => {
  const work = new InProcessWork(silent)
  t.after(() => work.close(0))
  const warnings: Error[] = []
  const note = (warning: Error): number => warnings.push(warning)
  process.on('warning', note)
  t.after(() => process.off('warning', note))
  work.handle('chores', async () => undefined, { concurrency: 1 })
  await work.start()
  await work.wake(chore('later'), Date.now() + 2 ** 40)
  await new Promise((resolve) => setTimeout(resolve, 10))
  assert.deepEqual(warnings, [])
})

test('a task that is always due leaves the event loop to others', async (t) => {
  const work = new InProcessWork(silent)
  t.after(() => work.close(0))
  work.handle('chores', async () => ({ at: 0 }), { concurrency: 1 })
  await work.start()
  await work.wake(chore('always'))
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setTimeout(resolve, 1))
})

test('a queue has one handler, said before the start', async () => {
  const work = new InProcessWork(silent)
  const handle = (queue: 'chores' | 'exports'): void => work.handle(queue, async () => undefined, { concurrency: 1 })
  handle('chores')
  assert.throws(() => handle('chores'))
  await work.start()
  assert.throws(() => handle('exports'))
  await assert.rejects(work.start())
  await work.close(0)
})

test('what is woken with nobody to do it, or after the end, is forgotten', async () => {
  const work = new InProcessWork(silent)
  let runs = 0
  work.handle('chores', async () => void runs++, { concurrency: 1 })
  await work.wake({ queue: 'exports', key: 'nobody', data: {} })
  await work.start()
  await work.wake({ queue: 'exports', key: 'nobody', data: {} })
  await work.wake(chore('later'), Date.now() + 20)
  await work.close(0)
  await work.wake(chore('after'))
  await work.close(0)
  await new Promise((resolve) => setTimeout(resolve, 60))
  assert.equal(runs, 0)
})

test('a task is no part of the call that wakes it, and has its own patience', async (t) => {
  countPatience()
  const work = new InProcessWork(silent)
  t.after(() => work.close(0))
  const patience: number[] = []
  const done = new Promise<void>((resolve) => {
    const handler = async ({ key }: Task): Promise<undefined> => {
      patience.push(patienceMs(callMs))
      if (key === 'last') resolve()
    }
    work.handle('chores', handler, { concurrency: 1 })
  })
  await work.start()
  await withPatience(1, async () => {
    await work.wake(chore('now'))
    await work.wake(chore('later'), Date.now() + 20)
    await work.wake(chore('last'), Date.now() + 40)
  })
  await done
  assert.deepEqual(patience, [callMs, callMs, callMs])
})
