import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logKey, sequenceKey, type LogEntry } from '../../src/state/store.ts'
import type { Given } from './given.ts'

/** Appends, and those who follow them. */
export function logTests(given: Given): void {
  test('appends have the next sequence each, and their keys are answered and indexed', async () => {
    const p = given.prefix()
    const log = `${p}log`
    assert.equal(await given.store.last(log), 0)
    const keys = await given.succeed({
      writes: [
        { append: log, value: 'one' },
        { append: `${p}other`, value: 'elsewhere' },
        { append: log, value: 'two', index: `${p}index` },
      ],
    })
    assert.deepEqual(keys, [logKey(log, 1), logKey(`${p}other`, 1), logKey(log, 2)])
    assert.equal(await given.valueOf(`${p}index`), logKey(log, 2))
    assert.deepEqual(await Promise.all(keys.map(given.valueOf)), ['one', 'elsewhere', 'two'])
    assert.equal(await given.store.last(log), 2)
  })

  test('logs and indexes may be named with any ASCII, and an index is the key, however it is quoted', async () => {
    const p = given.prefix()
    const names = ['\\/', '\\\\/', '"', '\\"/', '\u0000', '\u001f/\u007f', '\n\r\t\b\f', '</script>', '%s%d', '{}[]']
    for (const name of names) {
      const [key] = await given.succeed({ writes: [{ append: p + name, value: name, index: `${p}index${name}` }] })
      assert.equal(key, logKey(p + name, 1))
      assert.equal(await given.valueOf(`${p}index${name}`), key)
      assert.equal(await given.valueOf(key), name)
      assert.equal(await given.store.last(p + name), 1)
      const follower = given.store.follow(p + name, 0, new AbortController().signal)[Symbol.asyncIterator]()
      assert.equal((await follower.next()).value?.value, name)
      await follower.return?.()
    }
  })

  test('one batch may append to thousands of logs, and wakes the followers of each', async () => {
    const p = given.prefix()
    const logs = Array.from({ length: 9000 }, (_, i) => `${p}log${i}`)
    const followers = [0, 4500, 8999].map(async (i) => {
      for await (const { value } of given.store.follow(`${p}log${i}`, 0, new AbortController().signal)) return value
      return undefined
    })
    const keys = await given.succeed({ writes: logs.map((append, i) => ({ append, value: i })) })
    assert.deepEqual(
      keys,
      logs.map((log) => logKey(log, 1)),
    )
    assert.deepEqual(await Promise.all(followers), [0, 4500, 8999])
    assert.equal(await given.valueOf(logKey(`${p}log8999`, 1)), 8999)
  })

  test('a sequence is never used again, after deletes and a restart too', async () => {
    const other = await given.makePlace()
    try {
      let reopened = await other.open()
      await reopened.commit({
        writes: [
          { append: 'log', value: 1 },
          { append: 'log', value: 2 },
        ],
      })
      await reopened.commit({ writes: [{ delete: logKey('log', 1) }, { delete: logKey('log', 2) }] })
      assert.equal(await reopened.last('log'), 2)
      await reopened.close()
      reopened = await other.open()
      assert.equal(await reopened.last('log'), 2)
      assert.deepEqual(await reopened.commit({ writes: [{ append: 'log', value: 3 }] }), {
        ok: true,
        appended: [logKey('log', 3)],
      })
      await reopened.close()
    } finally {
      await other.remove()
    }
  })

  test('the last sequence of a log is an entry, so that a copy of all entries goes on where the original was', async () => {
    const p = given.prefix()
    await given.succeed({
      writes: [
        { append: `${p}log`, value: 1 },
        { append: `${p}log`, value: 2 },
      ],
    })
    assert.equal(await given.valueOf(sequenceKey(`${p}log`)), 2)
    await given.put(sequenceKey(`${p}copy`), 2)
    assert.deepEqual(await given.succeed({ writes: [{ append: `${p}copy`, value: 3 }] }), [logKey(`${p}copy`, 3)])
  })

  test('appends from many callers at once leave no gap, and each has a key of its own', async () => {
    const log = `${given.prefix()}log`
    const keys = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => (await given.succeed({ writes: [{ append: log, value: i }] }))[0]),
    )
    assert.deepEqual(new Set(keys), new Set(Array.from({ length: 200 }, (_, i) => logKey(log, i + 1))))
    for (const [i, key] of keys.entries()) assert.equal(await given.valueOf(key ?? ''), i)
  })

  test('a follower sees what was, what comes, all of it, in order, and ends with its signal', async () => {
    const p = given.prefix()
    const log = `${p}log`
    const append = (i: number): Promise<readonly string[]> => given.succeed({ writes: [{ append: log, value: i }] })
    for (let i = 1; i <= 700; i++) void append(i)
    await append(701)
    const later = async (): Promise<void> => {
      for (let i = 702; i <= 760; i++) await Promise.all([append(i), given.put(`${p}unrelated`, i)])
      await Promise.all(Array.from({ length: 240 }, (_, i) => append(761 + i)))
    }
    const read = async (from: number): Promise<LogEntry<number>[]> => {
      const abort = new AbortController()
      const seen: LogEntry<number>[] = []
      for await (const entry of given.store.follow<number>(log, from, abort.signal)) {
        seen.push(entry)
        if (entry.sequence === 1000) abort.abort()
      }
      return seen
    }
    const [all, some, few] = await Promise.all([read(0), read(699), read(990), later()])
    assert.deepEqual(
      all.map((entry) => entry.sequence),
      Array.from({ length: 1000 }, (_, i) => i + 1),
    )
    assert.deepEqual(
      all.map((entry) => entry.key),
      Array.from({ length: 1000 }, (_, i) => logKey(log, i + 1)),
    )
    assert.deepEqual(
      all.slice(0, 760).map((entry) => entry.value),
      Array.from({ length: 760 }, (_, i) => i + 1),
    )
    assert.deepEqual(some, all.slice(699))
    assert.deepEqual(few, all.slice(990))
  })

  test('a follower of an empty log waits, and one whose signal aborts meanwhile ends without a word', async () => {
    const log = `${given.prefix()}log`
    const abort = new AbortController()
    const following = given.store.follow(log, 0, abort.signal)[Symbol.asyncIterator]()
    const next = following.next()
    await given.store.get(log)
    abort.abort()
    assert.deepEqual(await next, { done: true, value: undefined })
    for await (const entry of given.store.follow(log, 0, abort.signal)) assert.fail(`${entry.key} came after the abort`)
  })

  test('a follower goes on over large entries and over those that were deleted', async () => {
    const log = `${given.prefix()}log`
    for (let i = 1; i <= 12; i++) await given.succeed({ writes: [{ append: log, value: 'x'.repeat(300_000) }] })
    await given.succeed({ writes: [3, 4, 12].map((sequence) => ({ delete: logKey(log, sequence) })) })
    await given.succeed({ writes: [{ append: log, value: 'end' }] })
    const seen: number[] = []
    for await (const entry of given.store.follow(log, 0, new AbortController().signal)) {
      seen.push(entry.sequence)
      if (entry.value === 'end') break
    }
    assert.deepEqual(seen, [1, 2, 5, 6, 7, 8, 9, 10, 11, 13])
  })
}
