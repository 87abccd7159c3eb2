import assert from 'node:assert/strict'
import { readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { givenTrees } from './given-trees.ts'

test('the first time all is sent, then nothing of what is there, then only what differs', async (t) => {
  const { send, write, assertSame } = await givenTrees(t)
  const first = await send()
  assert.equal(first.delta, undefined, 'nobody knows what the target holds')
  const second = await send()
  assert.deepEqual([second.delta, second.package], [{ files: 0, bytes: 0 }, first.package])
  assertSame('one')
  write('source', 'content/3/17.txt', 'changed')
  write('source', 'content/new/1.txt', 'new')
  const third = await send()
  assert.deepEqual(third.delta, { files: 2, bytes: 10 })
  assert.equal(third.targets[0]?.attempts, 1)
  assertSame('one')
  assert.deepEqual((await send()).delta, { files: 0, bytes: 0 })
})

test('what has gone from the source stays at the target, and goes from it with a mirror', async (t) => {
  const { send, remove, at, assertSame } = await givenTrees(t)
  await send()
  remove('source', 'content/3/17.txt')
  assert.deepEqual((await send()).delta, { files: 0, bytes: 0 })
  assert.equal(readFileSync(at('one', 'content/3/17.txt'), 'utf8'), 'text 17')
  assert.deepEqual((await send({ mode: 'mirror' })).delta, { files: 0, bytes: 0 })
  assertSame('one')
})

test('a file may become a folder, and a folder a file', async (t) => {
  const { send, remove, write, assertSame } = await givenTrees(t)
  await send({ mode: 'mirror' })
  remove('source', 'content/3/17.txt')
  write('source', 'content/3/17.txt/inside', 'text 17')
  remove('source', 'content/5')
  write('source', 'content/5', 'a file')
  const { delta } = await send({ mode: 'mirror' })
  assert.deepEqual(delta, { files: 2, bytes: 13 })
  assertSame('one')
})

test('what one of several targets lacks is sent', async (t) => {
  const { send, write, reconfigure, assertSame } = await givenTrees(t, { targets: ['one', 'two'] })
  await send()
  write('source', 'content/3/17.txt', 'changed')
  await send({ targets: ['one'] })
  write('source', 'content/4/18.txt', 'changed too')
  // The one lacks the last, the other both.
  assert.deepEqual((await send()).delta, { files: 2, bytes: 18 })
  assertSame('one', 'two')
  await reconfigure(['one', 'two', 'three'])
  assert.equal((await send()).delta, undefined, 'of the third nothing is known')
  assertSame('one', 'two', 'three')
  assert.deepEqual((await send()).delta, { files: 0, bytes: 0 })
})

test('what is full is sent whole', async (t) => {
  const { given, send, write, assertSame } = await givenTrees(t)
  await send()
  write('source', 'content/3/17.txt', 'changed')
  const delta = await send()
  assert.equal((await given.parts.packages.describe(delta.package ?? ('' as never))).carries?.files, 1)
  const full = await send({ full: true })
  assert.deepEqual([full.delta, full.package], [undefined, delta.package])
  const { carries } = await given.parts.packages.describe(full.package ?? ('' as never))
  assert.equal(carries, undefined, 'the package has become whole')
  assertSame('one')
})

test('what a target is not given as it was said to hold it is sent after all', async (t) => {
  const { send, write, at, assertSame } = await givenTrees(t)
  await send()
  for (const [what, spoil] of [
    [
      'a file was changed, its size and time kept',
      () => {
        const file = at('one', 'content/3/17.txt')
        const { atime, mtime } = statSync(file)
        writeFileSync(file, 'teXt 17')
        utimesSync(file, atime, mtime)
      },
    ],
    ['a file has gone', () => rmSync(at('one', 'content/3/17.txt'))],
    ['all of it has gone', () => rmSync(at('one', 'content'), { recursive: true })],
  ] as const) {
    spoil()
    write('source', 'content/4/18.txt', what)
    const { delta, targets } = await send()
    assert.deepEqual(delta, { files: 1, bytes: what.length }, what)
    assert.equal(targets[0]?.attempts, 2, what)
    assertSame('one')
    // Once that is mended all is known again.
    assert.deepEqual((await send()).delta, { files: 0, bytes: 0 }, what)
  }
})

test('what goes to another place is whole', async (t) => {
  const { given, at, send, assertSame } = await givenTrees(t)
  await send()
  await given.configs.patch(
    'site',
    { targets: [{ name: 'one', kind: 'directory', path: at('elsewhere') }] },
    { actor: 'test' },
  )
  assert.equal((await send()).delta, undefined)
  assertSame('elsewhere')
})

test('a page that was sent since is sent again with its tree, and all else is not', async (t) => {
  const { send, write, assertSame } = await givenTrees(t)
  await send()
  write('source', 'content/3/17.txt', 'changed')
  await send({ at: ['/content/3/17.txt'], deep: false })
  assert.deepEqual((await send()).delta, { files: 1, bytes: 7 })
  assertSame('one')
})
