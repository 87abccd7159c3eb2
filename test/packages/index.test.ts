/** Indexes: the packages that name the parts of a tree. */
import assert from 'node:assert/strict'
import { createReadStream, readFileSync } from 'node:fs'
import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { ManifestPart, PackageId } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writeIndex } from '../../src/packages/write.ts'
import { drain } from './drain.ts'
import { changesOf, headerOf, never, origin, packed, temporaryFolder } from './trees.ts'

const folder = await temporaryFolder()
const header = headerOf('/a')

function part(digit: string, entries: number, bytes: number): ManifestPart {
  return { type: 'part', package: `sha256-${digit.repeat(64)}` as PackageId, entries, bytes }
}

test('an index names its parts in their order, and adds up what they hold', async () => {
  const file = join(folder, 'index.zip')
  const parts = [part('b', 10_000, 5_000_000), part('a', 3, 7)]
  const summary = await writeIndex(header, parts, { file, origin, signal: never })
  const { id, zipBytes } = summary
  const ids = parts.map((listed) => listed.package)
  assert.deepEqual(summary, { ...header, id, parts: ids, entries: 10_003, bytes: 5_000_007, zipBytes })
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
  const pkg = await openPackage({ id, file })
  assert.deepEqual(pkg.parts, parts)
  assert.deepEqual([pkg.entryCount, pkg.origin], [10_003, origin])
  await pkg.close()
})

test('nothing of an index can be applied or listed as if it were a package', async () => {
  const file = join(folder, 'no-package.zip')
  await writeIndex(header, [part('a', 1, 1)], { file, signal: never })
  const pkg = await openPackage(file)
  await assert.rejects(drain(pkg), { code: 'invalid', message: /it is an index; apply its parts$/ })
  await assert.rejects(pkg.batches().next(), { code: 'invalid', message: /it is an index; apply its parts$/ })
  await assert.rejects(pkg.entries({ limit: 10 }), { code: 'invalid', message: /it is an index; list its parts$/ })
  await pkg.close()
})

test('a package is no index', async () => {
  const file = join(folder, 'package.zip')
  const summary = await packed(file, { '/a': { delete: 'deep' } }, { ...header, action: 'delete' })
  assert.ok(!('parts' in summary))
  assert.ok(!('parts' in (await verifyPackage(file, defaultLimits, never))))
  const pkg = await openPackage(file)
  assert.deepEqual(pkg.parts, [])
  await pkg.close()
})

test('an index of nothing, or with a part twice is not written', async () => {
  const options = { file: join(folder, 'refused.zip'), signal: never }
  await assert.rejects(writeIndex(header, [], options), { code: 'invalid', message: /at least one part/ })
  const twice = [part('a', 1, 1), part('a', 2, 2)]
  await assert.rejects(writeIndex(header, twice, options), { code: 'invalid', message: /twice/ })
  const wrong = [part('A', 1, 1)]
  await assert.rejects(writeIndex(header, wrong, options), { code: 'invalid', message: /names no package/ })
  // Nothing of them is left in the way.
  await writeIndex(header, [part('a', 1, 1)], options)
})

test('the index of a mirror lists parts too, and says to nobody else that all is gone', async () => {
  const file = join(folder, 'mirror.zip')
  const mirror = { ...header, mode: 'mirror', filters: [{ exclude: '/a/own/**' }] } as const
  const summary = await writeIndex(mirror, [part('a', 1, 1), part('b', 2, 2)], { file, signal: never })
  assert.deepEqual([summary.mode, summary.entries, summary.filters], ['mirror', 3, mirror.filters])
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
  // What an index lists is elsewhere, and FileVault does not know where: it is stored, so that it can be read here.
  assert.match(readFileSync(file, 'latin1'), /<filter root="[^"]+" mode="update"\/>/)
})

test('an index of 100,000 parts is written and read', async () => {
  const file = join(folder, 'large.zip')
  const id = (i: number): PackageId => `sha256-${i.toString(16).padStart(64, '0')}` as PackageId
  const parts = Array.from({ length: 100_000 }, (_, i): ManifestPart => ({ ...part('0', 10_000, 1), package: id(i) }))
  const summary = await writeIndex(header, parts, { file, signal: never })
  assert.equal(summary.entries, 1_000_000_000)
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
})

test('a store keeps an index beside its parts, sends and receives it, and describes it', async () => {
  const [here, there] = [await PackageStore.open(join(folder, 'here')), await PackageStore.open(join(folder, 'there'))]
  const parts: ManifestPart[] = []
  for (const tree of [{ '/a/1': 'one' }, { '/a/2': 'two', '/a/3': 'three' }]) {
    const { id, entries, bytes } = await here.write(header, changesOf(tree), origin, never)
    parts.push({ type: 'part', package: id, entries, bytes })
  }
  const index = await here.writeIndex(header, parts, origin, never)
  assert.deepEqual([index.entries, index.bytes], [3, 11])
  assert.deepEqual(await here.describe(index.id), { ...index, origin })
  const { ino } = await stat((await here.file(index.id)).file)
  assert.deepEqual(await here.writeIndex(header, parts, { ...origin, command: 'another' }, never), index)
  assert.equal((await stat((await here.file(index.id)).file)).ino, ino, 'it is not written again')
  const received = await there.receive(createReadStream((await here.file(index.id)).file), never)
  assert.deepEqual(received, index)
  // Without its description it is read again.
  const { file } = await there.file(index.id)
  await rm(file.replace(/zip$/, 'json'))
  assert.deepEqual(await there.describe(index.id), { ...index, origin })
})
