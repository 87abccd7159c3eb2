import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import { startChild } from './apply-children.ts'
import { treeOf, shown } from './conformance/bench.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never, readAll } from './trees.ts'

const folders = Array.from({ length: 10 }, (_, i) => `/tree/${i}`)

function treeWith(text: string, names: readonly string[]): Tree {
  const files = folders.flatMap((folder) => names.map((name) => [`${folder}/${name}`, `${text} ${folder} ${name}`]))
  return { '/tree': null, ...Object.fromEntries(folders.map((folder) => [folder, null])), ...Object.fromEntries(files) }
}

const names = Array.from({ length: 40 }, (_, i) => `file-${i}`)
const old = treeWith('old', [...names, 'gone'])
const young = treeWith('new', [...names, 'added'])

test(
  'whenever an apply is killed, each file is old or new, and applying again ends well',
  { timeout: 120_000 },
  async (t) => {
    const root = await makeFolder(t)
    const [before, after] = [await pack(t, puts(old)), await pack(t, puts(young), { mode: 'mirror' })]
    const target = directoryTarget(root)
    let epoch = 0
    const states = { old: 0, mixed: 0, new: 0 }
    let killed = 0
    for (let ms = 0; ; ms += 6) {
      await target.apply(deliveryOf(before, { epoch: ++epoch }), never)
      const delivery = deliveryOf(after, { epoch: ++epoch })
      const child = startChild({ do: 'apply', path: root, delivery })
      await child.begun
      await setTimeout(ms)
      child.process.kill('SIGKILL')
      const outcome = await child.outcome
      const held = new Map(shown(await readAll(directorySource(root))))
      let [olds, youngs] = [0, 0]
      for (const path of new Set([...Object.keys(old), ...Object.keys(young)])) {
        const [is, was, shall] = [held.get(path), old[path], young[path]]
        assert.ok(is === was || is === shall, `after ${ms} ms ${path} is ${is}`)
        if (was === shall) continue
        if (is === was) olds++
        else youngs++
      }
      states[olds === 0 ? 'new' : youngs === 0 ? 'old' : 'mixed']++
      const receipt = await target.apply({ ...delivery, epoch: ++epoch }, never)
      if (outcome?.result !== undefined) assert.deepEqual(receipt, outcome.result)
      else killed++
      assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(young))
      if (outcome !== undefined) break
    }
    t.diagnostic(`${killed} were killed; what they left was ${JSON.stringify(states)}`)
    assert.ok(killed > 0)
  },
)

test('an apply killed while it moves files into place leaves each whole', { timeout: 120_000 }, async (t) => {
  const root = await makeFolder(t)
  const many = Array.from({ length: 300 }, (_, i) => `file-${i}`)
  const [before, after] = [treeWith('old', many), treeWith('new', many)]
  const target = directoryTarget(root)
  await target.apply(deliveryOf(await pack(t, puts(before)), { epoch: 1 }), never)
  const delivery = deliveryOf(await pack(t, puts(after)), { epoch: 2 })
  const child = startChild({ do: 'apply', path: root, delivery })
  const first = join(root, 'tree/0/file-0')
  while (readFileSync(first, 'utf8').startsWith('old')) await setTimeout(0)
  child.process.kill('SIGKILL')
  await child.outcome
  let [olds, youngs] = [0, 0]
  for (const [path, content] of shown(await readAll(directorySource(root)))) {
    if (content === null) continue
    assert.ok(content === before[path] || content === after[path], `${path} is ${content}`)
    if (content === before[path]) olds++
    else youngs++
  }
  t.diagnostic(`${youngs} files were new, ${olds} still old`)
  assert.equal(olds + youngs, many.length * folders.length)
  assert.ok(youngs > 0)
  await target.apply({ ...delivery, epoch: 3 }, never)
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(after))
})

test(
  'a process that was stopped while another took its lane over changes nothing more',
  { timeout: 120_000 },
  async (t) => {
    const root = await makeFolder(t)
    const many = Array.from({ length: 300 }, (_, i) => `file-${i}`)
    const target = directoryTarget(root)
    await target.apply(deliveryOf(await pack(t, puts(treeWith('first', many))), { epoch: 1 }), never)
    const delivery = deliveryOf(await pack(t, puts(treeWith('late', many))), { epoch: 2 })
    const child = startChild({ do: 'apply', path: root, delivery })
    const first = join(root, 'tree/0/file-0')
    while (readFileSync(first, 'utf8').startsWith('first')) await setTimeout(0)
    child.process.kill('SIGSTOP')
    const last = treeWith('last', many)
    const receipt = await target.apply(deliveryOf(await pack(t, puts(last)), { epoch: 3 }), never)
    child.process.kill('SIGCONT')
    const outcome = await child.outcome
    // Had it been through with moving before it was stopped, there would be nothing that it could still do wrong.
    if (outcome?.result === undefined) assert.equal(outcome?.error?.code, 'conflict', outcome?.error?.message)
    assert.equal(receipt.entries, Object.keys(last).length)
    assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(last))
  },
)

test('without the program sync, files are made durable one by one', { timeout: 60_000 }, async (t) => {
  const root = await makeFolder(t)
  const pkg = await pack(t, puts(old))
  const child = startChild({ do: 'apply', path: root, delivery: deliveryOf(pkg) }, { env: { PATH: '/nowhere' } })
  const outcome = await child.outcome
  assert.equal(outcome?.error, undefined)
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(old))
  assert.ok(readdirSync(root).includes('.trebuchet'))
})
