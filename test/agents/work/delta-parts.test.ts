/** Trees in parts of which only what differs is sent. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { partLimits } from '../../../src/agents/work/split.ts'
import { givenTrees } from './given-trees.ts'

Object.assign(partLimits, { maxEntries: 30 })

test('a tree is cut into the same parts, and has the same id, whatever of it is sent', async (t) => {
  const { send, write, assertSame } = await givenTrees(t)
  const first = await send()
  assert.deepEqual(first.parts, { done: 4, total: 4 })
  const same = await send()
  assert.deepEqual([same.package, same.parts, same.delta], [first.package, first.parts, { files: 0, bytes: 0 }])
  // It comes first, and so all parts are others.
  write('source', 'content/!', 'new')
  write('source', 'content/6/97.txt', 'changed')
  const next = await send()
  assert.deepEqual(next.delta, { files: 2, bytes: 10 })
  assertSame('one')
  const full = await send({ full: true })
  assert.deepEqual([full.package, full.parts, full.delta], [next.package, next.parts, undefined])
  assert.deepEqual((await send()).delta, { files: 0, bytes: 0 })
})

test('of a target that has been emptied, one part is mended, and when that was not all of it the others', async (t) => {
  const { send, at, write, assertSame } = await givenTrees(t)
  await send()
  rmSync(at('one', 'content'), { recursive: true })
  // It comes first, and so no part is as it was, which would be here as a whole.
  write('source', 'content/!', 'new')
  const { delta, targets } = await send()
  assert.deepEqual(delta, { files: 1, bytes: 3 })
  assert.equal(targets[0]?.attempts, 3)
  assertSame('one')
})

test('a mirror in parts is the same one, whatever of it is sent', async (t) => {
  const { send, write, remove, assertSame } = await givenTrees(t)
  await send({ mode: 'mirror' })
  remove('source', 'content/3/17.txt')
  write('source', 'content/6/97.txt', 'changed')
  const next = await send({ mode: 'mirror' })
  assert.deepEqual([next.delta, next.parts?.total], [{ files: 1, bytes: 7 }, 4])
  assertSame('one')
  const full = await send({ mode: 'mirror', full: true })
  assert.deepEqual([full.package, full.delta], [next.package, undefined])
  assert.deepEqual((await send({ mode: 'mirror' })).delta, { files: 0, bytes: 0 })
})
