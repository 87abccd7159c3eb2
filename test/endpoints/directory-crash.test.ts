import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import { startChild } from './apply-children.ts'
import { treeOf, shown } from './conformance/bench.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never, readAll } from './trees.ts'

/** In memory, where there is such a place: what a killed process leaves is the same there, and nothing waits for a disk. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir()

const folders = Array.from({ length: 10 }, (_, i) => `/tree/${i}`)

function treeWith(text: string, names: readonly string[]): Tree {
  const files = folders.flatMap((folder) => names.map((name) => [`${folder}/${name}`, `${text} ${folder} ${name}`]))
  return { '/tree': null, ...Object.fromEntries(folders.map((folder) => [folder, null])), ...Object.fromEntries(files) }
}

const names = Array.from({ length: 40 }, (_, i) => `file-${i}`)
const old = treeWith('old', [...names, 'gone'])
const young = treeWith('new', [...names, 'added'])
const kills = 4

test(
  'whenever an apply is killed, each file is old or new, and applying again ends well',
  { timeout: 240_000 },
  async (t) => {
    const root = await makeFolder(t, parent)
    const [before, after] = [
      await pack(t, puts(old), { mode: 'mirror' }),
      await pack(t, puts(young), { mode: 'mirror' }),
    ]
    const target = directoryTarget(root)
    let epoch = 0
    const states = { old: 0, mixed: 0, new: 0 }
    let killed = 0
    let wholeMs = 0
    for (let i = 0; i <= kills; i++) {
      await target.apply(deliveryOf(before, { epoch: ++epoch }), never)
      const delivery = deliveryOf(after, { epoch: ++epoch })
      const child = startChild({ do: 'apply', path: root, delivery })
      await child.begun
      const from = performance.now()
      // The first is left alone, to know how long it takes.
      if (i > 0) {
        await setTimeout((wholeMs * (i - 1)) / kills)
        child.process.kill('SIGKILL')
      }
      const outcome = await child.outcome
      if (i === 0) wholeMs = performance.now() - from
      states[stateOf(new Map(shown(await readAll(directorySource(root)))))]++
      const receipt = await target.apply({ ...delivery, epoch: ++epoch }, never)
      if (outcome?.result === undefined) killed++
      else assert.deepEqual(receipt, outcome.result)
      assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(young))
    }
    t.diagnostic(`${killed} were killed within ${Math.round(wholeMs)} ms; what was left was ${JSON.stringify(states)}`)
    assert.ok(killed > 0)
  },
)

/** Every path must be as it was or as it shall be. */
function stateOf(held: ReadonlyMap<string, string | null>): 'old' | 'mixed' | 'new' {
  let [olds, youngs] = [0, 0]
  for (const path of new Set([...Object.keys(old), ...Object.keys(young)])) {
    const [is, was, shall] = [held.get(path), old[path], young[path]]
    assert.ok(is === was || is === shall, `${path} is ${is}`)
    if (was === shall) continue
    if (is === was) olds++
    else youngs++
  }
  return olds === 0 ? 'new' : youngs === 0 ? 'old' : 'mixed'
}

test('an apply killed while it moves files into place leaves each whole', { timeout: 120_000 }, async (t) => {
  const root = await makeFolder(t, parent)
  const many = Array.from({ length: 100 }, (_, i) => `file-${i}`)
  const [before, after] = [treeWith('old', many), treeWith('new', many)]
  const packages = [await pack(t, puts(before)), await pack(t, puts(after))] as const
  const target = directoryTarget(root)
  let epoch = 0
  for (const folder of [0, 5, 9]) {
    await target.apply(deliveryOf(packages[0], { epoch: ++epoch }), never)
    const delivery = deliveryOf(packages[1], { epoch: ++epoch })
    const child = startChild({ do: 'apply', path: root, delivery })
    const file = join(root, `tree/${folder}/file-0`)
    while (readFileSync(file, 'utf8').startsWith('old')) await setTimeout(0)
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
    await target.apply({ ...delivery, epoch: ++epoch }, never)
    assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(after))
  }
})

test(
  'a process that was stopped while another took its lane over changes nothing more',
  { timeout: 120_000 },
  async (t) => {
    const root = await makeFolder(t, parent)
    const many = Array.from({ length: 150 }, (_, i) => `file-${i}`)
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

test(
  'wherever a process is stopped while another takes its lane over, it changes nothing when it goes on',
  { timeout: 240_000 },
  async (t) => {
    const root = await makeFolder(t, parent)
    const packs = [
      await pack(t, puts(old), { mode: 'mirror' }),
      await pack(t, puts(young), { mode: 'mirror' }),
    ] as const
    const last = treeWith('last', [...names, 'another'])
    const lastPack = await pack(t, puts(last), { mode: 'mirror' })
    const target = directoryTarget(root)
    let epoch = 0
    let wholeMs = 0
    const ends = { before: 0, refused: 0 }
    for (let i = 0; i <= kills; i++) {
      await target.apply(deliveryOf(packs[0], { epoch: ++epoch }), never)
      const delivery = deliveryOf(packs[1], { epoch: ++epoch })
      const child = startChild({ do: 'apply', path: root, delivery })
      await child.begun
      const from = performance.now()
      // The first is left alone, to know how long it takes.
      if (i === 0) {
        assert.deepEqual((await child.outcome)?.error, undefined)
        wholeMs = performance.now() - from
        continue
      }
      await setTimeout((wholeMs * (i - 1)) / kills)
      child.process.kill('SIGSTOP')
      const receipt = await target.apply(deliveryOf(lastPack, { epoch: ++epoch }), never)
      child.process.kill('SIGCONT')
      const outcome = await child.outcome
      ends[outcome?.result === undefined ? 'refused' : 'before']++
      if (outcome?.result === undefined) assert.equal(outcome?.error?.code, 'conflict', outcome?.error?.message)
      assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(last))
      // Nor has it left anything that a successor stumbles over.
      assert.deepEqual(
        await target.apply(deliveryOf(lastPack, { epoch: ++epoch, id: receipt.delivery }), never),
        receipt,
      )
    }
    t.diagnostic(`${ends.refused} were refused, ${ends.before} had ended before they were stopped`)
    assert.ok(ends.refused > 0)
  },
)

test('without the program sync, files are made durable one by one', { timeout: 60_000 }, async (t) => {
  const root = await makeFolder(t, parent)
  const pkg = await pack(t, puts(old))
  const child = startChild({ do: 'apply', path: root, delivery: deliveryOf(pkg) }, { env: { PATH: '/nowhere' } })
  const outcome = await child.outcome
  assert.equal(outcome?.error, undefined)
  assert.deepEqual(shown(await readAll(directorySource(root))), treeOf(old))
  assert.ok(readdirSync(root).includes('.trebuchet'))
})
