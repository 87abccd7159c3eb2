/** What source and target are known to have in common, after whatever has been delivered. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { approve } from '../../../src/agents/comparisons/approve.ts'
import { foldBase, openBase } from '../../../src/agents/comparisons/ancestors.ts'
import { baseKey, baseLog, type BaseRecord } from '../../../src/agents/comparisons/records.ts'
import { foldBases, forgetComparisons, sweepRows } from '../../../src/agents/retention/comparisons.ts'
import { forgetMemoryTree, memoryTree } from '../../../src/endpoints/memory/tree.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { below } from '../../../src/state/store.ts'
import { givenComparisons, type GivenComparisons } from './given-comparisons.ts'

const never = new AbortController().signal
const dayMs = 24 * 3_600_000

interface Pair extends GivenComparisons {
  /** Puts a text, or takes it away. */
  put(side: 'source' | 'target', path: string, text: string | undefined): void
  /** The class of each resource. */
  classes(): Promise<Record<string, string>>
  readonly names: Readonly<Record<'source' | 'target', string>>
}

async function pair(t: TestContext, more: object = {}): Promise<Pair> {
  const engine = await givenComparisons(t)
  const names = { source: randomUUID(), target: randomUUID() }
  t.after(() => Object.values(names).forEach(forgetMemoryTree))
  await engine.agent('a', { kind: 'memory', name: names.source }, { kind: 'memory', name: names.target }, more)
  return {
    ...engine,
    names,
    put: (side, path, text) => {
      const tree = memoryTree(names[side])
      if (text === undefined) tree.remove(parsePath(path), true)
      else tree.put(parsePath(path), Buffer.from(text))
    },
    classes: async () => {
      const rows = await engine.rows(await engine.compare('a'))
      return Object.fromEntries(rows.map(({ path, class: cls }) => [path, cls]))
    },
  }
}

test('a replication that is not deep makes known what it brought, and nothing else', async (t) => {
  const one = await pair(t)
  one.put('source', '/d/a', '1')
  one.put('source', '/d/b', '1')
  one.put('target', '/d/b', '0')
  await one.replicate('a', ['/d/a'], { deep: false })
  one.put('source', '/d/a', '2')
  one.put('target', '/d/c', '1')
  assert.deepEqual(await one.classes(), { '/d/a': 'fast-forward', '/d/b': 'unbased', '/d/c': 'unbased' })
})

test('a deletion and a mirror make known that nothing is there', async (t) => {
  const one = await pair(t)
  for (const path of ['/a', '/b', '/c', '/d']) one.put('source', path, '1')
  await one.replicate('a')
  one.put('source', '/a', undefined)
  await one.replicate('a', ['/a'], { action: 'delete' })
  one.put('source', '/b', undefined)
  await one.replicate('a', ['/'], { mode: 'mirror' })
  one.put('source', '/a', '2')
  one.put('target', '/b', '2')
  one.put('source', '/c', undefined)
  assert.deepEqual(await one.classes(), {
    ...{ '/a': 'new-at-source', '/b': 'target-only', '/c': 'deleted-at-source', '/d': 'same' },
  })
})

test('a content in the place of a folder leaves nothing in common below it', async (t) => {
  const one = await pair(t)
  one.put('source', '/x/y', '1')
  await one.replicate('a')
  one.put('source', '/x', 'content')
  await one.replicate('a')
  one.put('source', '/x', undefined)
  one.put('source', '/x/y', '2')
  await one.replicate('a', ['/x'], { action: 'delete' })
  assert.deepEqual(await one.classes(), { '/x/y': 'new-at-source' })
})

test('what both sides have deleted is not in common any more once a comparison has been applied', async (t) => {
  const one = await pair(t)
  for (const path of ['/a', '/b']) one.put('source', path, '1')
  await one.replicate('a')
  for (const side of ['source', 'target'] as const) one.put(side, '/a', undefined)
  await one.apply(await one.compare('a'))
  one.put('source', '/a', '2')
  assert.deepEqual(await one.classes(), { '/a': 'new-at-source', '/b': 'same' })
})

test('an agent whose target is somewhere else begins without a common state', async (t) => {
  const one = await pair(t)
  one.put('source', '/a', '1')
  await one.replicate('a')
  const other = randomUUID()
  t.after(() => forgetMemoryTree(other))
  memoryTree(other).put(parsePath('/a'), Buffer.from('2'))
  await one.given.configs.patch('a', { targets: [{ kind: 'memory', name: other }] }, { actor: 'test' })
  assert.deepEqual(await one.classes(), { '/a': 'unbased' })
})

test('a package that was deleted before it was looked at makes no comparison fail', async (t) => {
  const one = await pair(t)
  one.put('source', '/a', '1')
  one.put('source', '/b', '1')
  const command = await one.replicate('a')
  await one.given.parts.packages.remove(command.agents[0]?.package as never)
  one.put('source', '/a', '2')
  assert.deepEqual(await one.classes(), { '/a': 'unbased', '/b': 'same' })
})

test('a common state whose file is gone is unbased, and is made anew', async (t) => {
  const one = await pair(t)
  one.put('source', '/a', '1')
  await one.replicate('a')
  assert.deepEqual(await one.classes(), { '/a': 'same' })
  const { store, rowFiles } = one.given.parts
  const agent = await one.given.parts.roster.get('a')
  const [target = ''] = agent.targets
  const record = await store.get<BaseRecord>(baseKey('a', target))
  await rowFiles.remove(record?.value.rows ?? '')
  one.put('source', '/a', '2')
  assert.deepEqual(await one.classes(), { '/a': 'unbased' })
  await one.replicate('a')
  one.put('source', '/a', '3')
  assert.deepEqual(await one.classes(), { '/a': 'fast-forward' })
})

test('whoever reads a common state goes on reading it when it is written down anew', async (t) => {
  const one = await pair(t)
  for (let i = 0; i < 10; i++) one.put('source', `/${i}`, '1')
  await one.replicate('a')
  const agent = await one.given.parts.roster.get('a')
  const [target = ''] = agent.targets
  const base = await openBase(one.given.parts, agent, target)
  one.put('source', '/a', '1')
  await one.replicate('a')
  // Two servers at the same time, and one that has it open.
  await Promise.all([foldBase(one.given.parts, agent, target), foldBase(one.given.parts, agent, target)])
  const paths: string[] = []
  for await (const { path } of base.rows()) paths.push(path)
  await base.close()
  assert.equal(paths.filter((path) => path !== '/').length, 10)
  assert.deepEqual(await one.given.parts.store.range({ ...below(`${baseLog('a', target)}/`), limit: 1 }), [])
  const files: string[] = []
  for await (const { id } of one.given.parts.rowFiles.list()) files.push(id)
  assert.equal(files.length, 1, 'of two that fold at the same time one keeps its file')
})

test('what was kept of a document outlasts its package: both sides are merged by it', async (t) => {
  const one = await pair(t)
  const text = (a: number, b: number): string => JSON.stringify({ a, b })
  for (let i = 0; i < 40; i++) one.put('source', `/${i}.json`, text(0, 0))
  const command = await one.replicate('a')
  // It is written down before anybody compares.
  await foldBases(one.given.parts, never)
  for (let i = 0; i < 40; i++) one.put('source', `/${i}.json`, text(1, 0))
  for (let i = 0; i < 40; i++) one.put('target', `/${i}.json`, text(0, 1))
  const classes = async (): Promise<string[]> => [...new Set(Object.values(await one.classes()))]
  assert.deepEqual(await classes(), ['merge'])
  await one.given.parts.packages.remove(command.agents[0]?.package as never)
  assert.deepEqual(await classes(), ['merge'])
  const applied = await one.apply(await one.compare('a'))
  assert.deepEqual(await classes(), ['customised'])
  for (let i = 0; i < 40; i++) one.put('target', `/${i}.json`, JSON.stringify({ a: 1, b: 2 }))
  const back = await one.rows(await one.reverting(applied))
  assert.deepEqual([...new Set(back.map(({ class: cls }) => cls))], ['merge'], 'taking back merges too')
})

test('an application can be taken back for as long as its agent keeps its history, counted from its end', async (t) => {
  const one = await pair(t, { history: { keepDays: 10 } })
  one.put('source', '/a', '1')
  const old = await one.compare('a')
  const command = await one.apply(old, { preset: 'complete' })
  const unused = await one.compare('a')
  const { parts } = one.given
  await forgetComparisons(parts, Date.now() + 9 * dayMs, never)
  assert.equal((await one.reverting(command)).reverts, command.id)
  const later = Date.now() + 11 * dayMs
  await forgetComparisons(parts, later, never)
  await assert.rejects(one.reverting(command), { code: 'conflict' })
  assert.equal(await parts.store.get(`comparison/${unused.id}`), undefined)
  await sweepRows(parts, later + 2 * dayMs, never)
  const files: string[] = []
  for await (const { id } of parts.rowFiles.list()) files.push(id)
  assert.equal(files.length, 1, 'only the common state is left')
})

test('a command that waits for approval outlasts the comparison’s days', async (t) => {
  const one = await pair(t, { history: { keepDays: 10 }, approval: true })
  one.put('source', '/a', '1')
  const command = await one.begin(await one.compare('a'), { preset: 'complete' })
  await forgetComparisons(one.given.parts, Date.now() + 30 * dayMs, never)
  await sweepRows(one.given.parts, Date.now() + 30 * dayMs, never)
  await approve(one.given.parts, command.id, { actor: 'somebody else' })
  assert.equal((await one.ended(command)).state, 'succeeded')
})

test('of an agent that is gone nothing is kept', async (t) => {
  const one = await pair(t)
  one.put('source', '/a', '1')
  await one.replicate('a')
  await one.classes()
  await one.given.configs.delete('a', { actor: 'test' })
  const later = Date.now() + 365 * dayMs
  await forgetComparisons(one.given.parts, later, never)
  await sweepRows(one.given.parts, later, never)
  const files: string[] = []
  for await (const { id } of one.given.parts.rowFiles.list()) files.push(id)
  assert.deepEqual(files, [])
  assert.deepEqual(await one.given.parts.store.range({ ...below('base/'), limit: 10 }), [])
})
