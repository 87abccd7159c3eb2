import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, type Batch } from '../../src/state/store.ts'
import type { Given } from './given.ts'

/** Batches: all or nothing, conditional, counting, and many at once. */
export function batchTests(given: Given): void {
  test('a check that does not hold leaves nothing of its batch, and is named', async () => {
    const p = given.prefix()
    await given.put(`${p}here`, 1)
    const here = await given.store.get(`${p}here`)
    assert.ok(here !== undefined)
    await given.put(`${p}count`, 3)
    const failing: [Batch['checks'], string][] = [
      [[{ key: `${p}here`, version: null }], `${p}here`],
      [[{ key: `${p}none`, version: here.version }], `${p}none`],
      [[{ key: `${p}here`, version: `${here.version}x` }], `${p}here`],
      [[{ key: `${p}count`, atMost: 2 }], `${p}count`],
      [
        [
          { key: `${p}here`, version: here.version },
          { key: `${p}none`, version: here.version },
          { key: `${p}here`, version: null },
        ],
        `${p}none`,
      ],
    ]
    for (const [checks, failed] of failing)
      assert.deepEqual(
        await given.store.commit({
          ...(checks === undefined ? {} : { checks }),
          writes: [
            { put: `${p}new`, value: 1 },
            { delete: `${p}here` },
            { add: `${p}count`, amount: 1 },
            { append: `${p}log`, value: 1, index: `${p}index` },
          ],
        }),
        { ok: false, failed },
      )
    assert.deepEqual(
      (await given.store.range({ ...below(p), limit: 9 })).map((entry) => [entry.key, entry.value]),
      [
        [`${p}count`, 3],
        [`${p}here`, 1],
      ],
    )
    assert.equal(await given.store.last(`${p}log`), 0)
  })

  test('checks that hold let the batch through, and look at what was before it', async () => {
    const p = given.prefix()
    await given.put(`${p}here`, 1)
    const here = await given.store.get(`${p}here`)
    assert.ok(here !== undefined)
    await given.succeed({
      checks: [
        { key: `${p}here`, version: here.version },
        { key: `${p}none`, version: null },
        { key: `${p}count`, atMost: 0 },
      ],
      writes: [{ add: `${p}count`, amount: 5 }, { delete: `${p}here` }, { put: `${p}none`, value: 1 }],
    })
    await given.succeed({ checks: [{ key: `${p}count`, atMost: 5 }], writes: [] })
    assert.deepEqual(await given.store.commit({ checks: [{ key: `${p}count`, atMost: 4 }], writes: [] }), {
      ok: false,
      failed: `${p}count`,
    })
  })

  test('the writes of a batch are done one after the other', async () => {
    const p = given.prefix()
    await given.succeed({
      writes: [
        { put: `${p}a`, value: 1 },
        { delete: `${p}a` },
        { delete: `${p}b` },
        { put: `${p}b`, value: 2 },
        { add: `${p}b`, amount: 3 },
        { add: `${p}b`, amount: -1 },
      ],
    })
    assert.equal(await given.store.get(`${p}a`), undefined)
    assert.equal(await given.valueOf(`${p}b`), 4)
  })

  test('a counter counts from 0, below it too, and is gone at 0', async () => {
    const key = `${given.prefix()}count`
    const add = (amount: number): Promise<readonly string[]> => given.succeed({ writes: [{ add: key, amount }] })
    await add(2)
    await add(3)
    assert.equal(await given.valueOf(key), 5)
    await add(-5)
    assert.equal(await given.store.get(key), undefined)
    await add(-1)
    assert.equal(await given.valueOf(key), -1)
    await add(1)
    assert.equal(await given.store.get(key), undefined)
  })

  test('what is no counter is not counted with, and nothing of that batch is done', async () => {
    const p = given.prefix()
    await given.put(`${p}text`, '5')
    for (const batch of [
      {
        writes: [
          { put: `${p}other`, value: 1 },
          { add: `${p}text`, amount: 1 },
        ],
      },
      { checks: [{ key: `${p}text`, atMost: 9 }], writes: [{ put: `${p}other`, value: 1 }] },
      {
        writes: [
          { put: `${p}other`, value: 1 },
          { add: `${p}count`, amount: 0.5 },
        ],
      },
    ])
      await assert.rejects(given.store.commit(batch), { code: 'invalid' })
    assert.equal(await given.store.get(`${p}other`), undefined)
    assert.equal(await given.valueOf(`${p}text`), '5')
  })

  test('a value is taken as it was when the batch was handed in', async () => {
    const key = `${given.prefix()}key`
    const value = { list: [1] }
    const committed = given.put(key, value)
    value.list.push(2)
    await committed
    assert.deepEqual(await given.valueOf(key), { list: [1] })
  })

  test('of many who change an entry at once, each sees the change of the one before', async () => {
    const key = `${given.prefix()}count`
    let tries = 0
    const increment = async (): Promise<void> => {
      for (;;) {
        tries++
        const entry = await given.store.get<number>(key)
        const committed = await given.store.commit({
          checks: [{ key, version: entry?.version ?? null }],
          writes: [{ put: key, value: (entry?.value ?? 0) + 1 }],
        })
        if (committed.ok) return
        assert.equal(committed.failed, key)
      }
    }
    await Promise.all(Array.from({ length: 100 }, increment))
    assert.equal(await given.valueOf(key), 100)
    assert.ok(tries > 100, 'nobody was ever refused')
  })

  test('a batch that fails does not hold up those beside it', async () => {
    const p = given.prefix()
    await given.put(`${p}text`, 'no counter')
    const outcomes = await Promise.allSettled(
      Array.from({ length: 60 }, (_, i) =>
        given.store.commit({
          checks: i % 3 === 1 ? [{ key: `${p}text`, version: null }] : [],
          writes: [
            { put: `${p}n/${String(i).padStart(2, '0')}`, value: i },
            ...(i % 3 === 2 ? [{ add: `${p}text`, amount: 1 }] : []),
          ],
        }),
      ),
    )
    outcomes.forEach((outcome, i) => {
      if (i % 3 === 2) assert.equal(outcome.status, 'rejected')
      else assert.equal(outcome.status === 'fulfilled' && outcome.value.ok, i % 3 === 0)
    })
    assert.deepEqual(
      (await given.store.range({ ...below(`${p}n/`), limit: 100 })).map((entry) => entry.value),
      Array.from({ length: 20 }, (_, i) => i * 3),
    )
  })

  test('a batch may have tens of thousands of writes and checks', async () => {
    const p = given.prefix()
    const keys = Array.from({ length: 20_000 }, (_, i) => `${p}${String(i).padStart(5, '0')}`)
    await given.succeed({
      checks: keys.map((key) => ({ key, version: null })),
      writes: keys.map((key, i) => ({ put: key, value: i })),
    })
    const found = await given.store.range({ ...below(p), limit: 50_000 })
    assert.deepEqual(
      found.map((entry) => entry.value),
      keys.map((_, i) => i),
    )
    const entries = await given.store.getAll(keys)
    assert.deepEqual(entries, found)
    await given.succeed({
      checks: entries.map((entry, i) => ({ key: keys[i] ?? '', version: entry?.version ?? null })),
      writes: keys.map((key) => ({ delete: key })),
    })
    assert.deepEqual(await given.store.range({ ...below(p), limit: 1 }), [])
  })

  test('what is committed is seen by whoever looks afterwards, without a turn between', async () => {
    const key = `${given.prefix()}key`
    for (let i = 0; i < 50; i++) {
      const seen = await given.put(key, i).then(() => given.store.get(key))
      assert.equal(seen?.value, i)
    }
  })
}
