import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Again, Task } from '../../src/queues/work.ts'
import { delivery, hourMs, promised, type Given } from './given.ts'

/** What a task carries from one run to the next. */
export function labelTests(given: Given): void {
  /** Does what is told run after run, and answers with what each run got. */
  async function runsOf(
    task: Task,
    steps: readonly (() => Promise<Again | undefined> | Again | undefined)[],
  ): Promise<Task[]> {
    const got: Task[] = []
    const done = promised()
    await given.handled(async (seen) => {
      got.push(seen)
      if (got.length === steps.length) done.fulfil()
      return steps[got.length - 1]?.()
    })
    await given.work.wake(task)
    await done.promise
    return got
  }

  const labelsOf = (tasks: readonly Task[]): (string | undefined)[] => tasks.map(({ label }) => label)

  test('a handler gives its task another label, which stays until the next', async () => {
    const got = await runsOf({ ...delivery('lane', { agent: 'publish1' }), label: 'first' }, [
      () => ({ at: 0 }),
      () => ({ at: 0, label: 'second' }),
      () => ({ at: Date.now() + 20 }),
      () => {
        throw new Error('as asked')
      },
      () => ({ at: Date.now() + 20, label: 'third' }),
      () => undefined,
    ])
    assert.deepEqual(labelsOf(got), ['first', 'first', 'second', 'second', 'second', 'third'])
    for (const { data } of got) assert.deepEqual(data, { agent: 'publish1' })
  })

  test('a label that the handler answers is newer than one that came while it ran, the data are not', async () => {
    const got = await runsOf({ ...delivery('lane', { n: '1' }), label: 'first' }, [
      async () => {
        await given.work.wake({ ...delivery('lane', { n: '2' }), label: 'woken' })
        return { at: 0, label: 'answered' }
      },
      async () => {
        await given.work.wake({ ...delivery('lane', { n: '3' }), label: 'woken again' })
        return { at: 0 }
      },
      async () => {
        await given.work.wake(delivery('lane', { n: '4' }))
        return undefined
      },
      () => undefined,
    ])
    assert.deepEqual(labelsOf(got), ['first', 'answered', 'woken again', undefined])
    assert.deepEqual(
      got.map(({ data }) => data['n']),
      ['1', '2', '3', '4'],
    )
  })

  test('a key that waits for its turn or for its time gets what is newest', async () => {
    const busy = promised()
    const go = promised()
    const got = new Map<string, Task>()
    const done = promised()
    await given.handled(async (task) => {
      if (task.key === 'busy') {
        busy.fulfil()
        await go.promise
        return undefined
      }
      got.set(task.key, task)
      if (got.size === 2) done.fulfil()
      return undefined
    }, 1)
    await given.work.wake(delivery('busy'))
    await busy.promise
    await given.work.wake({ ...delivery('waiting', { n: '1' }), label: 'old' })
    await given.work.wake({ ...delivery('waiting', { n: '2' }), label: 'new' })
    await given.work.wake({ ...delivery('later', { n: '1' }), label: 'old' }, Date.now() + 50)
    await given.work.wake({ ...delivery('later', { n: '2' }), label: 'new' }, Date.now() + hourMs)
    go.fulfil()
    await done.promise
    for (const key of ['waiting', 'later'])
      assert.deepEqual(got.get(key), { ...delivery(key, { n: '2' }), label: 'new' })
  })

  test('keys and labels are any text', async () => {
    const tasks = ['a:b', 'a%3Ab', 'a%b', 'a/b c', '{a}', '0', '1'].map((key) => ({
      ...delivery(key, { 'a:b': '"\\ \n', '': '', '1': '{}' }),
      label: `${key}: "…"`,
    }))
    const got = new Map<string, Task[]>()
    const done = promised()
    await given.handled(async (task) => {
      const runs = [...(got.get(task.key) ?? []), task]
      got.set(task.key, runs)
      if (got.size === tasks.length && [...got.values()].every(({ length }) => length === 2)) done.fulfil()
      // Once more, with what is known of it in the engine.
      if (runs.length === 1) await given.work.wake(task)
      return runs.length === 1 ? { at: 0, label: task.label ?? '' } : undefined
    })
    for (const task of tasks) await given.work.wake(task)
    await done.promise
    for (const task of tasks) assert.deepEqual(got.get(task.key), [task, task])
  })
}
