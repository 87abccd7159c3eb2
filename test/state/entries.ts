import assert from 'node:assert/strict'
import { test } from 'node:test'
import { below, scan } from '../../src/state/store.ts'
import type { Given } from './given.ts'

/** Entries, one by one and in ranges. */
export function entryTests(given: Given): void {
  test('what was put is got, and what was deleted is not', async () => {
    const key = `${given.prefix()}key`
    assert.equal(await given.store.get(key), undefined)
    await given.put(key, { a: [1, null, 'ü'] })
    assert.deepEqual(await given.valueOf(key), { a: [1, null, 'ü'] })
    await given.succeed({ writes: [{ delete: key }, { delete: `${key}-that-never-was` }] })
    assert.equal(await given.store.get(key), undefined)
  })

  test('values of any size and alphabet come back as they were', async () => {
    const p = given.prefix()
    const sizes = [0, 1, 31, 500, 4000, 16_383, 16_384, 32_767, 32_769, 65_536, 400_000]
    for (const letter of ['x', 'é', '漢', '😀', '\u0000', '\ud800'])
      for (const size of sizes) {
        const key = `${p}${size}`
        const value = { text: letter.repeat(size) }
        await given.put(key, value)
        assert.deepEqual(await given.valueOf(key), value)
        assert.deepEqual((await given.store.range({ from: key, to: `${key}\0`, limit: 1 }))[0]?.value, value)
      }
    const all = await given.store.range<{ text: string }>({ ...below(p), limit: 100 })
    assert.deepEqual(
      all.map((entry) => entry.value.text.length).toSorted((a, b) => a - b),
      sizes.map((size) => '\ud800'.length * size),
    )
  })

  test('keys may have 600 characters, and any ASCII in them', async () => {
    const p = given.prefix()
    const ascii = Array.from({ length: 128 }, (_, i) => String.fromCharCode(i))
    const keys = [...ascii.map((letter) => `${p}${letter}`), p + 'k'.repeat(600 - p.length)].toSorted()
    await given.succeed({ writes: keys.toReversed().map((key) => ({ put: key, value: key })) })
    const found = await given.store.range({ ...below(p), limit: 1000 })
    assert.deepEqual(
      found.map((entry) => entry.key),
      keys,
    )
    assert.deepEqual(
      found.map((entry) => entry.value),
      keys,
    )
  })

  test('keys that are empty, too long or not ASCII are refused', async () => {
    for (const key of ['', 'k'.repeat(601), 'ü', 'a\u0080'])
      await assert.rejects(given.store.commit({ writes: [{ put: key, value: 1 }] }), { code: 'invalid' })
    await assert.rejects(given.store.commit({ writes: [{ append: 'k'.repeat(590), value: 1 }] }), { code: 'invalid' })
    await assert.rejects(given.store.commit({ writes: [{ put: 'a', value: undefined }] }), { code: 'invalid' })
  })

  test('several entries are got in the order asked for', async () => {
    const p = given.prefix()
    await given.put(`${p}b`, 2)
    await given.put(`${p}a`, 1)
    const entries = await given.store.getAll([`${p}b`, `${p}none`, `${p}a`, `${p}b`])
    assert.deepEqual(
      entries.map((entry) => entry?.value),
      [2, undefined, 1, 2],
    )
    assert.deepEqual(await given.store.getAll([]), [])
  })

  test('the version differs when the value does, and every way to read answers the same', async () => {
    const key = `${given.prefix()}key`
    await given.put(key, 'first')
    const first = await given.store.get(key)
    await given.put(key, 'second')
    const second = await given.store.get(key)
    assert.notEqual(first?.version, second?.version)
    assert.deepEqual(await given.store.getAll([key]), [second])
    assert.deepEqual(await given.store.range({ ...below(key), limit: 1 }), [second])
  })

  test('a range holds from, not to, both ways, and no more than its limit', async () => {
    const p = given.prefix()
    await given.succeed({ writes: ['a', 'b', 'b0', 'b00', 'c', 'd'].map((key) => ({ put: p + key, value: key })) })
    const keys = async (from: string, to: string, limit: number, reverse?: boolean): Promise<string> => {
      const range = { from: p + from, to: p + to, limit, ...(reverse === undefined ? {} : { reverse }) }
      return (await given.store.range(range)).map((entry) => entry.value).join(' ')
    }
    assert.equal(await keys('b', 'c', 9), 'b b0 b00')
    assert.equal(await keys('b', 'c', 9, true), 'b00 b0 b')
    assert.equal(await keys('b', 'c', 2), 'b b0')
    assert.equal(await keys('b', 'c', 2, true), 'b00 b0')
    assert.equal(await keys('', 'zz', 9), 'a b b0 b00 c d')
    assert.equal(await keys('bb', 'zz', 9, true), 'd c')
    assert.equal(await keys('b\0', 'b00', 9), 'b0')
    assert.equal(await keys('e', 'z', 9), '')
    assert.equal(await keys('e', 'z', 9, true), '')
    assert.equal(await keys('c', 'b', 9), '')
    assert.equal(await keys('c', 'c', 9, true), '')
  })

  test('the whole store is a range from the empty key', async () => {
    const key = `${given.prefix()}key`
    await given.put(key, 1)
    const [first] = await given.store.range({ from: '', to: '\u007f', limit: 1 })
    assert.ok(first !== undefined && first.key <= key)
    const [last] = await given.store.range({ from: '', to: `${key}\0`, limit: 1, reverse: true })
    assert.equal(last?.key, key)
  })

  test('a scan finds every entry once, both ways', async () => {
    const p = given.prefix()
    const keys = Array.from({ length: 23 }, (_, i) => `${p}${String(i).padStart(3, '0')}`)
    await given.succeed({ writes: keys.map((key) => ({ put: key, value: 1 })) })
    for (const reverse of [false, true]) {
      const found: string[] = []
      for await (const entry of scan(given.store, { ...below(p), reverse }, 5)) found.push(entry.key)
      assert.deepEqual(found, reverse ? keys.toReversed() : keys)
    }
  })
}
