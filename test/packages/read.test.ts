import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import fc from 'fast-check'
import { ReplicationError } from '../../src/errors.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { PackageId } from '../../src/packages/manifest.ts'
import { openPackage, readPackage } from '../../src/packages/read.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { zipEntries } from '../../src/packages/zip-directory.ts'
import { readZipEnd } from '../../src/packages/zip-end.ts'
import { comparePaths, faultIn, parsePath } from '../../src/resources/path.ts'
import { bytesAccess } from '../../src/packages/random-access.ts'
import { drain } from './drain.ts'
import { packageOf } from './hostile/draft.ts'
import { contentsOf, headerOf, never, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let count = 0
const newFile = (): string => join(folder, `${++count}.zip`)

async function opened<T>(file: string, use: (pkg: Awaited<ReturnType<typeof openPackage>>) => Promise<T>): Promise<T> {
  const pkg = await openPackage(file)
  try {
    return await use(pkg)
  } finally {
    await pkg.close()
  }
}

const tree: Tree = {
  '/a': null,
  '/a/1': 'one',
  '/a/2': Buffer.alloc(1_500_000, 'large '),
  '/a!': 'other',
  '/b': 'file',
  '/b/c': 'below a file',
  '/d': { delete: 'deep' },
}

test('only what lies within the paths is given, by segments', async () => {
  const file = newFile()
  await packed(file, tree)
  const found = await contentsOf(file, ['/a', '/b/c', '/x'].map(parsePath))
  assert.deepEqual(Object.keys(found), ['/a', '/a/1', '/a/2', '/b/c'])
  assert.deepEqual(await contentsOf(file, []), {})
})

test('entries are paged in their order', async () => {
  const file = newFile()
  await packed(file, tree)
  await opened(file, async (pkg) => {
    assert.equal(pkg.entryCount, 7)
    const first = await pkg.entries({ limit: 3 })
    assert.deepEqual(
      first.map(({ path }) => path),
      ['/a', '/a/1', '/a/2'],
    )
    const rest = await pkg.entries({ after: parsePath('/a/2'), limit: 10 })
    assert.deepEqual(
      rest.map(({ path }) => path),
      ['/a!', '/b', '/b/c', '/d'],
    )
    assert.deepEqual(await pkg.entries({ after: parsePath('/d'), limit: 10 }), [])
  })
})

test('batches are small, whatever is in them', async () => {
  const file = newFile()
  const many: Record<string, string | Buffer> = {}
  for (let i = 0; i < 600; i++) many[`/many/${String(i).padStart(4, '0')}`] = 'x'
  for (let i = 0; i < 5; i++) many[`/some/${i}`] = Buffer.alloc(700_000, `${i}`)
  await packed(file, many)
  await opened(file, async (pkg) => {
    const sizes: number[] = []
    for await (const batch of pkg.batches()) sizes.push(batch.length)
    assert.deepEqual(sizes, [...Array<number>(18).fill(32), 26, 2, 1])
  })
})

test('several readings of one package do not disturb each other, and a stream may be read later', async () => {
  const file = newFile()
  await packed(file, tree)
  await opened(file, async (pkg) => {
    const [one, other] = await Promise.all([drain(pkg), drain(pkg)])
    assert.deepEqual(one, other)
    const streams: Readable[] = []
    for await (const change of pkg.changes())
      if (change.kind === 'put' && !Buffer.isBuffer(change.content)) streams.push(change.content)
    let bytes = 0
    for await (const chunk of streams[0] as Readable) bytes += (chunk as Buffer).length
    assert.equal(bytes, 1_500_000)
  })
})

test('whoever leaves a reading early leaves nothing open', async () => {
  const file = newFile()
  await packed(file, tree)
  const pkg = await openPackage(file)
  for await (const change of pkg.changes()) {
    if (change.kind !== 'put' || Buffer.isBuffer(change.content)) continue
    for await (const _ of change.content) break
    break
  }
  await pkg.close()
})

test('a package under a wrong id is corrupt, one that is not there is missing', async () => {
  const file = newFile()
  await packed(file, tree)
  const id = `sha256-${'0'.repeat(64)}` as PackageId
  await assert.rejects(openPackage({ id, file }), { code: 'corrupt' })
  await assert.rejects(openPackage({ id, file: newFile() }), { code: 'missing' })
})

test('an abort ends reading and verifying', async () => {
  const file = newFile()
  const many: Record<string, string> = {}
  for (let i = 0; i < 2000; i++) many[`/many/${String(i).padStart(4, '0')}`] = 'x'
  await packed(file, many)
  const reason = new Error('enough')
  await opened(file, async (pkg) => {
    const abort = new AbortController()
    await assert.rejects(
      (async () => {
        for await (const _ of pkg.batches({ signal: abort.signal })) abort.abort(reason)
      })(),
      (error) => error === reason,
    )
  })
  await assert.rejects(verifyPackage(file, defaultLimits, AbortSignal.abort(reason)), (error) => error === reason)
})

test('no byte of a package can be changed so that something else is applied', async () => {
  const good = packageOf()
  const expected = await readPackage(bytesAccess(good)).then(drain)
  let unnoticed = 0
  for (let at = 0; at < good.length; at++)
    for (const flip of at % 4 === 0 ? [0x01, 0xff] : [0xff]) {
      const changed = Buffer.from(good)
      changed[at] = (changed[at] as number) ^ flip
      try {
        const pkg = await readPackage(bytesAccess(changed))
        assert.deepEqual(await drain(pkg), expected, `byte ${at}`)
        unnoticed++
      } catch (error) {
        assert.ok(error instanceof ReplicationError, `byte ${at}: ${String(error)}`)
        assert.ok(['corrupt', 'invalid', 'too-large'].includes(error.code), `byte ${at}: ${error.message}`)
      }
    }
  // Times, versions and modes, which nobody reads; and the origin, which is outside of the digest.
  assert.ok(unnoticed < good.length, `${unnoticed} changes`)
})

test('no package that is cut off anywhere is taken for whole', async () => {
  const good = packageOf()
  for (let length = 0; length < good.length; length++)
    await assert.rejects(readPackage(bytesAccess(good.subarray(0, length))), { code: 'corrupt' })
})

const segment = fc
  .oneof(fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }), fc.constantFrom('a', 'b', 'a:b', '_', 'x.dir', '%'))
  .filter((text) => !text.includes('/') && faultIn(`/${text}`) === undefined)
const content = fc.oneof(
  fc.constant(null),
  fc.uint8Array({ maxLength: 100 }),
  fc.integer({ min: 0, max: 2_500_000 }).map((size) => new Uint8Array(size)),
)

test('any tree comes out as it went in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), content), { maxLength: 12 }),
      async (resources) => {
        const given: Record<string, Uint8Array | null> = {}
        for (const [segments, bytes] of resources) given[`/${segments.join('/')}`] = bytes
        const file = newFile()
        await packed(file, given)
        const paths = Object.keys(given).map(parsePath).toSorted(comparePaths)
        const found = await contentsOf(file)
        assert.deepEqual(Object.keys(found).toSorted(), paths.toSorted())
        for (const path of paths) {
          const [was, is] = [given[path] as Uint8Array | null, found[path]]
          assert.ok(was === null ? is === null : Buffer.isBuffer(is) && is.equals(was), path)
        }
      },
    ),
    { numRuns: 40 },
  )
})
test('a package of 12,000 entries is read, and its parts of the zip are in the order of the format', async () => {
  const file = newFile()
  const many: Record<string, null | string> = {}
  for (let i = 0; i < 12_000; i++) many[`/f/${String(i).padStart(6, '0')}`] = i % 3 === 0 ? null : `${i}`
  const summary = await packed(file, many, headerOf('/f'))
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
  const access = bytesAccess(await readFile(file))
  const names: string[] = []
  for await (const { name } of zipEntries(access, await readZipEnd(access))) names.push(name.toString())
  assert.equal(names.length, 12_005)
  assert.deepEqual(
    [...names.slice(0, 4), ...names.slice(-3)],
    [
      'META-INF/vault/filter.xml',
      'META-INF/trebuchet/origin.json',
      'jcr_root/',
      'jcr_root/f/000000/',
      'jcr_root/f/011999',
      'META-INF/trebuchet/manifest.ndjson',
      'META-INF/vault/properties.xml',
    ],
  )
})
