import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sequenceKey, type Batch } from '../../src/state/store.ts'
import type { Given } from './given.ts'

const most = Number.MAX_SAFE_INTEGER

/** Counting at its limits, where JavaScript and what else an engine is written in might differ. */
export function counterTests(given: Given): void {
  const outcome = async (batch: Batch): Promise<string> => {
    try {
      return (await given.store.commit(batch)).ok ? 'done' : 'failed'
    } catch (error) {
      return (error as { code: string }).code
    }
  }

  test('numbers come back as they were', async () => {
    const key = `${given.prefix()}key`
    for (const value of [0, 1e21, -1e21, 1e-7, 5e-324, 1.7976931348623157e308, most, -most, 0.1, 1e15, 123456789.125]) {
      await given.put(key, value)
      assert.equal(await given.valueOf(key), value)
    }
  })

  test('a counter counts to the last safe integer both ways, and not beyond', async () => {
    const key = `${given.prefix()}count`
    for (const sign of [1, -1]) {
      await given.put(key, sign * (most - 1))
      assert.equal(await outcome({ writes: [{ add: key, amount: sign }] }), 'done')
      assert.equal(await given.valueOf(key), sign * most)
      for (const amount of [sign, sign * most, sign * 1e21, sign * Infinity, Number.NaN])
        assert.equal(await outcome({ writes: [{ add: key, amount }] }), 'invalid', `${amount} was added`)
      assert.equal(await given.valueOf(key), sign * most)
      assert.equal(await outcome({ writes: [{ add: key, amount: -sign * most }] }), 'done')
      assert.equal(await given.store.get(key), undefined)
    }
  })

  test('adding nothing leaves nothing at 0, whatever its sign', async () => {
    const key = `${given.prefix()}count`
    for (const amount of [0, -0]) {
      await given.put(key, amount)
      assert.equal(await given.valueOf(key), 0)
      await given.succeed({ writes: [{ add: key, amount }] })
      assert.equal(await given.store.get(key), undefined)
    }
    await given.succeed({ writes: [{ add: key, amount: -0 }] })
    assert.equal(await given.store.get(key), undefined)
  })

  test('only safe integers are counters', async () => {
    const p = given.prefix()
    for (const value of [1.5, 1e21, -1e21, most + 1, true, null, '', '7', '0x10', 'inf', 'nan', [], [7], {}]) {
      await given.put(`${p}key`, value)
      const said = JSON.stringify(value)
      assert.equal(await outcome({ writes: [{ add: `${p}key`, amount: 1 }] }), 'invalid', said)
      assert.equal(await outcome({ checks: [{ key: `${p}key`, atMost: most }], writes: [] }), 'invalid', said)
      assert.deepEqual(await given.valueOf(`${p}key`), value)
    }
  })

  test('a counter is at most every limit that is not below it', async () => {
    const p = given.prefix()
    const limits = [-Infinity, -1e21, -most, -0.5, -0, 0, 0.5, 2.5, 3, most, 1e21, Infinity, Number.NaN]
    for (const count of [-most, -1, 0, 3, most]) {
      await given.put(`${p}count`, count)
      for (const atMost of limits)
        assert.equal(
          await outcome({ checks: [{ key: `${p}count`, atMost }], writes: [] }),
          count <= atMost ? 'done' : 'failed',
          `${count} at most ${atMost}`,
        )
    }
  })

  test('a log whose last sequence is none takes no appends, and nothing of that batch is done', async () => {
    const p = given.prefix()
    for (const last of [-1, -most, most, 0.5, 1e21, 'x', null]) {
      await given.put(sequenceKey(`${p}log`), last)
      const writes = [
        { put: `${p}other`, value: 1 },
        { append: `${p}log`, value: 1 },
      ]
      assert.equal(await outcome({ writes }), 'invalid', JSON.stringify(last))
      assert.equal(await given.store.get(`${p}other`), undefined)
    }
  })
}
