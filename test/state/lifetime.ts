import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, type Entry } from '../../src/state/store.ts'
import type { Given } from './given.ts'

/** What closing does, and what is there afterwards. */
export function lifetimeTests(given: Given): void {
  test('closing waits for the commits under way, and everything is there again afterwards', async () => {
    const other = await given.makePlace()
    try {
      const first = await other.open()
      const commits = Array.from({ length: 100 }, (_, i) =>
        first.commit({
          writes: [
            { put: `k/${String(i).padStart(3, '0')}`, value: i },
            { add: 'sum', amount: i },
          ],
        }),
      )
      await first.close()
      assert.ok((await Promise.all(commits)).every((committed) => committed.ok))
      await first.close()
      const second = await other.open()
      const entries: Entry<number>[] = await second.range({ ...below('k/'), limit: 1000 })
      assert.deepEqual(
        entries.map((entry) => entry.value),
        Array.from({ length: 100 }, (_, i) => i),
      )
      assert.equal((await second.get('sum'))?.value, 4950)
      await second.close()
    } finally {
      await other.remove()
    }
  })

  test('a closed store answers everything with unavailable, and its followers too', async () => {
    const other = await given.makePlace()
    try {
      const closed = await other.open()
      const follower = closed.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]()
      const next = assert.rejects(follower.next(), { code: 'unavailable' })
      await closed.close()
      await next
      for (const call of [
        (): Promise<unknown> => closed.get('a'),
        (): Promise<unknown> => closed.getAll(['a']),
        (): Promise<unknown> => closed.range({ from: 'a', to: 'b', limit: 1 }),
        (): Promise<unknown> => closed.last('a'),
        (): Promise<unknown> => closed.commit({ writes: [{ put: 'a', value: 1 }] }),
      ])
        await assert.rejects(call, { name: 'ReplicationError', code: 'unavailable', transient: true })
    } finally {
      await other.remove()
    }
  })
}
