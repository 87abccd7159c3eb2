import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { ReplicationError } from '../../src/errors.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writePackage } from '../../src/packages/write.ts'
import { parsePath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import {
  changeOf,
  changesOf,
  contentsOf,
  headerOf,
  never,
  noise,
  origin,
  packed,
  temporaryFolder,
  type Tree,
} from './trees.ts'

const folder = await temporaryFolder()
let count = 0
const newFile = (): string => join(folder, `${++count}.zip`)

async function* numbered(count: number): AsyncGenerator<Change> {
  const long = 'x'.repeat(200)
  for (let i = 0; i < count; i++)
    yield changeOf(parsePath(`/a/${long}${String(i).padStart(5, '0')}`), i % 100 === 0 ? 'text' : null)
}

for (const [name, entries] of [
  ['small', 3],
  ['large', 6000],
] as const)
  for (const signing of [[], [generateKeyPairSync('ed25519').privateKey]])
    test(`a header that is decided behind the last entry makes the same ${signing.length > 0 ? 'signed ' : ''}package, with a ${name} manifest`, async () => {
      const part = headerOf('/a')
      const whole: ManifestHeader = { ...part, mode: 'mirror', filters: [{ exclude: '/a/b/**' }] }
      for (const [header, other] of [
        [part, whole],
        [whole, part],
        [whole, whole],
      ] as const) {
        const [file, decided] = [newFile(), newFile()]
        const how = { origin, signing, signal: never }
        const made = await writePackage(header, numbered(entries), { ...how, file })
        let isRead = false
        async function* changes(): AsyncGenerator<Change> {
          yield* numbered(entries)
          isRead = true
        }
        const decide = (): ManifestHeader => {
          assert.ok(isRead)
          return header
        }
        const again = await writePackage(other, changes(), { ...how, file: decided, decide })
        assert.deepEqual(again, made)
        assert.deepEqual(await verifyPackage(decided, defaultLimits, never), again)
        assert.deepEqual(await contentsOf(decided), await contentsOf(file))
      }
    })

async function* inOrder(...changes: Change[]): AsyncGenerator<Change> {
  yield* changes
}

/** Nothing of the file is there, nor of what is written beside it. */
async function assertGone(file: string): Promise<void> {
  const left = (await readdir(folder)).filter((name) => join(folder, name).startsWith(file))
  assert.deepEqual(left, [])
}

test('what was written is read again, whatever it is and however it came', async () => {
  const file = newFile()
  const large = Buffer.concat([noise(2_500_000), Buffer.alloc(2_000_000, 'text that packs well\n')])
  const tree: Tree = {
    '/': null,
    '/empty-folder': null,
    '/empty-file': '',
    '/small': 'small',
    '/bytes': Uint8Array.from([0, 255, 10, 13]),
    '/large-buffer': large,
    '/large-stream': () => Readable.from([large.subarray(0, 7), large.subarray(7)]),
    '/small-stream': () => Readable.from([Buffer.from('in '), Buffer.from('pieces')]),
    '/text-stream': () => Readable.from(['words ', 'é'], { encoding: 'utf8' }),
    '/empty-stream': () => Readable.from([]),
    '/exactly-one-segment': noise(1024 * 1024),
    '/exactly-two-segments': () => Readable.from([noise(2 * 1024 * 1024)]),
    '/gone': { delete: 'deep' },
    '/gone-alone': { delete: 'alone' },
  }
  const summary = await packed(file, tree)
  const found = await contentsOf(file)
  assert.deepEqual(found, {
    '/': null,
    '/bytes': Buffer.from([0, 255, 10, 13]),
    '/empty-file': Buffer.alloc(0),
    '/empty-folder': null,
    '/empty-stream': Buffer.alloc(0),
    '/exactly-one-segment': noise(1024 * 1024),
    '/exactly-two-segments': noise(2 * 1024 * 1024),
    '/gone': 'delete deep',
    '/gone-alone': 'delete alone',
    '/large-buffer': large,
    '/large-stream': large,
    '/small': Buffer.from('small'),
    '/small-stream': Buffer.from('in pieces'),
    '/text-stream': Buffer.from('words é'),
  })
  const bytes = Object.values(found).reduce((sum, content) => sum + (Buffer.isBuffer(content) ? content.length : 0), 0)
  const { size } = await stat(file)
  const { listing } = summary
  assert.match(listing ?? '', /^[0-9a-f]{64}$/)
  assert.deepEqual(summary, { ...headerOf('/'), id: summary.id, entries: 14, bytes, listing, zipBytes: size })
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), summary)
  const pkg = await openPackage({ id: summary.id, file })
  assert.deepEqual(pkg.origin, origin)
  await pkg.close()
})

test('a package of nothing, and one that only deletes, are packages', async () => {
  const [empty, deletes] = [newFile(), newFile()]
  const mirror: ManifestHeader = { ...headerOf('/a'), mode: 'mirror', filters: [{ exclude: '/a/drafts/**' }] }
  const made = await packed(empty, {}, mirror)
  assert.deepEqual(await verifyPackage(empty, defaultLimits, never), made)
  assert.deepEqual(made.filters, [{ exclude: '/a/drafts/**' }])
  const header: ManifestHeader = { ...headerOf('/a', '/b'), action: 'delete' }
  await packed(deletes, { '/a': { delete: 'deep' }, '/b/c': { delete: 'alone' } }, header)
  assert.deepEqual(await contentsOf(deletes), { '/a': 'delete deep', '/b/c': 'delete alone' })
})

for (const [what, header, changes, message] of [
  ['out of order', headerOf('/'), [changeOf(parsePath('/b'), ''), changeOf(parsePath('/a'), '')], /"\/a" after "\/b"/],
  ['twice', headerOf('/'), [changeOf(parsePath('/b'), ''), changeOf(parsePath('/b'), null)], /"\/b" twice/],
  ['outside of the roots', headerOf('/a'), [changeOf(parsePath('/ab'), '')], /"\/ab", which is outside/],
  ['content at the root', headerOf('/'), [changeOf(parsePath('/'), 'x')], /content at "\/"/],
  [
    'below what is deleted',
    headerOf('/'),
    [changeOf(parsePath('/a'), { delete: 'deep' }), changeOf(parsePath('/a/b'), '')],
    /"\/a\/b" below "\/a"/,
  ],
  ['no roots', { ...headerOf('/'), roots: [] }, [], /no roots/],
] as const)
  test(`changes that are ${what} are invalid`, async () => {
    const file = newFile()
    const wrong = { code: 'invalid', message }
    await assert.rejects(writePackage(header, inOrder(...changes), { file, origin, signal: never }), wrong)
    await assertGone(file)
  })

test('the writer keeps within the limits that its readers have', async () => {
  for (const [limits, tree] of [
    [
      { ...defaultLimits, maxEntries: 1 },
      { '/a': '', '/b': '' },
    ],
    [
      { ...defaultLimits, maxBytes: 9 },
      { '/a': '12345', '/b': '12345' },
    ],
    [{ ...defaultLimits, maxBytes: 3_000_000 }, { '/a': () => Readable.from([noise(9_000_000)]) }],
    [
      { ...defaultLimits, maxManifestBytes: 200 },
      { '/a': '', '/b': '' },
    ],
    [{ ...defaultLimits, maxDepth: 2 }, { '/a/b/c': '' }],
    [{ ...defaultLimits, maxNameBytes: 5 }, { '/ééé': '' }],
  ] as const) {
    const file = newFile()
    const options = { file, origin, limits, signal: never }
    await assert.rejects(writePackage(headerOf('/'), changesOf(tree), options), { code: 'too-large' })
    await assertGone(file)
  }
})

test('an error while a resource is read comes out as it was thrown, and the file is gone', async () => {
  const torn = new ReplicationError('unavailable', 'it changed while it was read', { cause: new Error('mtime') })
  const trees: Tree[] = [
    {
      '/a': 'x',
      '/b': () => {
        throw torn
      },
    },
    {
      '/b': () =>
        Readable.from(
          (function* () {
            yield Buffer.alloc(3_000_000)
            throw torn
          })(),
        ),
    },
  ]
  for (const tree of trees) {
    const file = newFile()
    await assert.rejects(packed(file, tree), (error) => error === torn)
    await assertGone(file)
  }
  const file = newFile()
  const missing = { '/a': () => createReadStream(join(folder, 'not-there')) }
  await assert.rejects(packed(file, missing), { code: 'ENOENT' })
  await assertGone(file)
})

test('an abort ends it at once, also while the source or a content waits for ever', async () => {
  const waiting: AsyncIterable<Change>[] = [
    {
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }),
    },
    changesOf({ '/a': () => new Readable({ read: () => {} }) }),
    (async function* () {
      for (let i = 0; ; i++) yield changeOf(parsePath(`/${String(i).padStart(9, '0')}`), 'x'.repeat(1000))
    })(),
  ]
  for (const changes of waiting) {
    const file = newFile()
    const abort = new AbortController()
    const reason = new Error('enough')
    setTimeout(() => abort.abort(reason), 30)
    const written = writePackage(headerOf('/'), changes, { file, origin, signal: abort.signal })
    await assert.rejects(written, (error) => error === reason)
    await assertGone(file)
  }
  const early = { file: newFile(), origin, signal: AbortSignal.abort(new Error('before')) }
  await assert.rejects(writePackage(headerOf('/'), changesOf({}), early), { message: 'before' })
})

test('a source is not asked for anything while no thread is free to write', async () => {
  let asked = 0
  let release: (() => void) | undefined
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  async function* changes(): AsyncGenerator<Change> {
    asked++
    await released
    yield changeOf(parsePath('/a'), 'x')
  }
  const written = [1, 2, 3, 4].map(() =>
    writePackage(headerOf('/'), changes(), { file: newFile(), origin, signal: never }),
  )
  while (asked < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(asked, 2)
  release?.()
  await Promise.all(written)
})

test('a file that is there already is left as it is', async () => {
  const file = newFile()
  await writeFile(file, 'precious')
  await assert.rejects(packed(file, { '/a': 'x' }), { code: 'unavailable' })
  assert.equal(await readFile(file, 'utf8'), 'precious')
})

test('a folder that is not there is unavailable, without naming it', async () => {
  const file = join(folder, 'nowhere', 'x.zip')
  await assert.rejects(packed(file, { '/a': 'x' }), (error) => {
    assert.ok(error instanceof ReplicationError && error.code === 'unavailable')
    assert.ok(!error.message.includes(folder))
    return true
  })
})

test('the buffers of a source are left to it', async () => {
  const shared = new ArrayBuffer(64)
  const view = new Uint8Array(shared, 8, 4).fill(7)
  const file = newFile()
  await packed(file, { '/a': view, '/b': () => view })
  assert.equal(shared.byteLength, 64)
  // A source may use its buffer again for the next resource.
  const reused = Buffer.alloc(3)
  async function* changes(): AsyncGenerator<Change> {
    for (const letter of 'abc') yield changeOf(parsePath(`/${letter}`), () => reused.fill(letter))
  }
  const again = newFile()
  await writePackage(headerOf('/'), changes(), { file: again, origin, signal: never })
  assert.deepEqual(await contentsOf(again), {
    '/a': Buffer.from('aaa'),
    '/b': Buffer.from('bbb'),
    '/c': Buffer.from('ccc'),
  })
})
