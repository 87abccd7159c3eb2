import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BaseChanges, rowOf, type BaseRow } from '../../src/compare/ancestor.ts'
import type { PackageId } from '../../src/packages/manifest.ts'
import { parsePath } from '../../src/resources/path.ts'

const path = parsePath('/a')
const [first, second] = ['1', '2'].map((digit) => `sha256-${digit.repeat(64)}` as PackageId) as [PackageId, PackageId]
const row = (from: PackageId, digest: string, delta: boolean): BaseRow =>
  rowOf({ type: 'file', path, digest, size: 1 }, { package: from, delta }, { command: from })

async function over(was: BaseRow, is: BaseRow): Promise<BaseRow[]> {
  const changes = new BaseChanges()
  changes.put(is)
  const rows = (async function* () {
    yield was
  })()
  const found: BaseRow[] = []
  for await (const one of changes.over(rows)) found.push(one)
  return found
}

test('what a delta brings again is still found where it came from, and as the document that it was', async () => {
  const was = { ...row(first, 'x', false), document: '{}' }
  const common = { path, digest: 'x', size: 1, command: second, document: '{}' }
  assert.deepEqual(await over(was, row(second, 'x', true)), [{ ...common, package: first }])
  assert.deepEqual(await over(was, row(second, 'x', false)), [{ ...common, package: second }])
  assert.deepEqual(await over(was, row(second, 'y', true)), [row(second, 'y', true)])
})
