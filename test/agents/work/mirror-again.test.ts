/** Mirrors of trees that a target holds already, or nearly. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { commandOf } from '../../../src/agents/commands/command.ts'
import { keptOf } from '../../../src/agents/comparisons/kept.ts'
import { baseKey, type BaseRecord } from '../../../src/agents/comparisons/records.ts'
import { revert } from '../../../src/agents/comparisons/undo.ts'
import type { Parts } from '../../../src/agents/parts.ts'
import type { BaseRow } from '../../../src/compare/ancestor.ts'
import { plant } from '../../end-to-end/trees.ts'
import { givenEngine } from '../given-engine.ts'

const never = new AbortController().signal

interface GivenMirror {
  readonly parts: Parts
  readonly source: string
  readonly target: string
  /** Answers the command's id, once it has succeeded. */
  mirror(): Promise<string>
}

async function givenMirror(t: TestContext): Promise<GivenMirror> {
  const given = await givenEngine(t)
  const folder = mkdtempSync(join(tmpdir(), 'mirror.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const [source, target] = [join(folder, 'source'), join(folder, 'target')]
  mkdirSync(target)
  await given.agent('author', [], {
    source: { kind: 'directory', path: source },
    targets: [{ name: 'there', kind: 'directory', path: target }],
    deletes: { maxPercent: 100, maxCount: 100 },
  })
  const mirror = async (): Promise<string> => {
    const command = await given.ask({ agents: ['author'], mode: 'mirror' })
    const view = await given.finished(command)
    assert.equal(view.state, 'succeeded', JSON.stringify(view))
    return command.id
  }
  return { parts: given.parts, source, target, mirror }
}

test('a mirror that changes nothing keeps nothing, and one that changes little keeps that with what was in common', async (t) => {
  const { parts, source, mirror } = await givenMirror(t)
  plant(source, { 'content/a': 'a', 'content/b': 'b', 'content/c': 'c' })
  mkdirSync(join(source, 'content/empty'))
  await mirror()
  await assert.rejects(keptOf(parts, await mirror()), { code: 'conflict', message: /nothing is kept/ })
  plant(source, { 'content/b': 'B' })
  rmSync(join(source, 'content/c'))
  rmSync(join(source, 'content/empty'), { recursive: true })
  const changed = await mirror()
  const { paths, rebaseBack = '' } = await keptOf(parts, changed)
  assert.deepEqual(paths, ['/content/b', '/content/c', '/content/empty'])
  const rows: Pick<BaseRow, 'path' | 'folder' | 'size' | 'unknown'>[] = []
  for await (const { row } of parts.rowFiles.read<BaseRow>(rebaseBack)) {
    const { path, folder: isFolder, size, unknown } = row
    rows.push({
      path,
      ...(isFolder && { folder: isFolder }),
      ...(size !== undefined && { size }),
      ...(unknown && { unknown }),
    })
  }
  assert.deepEqual(rows, [
    { path: '/content/b', size: 1 },
    { path: '/content/c', size: 1 },
    { path: '/content/empty', folder: true },
  ])
  // Nobody has compared, so what is in common is not written down with its documents.
  const record = (await parts.store.get<BaseRecord>(baseKey('author', 'there')))?.value
  assert.equal(record?.keepsDocuments, undefined)
  const { counts } = await revert(parts, await commandOf(parts, changed), { actor: 'test' }, never)
  // The folder that was empty comes back too.
  assert.deepEqual([counts.changed, counts.added, counts.deleted], [1, 2, 0])
})

test('what others have changed of a mirror that is there is put back by the same mirror, and kept', async (t) => {
  const { parts, source, target, mirror } = await givenMirror(t)
  plant(source, { 'content/a': 'a', 'content/b': 'b' })
  await mirror()
  await mirror()
  plant(target, { 'content/b': 'x', 'content/more': 'y' })
  const { paths } = await keptOf(parts, await mirror())
  assert.deepEqual(paths, ['/content/b', '/content/more'])
  assert.equal(readFileSync(join(target, 'content/b'), 'utf8'), 'b')
  assert.equal(existsSync(join(target, 'content/more')), false)
})
