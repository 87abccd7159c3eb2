/** What source and target have in common after trees that are too large to be held. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { held } from '../../../src/agents/comparisons/brought.ts'
import { openBase } from '../../../src/agents/comparisons/ancestors.ts'
import type { BaseRow } from '../../../src/compare/ancestor.ts'
import { forgetMemoryTree, memoryTree } from '../../../src/endpoints/memory/tree.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { givenComparisons } from './given-comparisons.ts'

/** What is known after these steps, when so many changes are held at a time. */
async function known(t: TestContext, most: number): Promise<readonly BaseRow[]> {
  const before = held.most
  held.most = most
  t.after(() => (held.most = before))
  const engine = await givenComparisons(t)
  const names = { source: randomUUID(), target: randomUUID() }
  t.after(() => Object.values(names).forEach(forgetMemoryTree))
  await engine.agent('a', { kind: 'memory', name: names.source }, { kind: 'memory', name: names.target })
  const source = memoryTree(names.source)
  const put = (path: string, text = path): void => source.put(parsePath(path), Buffer.from(text))
  const fold = async (): Promise<readonly BaseRow[]> => {
    const agent = await engine.given.parts.roster.get('a')
    const base = await openBase(engine.given.parts, agent, agent.targets[0] ?? '')
    const rows: BaseRow[] = []
    for await (const row of base.rows()) rows.push(row)
    await base.close()
    return rows
  }
  for (const path of ['/a', '/b/1', '/b/2', '/c/x/y', '/c/z', '/d!', '/d/1']) put(path)
  await engine.replicate('a')
  await fold()
  // A content in the place of a folder, and a content that holds others.
  source.remove(parsePath('/c'), true)
  for (const path of ['/c', '/d', '/d/2', '/e']) put(path)
  put('/a', 'new')
  await engine.replicate('a')
  source.remove(parsePath('/b/1'), true)
  await engine.replicate('a', ['/b'], { mode: 'mirror' })
  await engine.replicate('a', ['/d'], { action: 'delete' })
  put('/f')
  await engine.replicate('a', ['/f'])
  return (await fold()).map(({ command: _, package: _from, ...row }) => row)
}

test('what is known after large packages is what is known after small ones', async (t) => {
  const small = await known(t, 10_000)
  assert.deepEqual(await known(t, 0), small)
  assert.deepEqual(await known(t, 2), small)
  assert.deepEqual(
    small.filter(({ digest }) => digest !== undefined).map(({ path }) => path),
    ['/a', '/b/2', '/c', '/d!', '/e', '/f'],
  )
})
