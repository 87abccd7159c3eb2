import assert from 'node:assert/strict'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import { ReplicationError } from '../../src/errors.ts'
import type { Outcome, Task } from './apply-child.ts'
import { startChild } from './apply-children.ts'
import { deletes, deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

test('a folder swapped for a link while it is written lets nothing out', { timeout: 120_000 }, async (t) => {
  const folder = await makeFolder(t)
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  for (const place of [join(root, 'a'), outside]) {
    mkdirSync(join(place, 'b'), { recursive: true })
    writeFileSync(join(place, 'b/file-0'), 'as it was')
    writeFileSync(join(place, 'file-0'), 'as it was')
  }
  const tree = Object.fromEntries(
    Array.from({ length: 50 }, (_, i) => [
      [`/a/file-${i}`, 'new'],
      [`/a/b/file-${i}`, 'new'],
      [`/a/c-${i}`, null],
    ]).flat(),
  ) as Record<string, string | null>
  const packages = [
    await pack(t, puts({ '/a': null, ...tree })),
    await pack(t, [deletes('/a/b'), deletes('/a/file-0')]),
    await pack(t, puts({ '/a': null, '/a/b': null, '/a/b/file-1': 'mirrored' }), { mode: 'mirror' }),
  ]
  const swapper = new Worker(
    `const { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } = require('node:fs')
     const { root, outside } = require('node:worker_threads').workerData
     const wait = new Int32Array(new SharedArrayBuffer(4))
     const attempt = (act) => { try { act() } catch {} }
     for (let i = 0; ; i++) {
       const name = i % 2 === 0 ? '/a' : '/a/b'
       attempt(() => renameSync(root + name, root + '/was-' + i))
       attempt(() => symlinkSync(i % 2 === 0 ? outside : outside + '/b', root + name))
       if (i % 3 === 0) Atomics.wait(wait, 0, 0, 1)
       attempt(() => unlinkSync(root + name))
       attempt(() => renameSync(root + '/was-' + i, root + name))
       if (i % 5 === 0) Atomics.wait(wait, 0, 0, 2)
     }`,
    { eval: true, workerData: { root, outside } },
  )
  const target = directoryTarget(root)
  let [applied, refused] = [0, 0]
  try {
    for (let i = 0; i < 60; i++)
      await target.apply(deliveryOf(packages[i % packages.length] ?? assert.fail()), never).then(
        () => applied++,
        (error: unknown) => {
          refused++
          assert.ok(error instanceof ReplicationError, String(error))
        },
      )
  } finally {
    await swapper.terminate()
  }
  t.diagnostic(`${applied} were applied, ${refused} refused`)
  assert.deepEqual(readdirSync(outside, { recursive: true, encoding: 'utf8' }).toSorted(), ['b', 'b/file-0', 'file-0'])
  for (const file of ['b/file-0', 'file-0']) assert.equal(readFileSync(join(outside, file), 'utf8'), 'as it was')
  await target.apply(deliveryOf(await pack(t, puts({ '/a': null, ...tree }))), never)
  for (const file of ['a/file-49', 'a/b/file-49']) assert.equal(readFileSync(join(root, file), 'utf8'), 'new')
})

/** Runs as somebody who may not do everything, also where the tests themselves may. */
async function asNobody(t: TestContext, task: Task): Promise<Outcome | undefined> {
  const nobody = 65534
  const child = startChild(task, process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {})
  const begun = await child.begun.then(
    () => true,
    () => false,
  )
  const outcome = await child.outcome
  if (!begun) t.skip('another user may not run what is tested')
  return begun ? outcome : undefined
}

for (const [what, mode] of [
  ['file', 0o644],
  ['folder', 0o755],
] as const)
  test(`a ${what} that may not be read ends the reading for good, and is named`, async (t) => {
    const root = await makeFolder(t)
    chmodSync(root, 0o755)
    mkdirSync(join(root, 'a'))
    if (what === 'file') writeFileSync(join(root, 'a/secret'), 'secret')
    else mkdirSync(join(root, 'a/secret'))
    chmodSync(join(root, 'a/secret'), 0)
    const outcome = await asNobody(t, { do: 'read', path: root })
    chmodSync(join(root, 'a/secret'), mode)
    if (outcome === undefined) return
    assert.equal(outcome.error?.code, 'rejected')
    assert.equal(outcome.error.transient, false)
    assert.match(outcome.error.message, /^"\/a\/secret" can not be read/)
  })

test('a folder that may not be written is refused, and so says the test', async (t) => {
  const folder = await makeFolder(t)
  chmodSync(folder, 0o755)
  const root = join(folder, 'root')
  mkdirSync(root, { mode: 0o555 })
  const pkg = await pack(t, puts({ '/a': 'a' }))
  chmodSync(join(pkg.file, '..'), 0o755)
  chmodSync(pkg.file, 0o644)
  for (const path of [root, join(root, 'later')]) {
    const outcome = await asNobody(t, { do: 'apply', path, delivery: deliveryOf(pkg) })
    if (outcome === undefined) return
    assert.equal(outcome.error?.code, 'rejected')
    assert.ok(!outcome.error.message.includes(folder), outcome.error.message)
    const tested = await asNobody(t, { do: 'test', path })
    const steps = tested?.result as { ok: boolean }[] | undefined
    assert.equal(steps?.at(-1)?.ok, false)
  }
})

test('a part of the folder that may not be written is named, and the rest is as it was or as it shall be', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'b'))
  writeFileSync(join(root, 'b/file'), 'old')
  if (process.getuid?.() === 0) chownSync(root, 65534, 65534)
  chmodSync(join(root, 'b'), 0o555)
  const pkg = await pack(t, puts({ '/a': 'new', '/b/file': 'new', '/c': 'new' }))
  chmodSync(join(pkg.file, '..'), 0o755)
  chmodSync(pkg.file, 0o644)
  const outcome = await asNobody(t, { do: 'apply', path: root, delivery: deliveryOf(pkg) })
  chmodSync(join(root, 'b'), 0o755)
  if (outcome === undefined) return
  assert.equal(outcome.error?.code, 'rejected')
  assert.match(outcome.error.message, /^"\/b\/file" can not be written/)
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'new')
  assert.equal(readFileSync(join(root, 'b/file'), 'utf8'), 'old')
})
