import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { after, test, type TestContext } from 'node:test'
import type { Staging, Writing } from '../../src/endpoints/directory/content-writer.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { PackageFile } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import type { ResourcePath } from '../../src/resources/path.ts'
import { ThreadPool } from '../../src/threads/pool.ts'
import { deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'
import type { WritingOrder } from './writing-job.ts'

const pool = new ThreadPool(2)
after(() => pool.close())
const job = new URL('./writing-job.js', import.meta.url)
const writeThread = new URL('../../src/endpoints/directory/write-thread.js', import.meta.url).href
const two = { skip: availableParallelism() < 2 && 'there is one processor' }

const small = Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`/new/${i % 30}/${i}`, `the content of ${i}`]))
const large = Object.fromEntries([1, 2, 3].map((n) => [`/large/${n}`, Buffer.alloc(2_000_000 * n, n)]))

/** The same package with one byte of that content changed. */
async function spoilt(t: TestContext, { id, file }: PackageFile, content: string | Buffer): Promise<PackageFile> {
  const bytes = readFileSync(file)
  const at = bytes.indexOf(content)
  assert.ok(at > 0)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  const other = join(await makeFolder(t), 'package.zip')
  writeFileSync(other, bytes)
  return { id, file: other }
}

async function stagingOf(t: TestContext, { file }: PackageFile): Promise<Staging> {
  const place = await makeFolder(t)
  const { dev, ino } = statSync(place)
  return { file, place, identity: { dev, ino } }
}

async function writingsOf(pkg: PackageFile): Promise<Writing[]> {
  const reader = await openPackage(pkg)
  const all: Writing[] = []
  for await (const batch of reader.placedBatches())
    for (const change of batch)
      if (change.kind === 'put')
        all.push({ path: change.entry.path, content: change.content, to: `/${all.length}` as ResourcePath })
  await reader.close()
  return all
}

async function write(order: WritingOrder, signal = never): Promise<number> {
  return pool.run<WritingOrder, number>(job, order, signal)
}

test('a large package arrives whole, whoever writes it', async (t) => {
  const [root, tree] = [await makeFolder(t), { ...small, ...large, '/there/a': 'a' }]
  mkdirSync(join(root, 'there'))
  const pkg = await pack(t, puts(tree))
  for (const _ of [1, 2]) {
    const { detail } = await directoryTarget(root).apply(deliveryOf(pkg), never)
    for (const [path, content] of Object.entries(tree))
      assert.ok(readFileSync(join(root, path)).equals(Buffer.from(content)), path)
    assert.ok(detail)
  }
})

test('a content that is damaged fails all of a large package, wherever it is, and nothing is written', async (t) => {
  const pkg = await pack(t, puts({ ...small, ...large }))
  for (const content of [
    'the content of 0',
    'the content of 1499',
    'the content of 2999',
    Buffer.alloc(2_000_000, 3),
  ]) {
    const root = await makeFolder(t)
    const damaged = await spoilt(t, pkg, content)
    await assert.rejects(directoryTarget(root).apply(deliveryOf(damaged), never), { code: 'corrupt' })
    assert.deepEqual(readdirSync(root), ['.trebuchet'])
  }
})

test('an aborted package leaves nothing, and nobody who writes', async (t) => {
  const [root, pkg] = [await makeFolder(t), await pack(t, puts({ ...small, ...large }))]
  for (const ms of [1, 20, 60]) {
    const abort = new AbortController()
    setTimeout(() => abort.abort(new Error('not any more')), ms)
    await directoryTarget(root)
      .apply(deliveryOf(pkg), abort.signal)
      .catch((error: unknown) => assert.match(String(error), /not any more/))
  }
  await directoryTarget(root).apply(deliveryOf(pkg), never)
  assert.equal(readdirSync(join(root, 'new')).length, 30)
})

test('an assistant writes a part, and the thread that it assists the rest', two, async (t) => {
  const pkg = await pack(t, puts(small))
  const [own, assistants, all] = [await stagingOf(t, pkg), await stagingOf(t, pkg), await writingsOf(pkg)]
  await write({ own, assistants, module: writeThread, all, until: 'written' })
  const [mine, theirs] = [readdirSync(own.place), readdirSync(assistants.place)]
  assert.ok(mine.length > 0)
  assert.ok(theirs.length > 0)
  assert.equal(new Set([...mine, ...theirs]).size, all.length)
  for (const [i, { path }] of all.entries()) {
    const place = theirs.includes(String(i)) ? assistants.place : own.place
    assert.equal(readFileSync(join(place, String(i)), 'utf8'), small[path])
  }
})

test('what only an assistant finds damaged is corrupt', two, async (t) => {
  const pkg = await pack(t, puts(small))
  const [own, all] = [await stagingOf(t, pkg), await writingsOf(pkg)]
  const assistants = await stagingOf(t, await spoilt(t, pkg, 'the content of 1499'))
  await assert.rejects(write({ own, assistants, module: writeThread, all, until: 'failed' }), {
    name: 'ReplicationError',
    code: 'corrupt',
    message: 'package entry "jcr_root/new/29/1499": its content is not that of its digest; export it again',
  })
})

test('what only an assistant can not write is told as of any file', two, async (t) => {
  const pkg = await pack(t, puts(small))
  const [own, all] = [await stagingOf(t, pkg), await writingsOf(pkg)]
  const assistants = await stagingOf(t, pkg)
  for (let i = 0; i < all.length; i++) mkdirSync(join(assistants.place, String(i)))
  await assert.rejects(write({ own, assistants, module: writeThread, all, until: 'failed' }), {
    code: 'unavailable',
    message: /^"\/new\/\d+\/\d+" can not be written: EISDIR$/,
  })
})

test('an assistant writes to no folder but the one that is meant', two, async (t) => {
  const pkg = await pack(t, puts(small))
  const [own, other, all] = [await stagingOf(t, pkg), await stagingOf(t, pkg), await writingsOf(pkg)]
  const assistants = { ...other, identity: own.identity }
  await assert.rejects(write({ own, assistants, module: writeThread, all, until: 'failed' }), {
    code: 'unavailable',
    message: /moved/,
  })
  assert.deepEqual(readdirSync(other.place), [])
})

test('an assistant that dies fails the package', two, async (t) => {
  const pkg = await pack(t, puts(small))
  const [own, assistants, all] = [await stagingOf(t, pkg), await stagingOf(t, pkg), await writingsOf(pkg)]
  await assert.rejects(write({ own, assistants, module: job.href, all, until: 'failed' }), {
    code: 'unavailable',
    message: /ended unexpectedly/,
  })
})

test('an abort ends both', two, async (t) => {
  const pkg = await pack(t, puts(large))
  const [own, all] = [await stagingOf(t, pkg), await writingsOf(pkg)]
  const assistants = await stagingOf(t, pkg)
  const abort = new AbortController()
  const writing = write({ own, assistants, module: writeThread, all, until: 'failed' }, abort.signal)
  setTimeout(() => abort.abort(), 100)
  await assert.rejects(writing, { code: 'unavailable' })
  // Both are free for the next.
  await write({ own, assistants, module: writeThread, all, until: 'written' })
})
