/** Manifests read without the rest of their packages, against the same read with all of it. */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { openManifest } from '../../src/packages/manifest-only.ts'
import type { PackageFile, PackageId } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { writeIndex, writePackage } from '../../src/packages/write.ts'
import { packageOf as draft } from './hostile/draft.ts'
import { changesOf, headerOf, never, origin, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let made = 0
const newFile = (): string => join(folder, `${made++}.zip`)

async function linesOf(file: PackageFile): Promise<{ lines: string; delta: boolean }> {
  const manifest = await openManifest(file)
  try {
    return { lines: await joined(manifest.chunks), delta: manifest.delta }
  } finally {
    await manifest.close()
  }
}

async function linesInWhole(file: PackageFile): Promise<{ lines: string; delta: boolean }> {
  const pkg = await openPackage(file)
  try {
    return { lines: await joined(pkg.manifestBytes()), delta: pkg.delta }
  } finally {
    await pkg.close()
  }
}

async function joined(chunks: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<string> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all).toString()
}

async function packageOf(tree: Tree): Promise<PackageFile> {
  const file = newFile()
  return { id: (await packed(file, tree)).id, file }
}

test('a manifest is read alone as it is with all of its package', async () => {
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`/${i}/"ü"`, i % 7 === 0 ? null : `${i}`]))
  const nothing: Tree = {}
  for (const tree of [nothing, { '/a': 'one' }, many]) {
    const file = await packageOf(tree)
    assert.deepEqual(await linesOf(file), await linesInWhole(file))
    const bytes = await readFile(file.file)
    assert.deepEqual(await linesOf({ ...file, bytes }), await linesInWhole(file))
  }
})

test('one that is too long to be unpacked at once is read, too', async () => {
  const file = newFile()
  const name = 'x'.repeat(240)
  const tree = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`/${name}/${name}/${name}${i}`, null]))
  const { id } = await packed(file, tree)
  const found = await linesOf({ id, file })
  assert.ok(found.lines.length > 4 * 1024 * 1024)
  assert.equal(found.lines, (await linesInWhole({ id, file })).lines)
})

test('it says of a delta that it is one', async () => {
  const file = newFile()
  const tree = { '/a': { held: 'there' }, '/b': 'here' }
  const { id } = await writePackage(headerOf('/'), changesOf(tree), { file, origin, delta: true, signal: never })
  assert.deepEqual(await linesOf({ id, file }), { ...(await linesInWhole({ id, file })), delta: true })
})

test('what another tool has packed is read, too', async () => {
  const file = newFile()
  await writeFile(file, draft({ manifestItem: { method: 0 } }))
  const pkg = await openPackage(file)
  await pkg.close()
  assert.deepEqual(await linesOf({ id: pkg.id, file }), await linesInWhole({ id: pkg.id, file }))
})

test('what is damaged, another package, an index or nothing is refused', async () => {
  const { id, file } = await packageOf({ '/a': 'one', '/b': 'two' })
  const other = await packageOf({ '/a': 'other' })
  await assert.rejects(linesOf({ id: other.id, file }), { code: 'corrupt', message: /has the digest of/ })
  await assert.rejects(linesOf({ id, file: newFile() }), { code: 'missing' })
  const bytes = await readFile(file)
  for (const cut of [0, 10, bytes.length >> 1, bytes.length - 1])
    await assert.rejects(linesOf({ id, file, bytes: bytes.subarray(0, cut) }), { code: 'corrupt' })
  const at = bytes.indexOf('META-INF/trebuchet/manifest.ndjson') + 50
  bytes[at] = (bytes[at] as number) ^ 0xff
  await assert.rejects(linesOf({ id, file, bytes }), { name: 'ReplicationError' })
  const index = newFile()
  const part = { type: 'part' as const, package: id, entries: 2, bytes: 6 }
  const summary = await writeIndex(headerOf('/'), [part], { file: index, origin, signal: never })
  await assert.rejects(linesOf({ id: summary.id as PackageId, file: index }), { code: 'invalid', message: /index/ })
})
