/** Mirrors of large trees: an index and parts that remove nothing by themselves. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { commandOf } from '../../../src/agents/commands/command.ts'
import { viewCommand, type CommandView } from '../../../src/agents/commands/views.ts'
import { openBase } from '../../../src/agents/comparisons/ancestors.ts'
import { revert } from '../../../src/agents/comparisons/undo.ts'
import { packageOf } from '../../../src/agents/packages.ts'
import type { Parts } from '../../../src/agents/parts.ts'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import { exportEntry } from '../../../src/agents/work/exports.ts'
import { partLimits } from '../../../src/agents/work/split.ts'
import { plant, textAt, treeOf } from '../../end-to-end/trees.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { dyingStore } from '../dying.ts'

Object.assign(partLimits, { maxEntries: 2 })

const never = new AbortController().signal
const files = Object.fromEntries(Array.from({ length: 7 }, (_, i) => [`content/${i}`, `${i}`]))

interface GivenMirror extends Given {
  readonly source: string
  readonly target: string
  mirror(more?: object): Promise<{ id: string }>
  deliverIt(parts?: Parts): Promise<void>
}

/** An agent `author` that mirrors a folder to another, and a tree of /content and seven files, which is four parts. */
async function givenMirror(t: TestContext, more: object = {}, idle = false): Promise<GivenMirror> {
  const given = await givenEngine(t, { idle })
  const folder = mkdtempSync(join(tmpdir(), 'mirror.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [source, target] = [join(folder, 'source'), join(folder, 'target')]
  plant(source, files)
  plant(target, { 'outside/o': 'o' })
  await given.agent('author', [], {
    source: { kind: 'directory', path: source },
    targets: [{ name: 'there', kind: 'directory', path: target }],
    deletes: { maxPercent: 100, maxCount: 100 },
    ...more,
  })
  return Object.create(given, {
    ...{ source: { value: source }, target: { value: target } },
    mirror: { value: (asked: object = {}) => given.ask({ agents: ['author'], mode: 'mirror', ...asked }) },
    deliverIt: {
      value: async (parts = given.parts) => void (await deliverHead(parts, { agent: 'author', queue: 'there' }, never)),
    },
  }) as GivenMirror
}

function contentOf(target: string): unknown {
  return treeOf(join(target, 'content'))
}

async function done(given: Given, command: { id: string }): Promise<CommandView> {
  const view = await given.finished(command)
  assert.equal(view.state, 'succeeded', JSON.stringify(view))
  return view
}

test('a mirror of a large tree goes in parts, and what it removes goes behind the last', async (t) => {
  const given = await givenMirror(t, { filters: [{ exclude: '/content/own/**' }] })
  plant(given.target, { 'content/extra/deep/e': 'e', 'content/a': 'a', 'content/own/o': 'o', 'content/3': 'old' })
  const view = await done(given, await given.mirror())
  const [agent] = view.agents
  assert.deepEqual(agent?.parts, { done: 4, total: 4 })
  const index = await packageOf(given.parts, agent.package ?? '')
  assert.deepEqual([index.mode, index.entries, index.parts?.length], ['mirror', 8, 4])
  for (const id of index.parts ?? []) assert.equal((await packageOf(given.parts, id)).mode, 'update')
  // What was in /content/extra, and that itself, and /content/a.
  assert.deepEqual(agent.targets[0]?.receipt?.detail, { removed: 4, parts: 4 })
  assert.equal(textAt(given.target, 'content/own/o'), 'o')
  assert.equal(textAt(given.target, 'outside/o'), 'o')
  rmSync(join(given.target, 'content/own'), { recursive: true })
  assert.deepEqual(contentOf(given.target), contentOf(given.source))
  await assertConsistent(given.parts)
})

test('a mirror in parts that changes nothing is confirmed as a whole, and one that changes anything is applied', async (t) => {
  const given = await givenMirror(t)
  await done(given, await given.mirror())
  const receiptOf = async (): Promise<unknown> =>
    (await done(given, await given.mirror())).agents[0]?.targets[0]?.receipt?.detail
  assert.deepEqual(await receiptOf(), { written: 0, writtenBytes: 0, parts: 4 })
  plant(given.target, { 'content/extra/e': 'e', 'content/3': 'another' })
  assert.deepEqual(await receiptOf(), { removed: 2, parts: 4 })
  assert.deepEqual(contentOf(given.target), contentOf(given.source))
})

test('each part of a mirror is written once', async (t) => {
  const given = await givenMirror(t, {}, true)
  const { packages } = given.parts
  const write = packages.write.bind(packages)
  let written = 0
  packages.write = (...order) => {
    written++
    return write(...order)
  }
  const command = await given.mirror()
  await given.export(command, 'author')
  const { agents } = await viewCommand(given.parts.store, command.id)
  assert.deepEqual([agents[0]?.parts?.total, written], [4, 4])
})

test('a mirror of a small tree is one package, as is one that a passive queue gets too', async (t) => {
  const given = await givenMirror(t, { passive: ['dmz'] })
  const command = await given.mirror()
  const { agents } = await viewCommand(given.parts.store, command.id)
  assert.ok(agents[0])
  const small = await givenMirror(t)
  rmSync(join(small.source, 'content'), { recursive: true })
  plant(small.source, { 'content/1': '1' })
  for (const [it, one] of [
    [given, command],
    [small, await small.mirror()],
  ] as const) {
    const view = await viewUntilReady(it, one)
    const pkg = await packageOf(it.parts, view.agents[0]?.package ?? '')
    assert.deepEqual([pkg.mode, pkg.parts], ['mirror', undefined])
  }
})

async function viewUntilReady(given: Given, { id }: { id: string }): Promise<CommandView> {
  for (;;) {
    const view = await viewCommand(given.parts.store, id)
    if (view.agents[0]?.package !== undefined) return view
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

test('a mirror in parts that would remove more than the guard admits changes nothing, whenever that shows', async (t) => {
  const queue = { onFailure: 'error-queue', attempts: 1 }
  const given = await givenMirror(t, { deletes: { maxPercent: 100, maxCount: 2 }, queue }, true)
  plant(given.target, { 'content/0': 'old', 'content/x': 'x', 'content/y': 'y' })
  const late = await given.mirror()
  await given.export(late, 'author')
  // It was judged when it was made; one more has come since.
  plant(given.target, { 'content/z': 'z' })
  const before = contentOf(given.target)
  await given.deliverIt()
  const { agents } = await viewCommand(given.parts.store, late.id)
  assert.equal(agents[0]?.targets[0]?.error?.code, 'conflict')
  assert.deepEqual(contentOf(given.target), before)
  const early = await given.mirror()
  await given.export(early, 'author')
  const view = await viewCommand(given.parts.store, early.id)
  assert.deepEqual([view.state, view.agents[0]?.error?.code], ['failed', 'conflict'])
  assert.deepEqual(contentOf(given.target), before)
})

test('what a mirror in parts has replaced and removed is kept, and what it brought is known in common', async (t) => {
  const given = await givenMirror(t)
  plant(given.target, { 'content/0': 'old', 'content/extra/e': 'e' })
  const command = await given.mirror()
  await done(given, command)
  const before = treeOf(given.target)
  const base = await openBase(given.parts, await given.parts.roster.get('author'), 'there')
  const known: string[] = []
  for await (const { path, digest } of base.rows()) if (digest !== undefined) known.push(path)
  await base.close()
  assert.deepEqual(
    known,
    Object.keys(files).map((path) => `/${path}`),
  )
  const back = await revert(given.parts, await commandOf(given.parts, command.id), { actor: 'test' }, never)
  const { counts } = back
  // One is overwritten, six go, and one comes back; folders are not counted.
  assert.deepEqual([counts.changed, counts.deleted, counts.added], [1, 6, 1])
  assert.deepEqual(treeOf(given.target), before)
})

for (const side of ['before', 'after'] as const)
  test(`a process that dies ${side} any commit of a mirror in parts leaves it to the next, which ends it`, async (t) => {
    const given = await givenMirror(t, { queue: { attempts: 100 } }, true)
    let rounds = 0
    for (let at = 0; ; at++) {
      for (const path of Object.keys(files)) plant(given.source, { [path]: `${at} ${path}` })
      plant(given.target, { [`content/extra-${at}/e`]: 'e' })
      const { id } = await given.mirror()
      const died = await dieAt(given, id, at, side)
      const state = async (): Promise<string> => (await viewCommand(given.parts.store, id)).state
      for (let tries = 0; tries < 10 && (await state()) !== 'succeeded'; tries++) {
        await given.export({ id }, 'author')
        await given.deliverIt()
      }
      assert.equal(await state(), 'succeeded', `died ${side} commit ${at}`)
      assert.deepEqual(contentOf(given.target), contentOf(given.source), `died ${side} commit ${at}`)
      rounds++
      if (!died) break
    }
    t.diagnostic(`${rounds} rounds`)
    assert.ok(rounds > 8)
    await assertConsistent(given.parts)
  })

/** Makes and delivers the mirror as far as it comes before commit number `at`. Answers whether it came to that. */
async function dieAt(given: GivenMirror, command: string, at: number, side: 'before' | 'after'): Promise<boolean> {
  const { store, died, isDead } = dyingStore(given.parts.store, at, side)
  const parts: Parts = { ...given.parts, store, wakeLanes: () => Promise.resolve() }
  try {
    await exportEntry(parts, command, 'author', never)
    await given.deliverIt(parts)
  } catch (error) {
    assert.equal(error, died)
  }
  return isDead()
}
