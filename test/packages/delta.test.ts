/** Packages that lack what their targets hold already. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { defaultLimits } from '../../src/packages/limits.ts'
import { carriesAll, type ManifestHeader, type PackageSummary } from '../../src/packages/manifest.ts'
import { entryLine } from '../../src/packages/manifest-lines.ts'
import { openPackage } from '../../src/packages/read.ts'
import { rewriteOrigin } from '../../src/packages/rewrite-origin.ts'
import { signed } from '../../src/packages/signatures.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writePackage } from '../../src/packages/write.ts'
import type { Listed } from '../../src/packages/pieces.ts'
import { parsePath } from '../../src/resources/path.ts'
import { drain } from './drain.ts'
import { changesOf, headerOf, never, noise, origin, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let count = 0
const newFile = (): string => join(folder, `${++count}.zip`)

const large = noise(2_500_000)
const whole: Tree = {
  '/a': null,
  '/a/empty': '',
  '/a/page': 'page',
  '/a/page/image': large,
  '/a/same': 'the same',
  '/z': { delete: 'deep' },
}
const lacking: Tree = {
  ...whole,
  '/a/empty': { held: '' },
  '/a/page': { held: 'page' },
  '/a/same': { held: 'the same' },
}

async function deltaOf(file: string, tree: Tree, header: ManifestHeader = headerOf('/')): Promise<PackageSummary> {
  return writePackage(header, changesOf(tree), { file, origin, delta: true, signal: never })
}

async function drained(file: string, paths?: readonly string[]): Promise<string[]> {
  const pkg = await openPackage(file)
  try {
    return await drain(pkg, paths && { paths: paths.map(parsePath) })
  } finally {
    await pkg.close()
  }
}

test('lines that are listed as they stand make the same package as the same one by one', async () => {
  const tree: Tree = { ...lacking, '/a/page/image': { held: 'image' }, '/b': 'sent', '/b/"ü"': { held: 'below' } }
  const { '/z': _, ...listed } = tree
  const [single, together] = [newFile(), newFile()]
  const expected = await deltaOf(single, listed)
  const all: Listed[] = []
  let lines = ''
  for await (const change of changesOf(listed)) {
    if (change.kind === 'held') {
      const { kind: _kind, ...state } = change
      lines += `${entryLine({ type: 'file', ...state })}\n`
    } else if (change.kind === 'put' && change.resource.content === undefined)
      lines += `${entryLine({ type: 'folder', path: change.resource.path })}\n`
    else {
      if (lines !== '') all.push({ kind: 'listed', lines: Buffer.from(lines) })
      lines = ''
      all.push(change)
    }
  }
  all.push({ kind: 'listed', lines: Buffer.from(lines) })
  const options = { file: together, origin, delta: true, signal: never }
  assert.deepEqual(await writePackage(headerOf('/'), Readable.from(all), options), expected)
  assert.deepEqual(await readFile(together), await readFile(single))
  const outside = { ...options, file: newFile() }
  await assert.rejects(writePackage(headerOf('/a'), Readable.from(all), outside), { code: 'invalid' })
  const held = all.slice(-1)
  const noDelta = { file: newFile(), origin, signal: never }
  await assert.rejects(writePackage(headerOf('/'), Readable.from(held), noDelta), {
    code: 'invalid',
    message: /no delta/,
  })
})

test('a delta has the id of the whole package, and says what it carries', async () => {
  const [full, delta] = [newFile(), newFile()]
  const all = await packed(full, whole)
  const some = await deltaOf(delta, lacking)
  const carries = { files: 1, bytes: large.length, ofFiles: 4 }
  assert.deepEqual(some, { ...all, zipBytes: some.zipBytes, carries })
  assert.deepEqual(await verifyPackage(delta, defaultLimits, never), some)
  assert.deepEqual([carriesAll(all), carriesAll(some)], [true, false])
  assert.deepEqual(await drained(delta), [
    'folder /a',
    'held /a/empty 0',
    'held /a/page 4',
    `put /a/page/image ${large.length}`,
    'held /a/same 8',
    'delete /z',
  ])
})

test('a delta is marked, and Sling and AEM remove nothing because a content is elsewhere', async () => {
  const file = newFile()
  const header = { ...headerOf('/a'), mode: 'mirror' } as const
  await deltaOf(file, { '/a': null, '/a/b': { held: 'b' } }, header)
  const zip = await readFile(file, 'latin1')
  assert.match(zip, /<filter root="\/a" mode="update"\/>/)
  assert.match(zip, /<entry key="delta">true<\/entry>/)
  const pkg = await openPackage(file)
  assert.deepEqual([pkg.header.mode, pkg.delta], ['mirror', true])
  await pkg.close()
})

test('who does not ask for a delta gets what it carries, and is refused where it lacks something', async () => {
  const file = newFile()
  await deltaOf(file, lacking)
  const pkg = await openPackage(file)
  await assert.rejects(pkg.batches().next(), { code: 'incomplete', final: true, message: /"\/a\/empty"/ })
  await pkg.close()
  assert.deepEqual(await drained(file, ['/a/page/image']), [`put /a/page/image ${large.length}`])
  const within = await openPackage(file)
  const kinds: string[] = []
  for await (const { kind } of within.changes({ paths: [parsePath('/a/page/image')] })) kinds.push(kind)
  assert.deepEqual(kinds, ['put'])
  await within.close()
})

test('a delta that lacks nothing says so, and one that carries nothing is small', async () => {
  const [all, none] = [newFile(), newFile()]
  const carriedAll = await deltaOf(all, whole)
  assert.deepEqual(carriedAll.carries, { files: 4, bytes: carriedAll.bytes, ofFiles: 4 })
  assert.ok(carriesAll(carriedAll))
  const carriedNone = await deltaOf(none, { '/a': { held: large.toString('latin1') } })
  assert.deepEqual(carriedNone.carries, { files: 0, bytes: 0, ofFiles: 1 })
  assert.ok(carriedNone.zipBytes < 3000)
  assert.deepEqual(await verifyPackage(none, defaultLimits, never), carriedNone)
})

test('a package that is no delta holds nothing back', async () => {
  const file = newFile()
  await assert.rejects(packed(file, lacking), { code: 'invalid', message: /"\/a\/empty" comes without its content/ })
  assert.deepEqual(
    (await readdir(folder)).filter((name) => join(folder, name).startsWith(file)),
    [],
  )
})

test('a delta keeps its mark when a signature is added, and the signature is that of the whole', async () => {
  const [full, delta, again] = [newFile(), newFile(), newFile()]
  const { privateKey } = generateKeyPairSync('ed25519')
  const { id } = await packed(full, whole)
  const summary = await deltaOf(delta, lacking)
  const signatures = signed(summary.id, [privateKey])
  assert.deepEqual(signatures, signed(id, [privateKey]))
  await rewriteOrigin(delta, again, { ...origin, signatures }, defaultLimits)
  const is = await verifyPackage(again, defaultLimits, never)
  assert.deepEqual(is, { ...summary, zipBytes: is.zipBytes })
  const pkg = await openPackage(again)
  assert.deepEqual(pkg.origin?.signatures, signatures)
  await pkg.close()
})
