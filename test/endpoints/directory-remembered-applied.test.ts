import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { lstatSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Remembered } from '../../src/endpoints/directory/remembered.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { Receipt, Target } from '../../src/endpoints/endpoint.ts'
import { BlockWriter } from '../../src/resources/listing.ts'
import { comparePaths, parsePath, rootPath } from '../../src/resources/path.ts'
import { deliveryOf, held, pack, puts } from './deliveries.ts'
import { falsify, onlyFolder, rememberedIn } from './remembered-digests.ts'
import { makeFolder, never } from './trees.ts'

/** Longer than the coarsest clock. */
const settleMs = 2500

interface Place {
  readonly root: string
  readonly cache: string
  readonly target: Target
}

const tree = { '/a/one': 'one', '/a/two': 'two', '/b': 'three' }

async function given(t: TestContext, contents: Record<string, string> = tree): Promise<Place> {
  const folder = await makeFolder(t)
  const [root, cache] = [join(folder, 'root'), join(folder, 'cache')]
  mkdirSync(join(root, 'a'), { recursive: true })
  for (const [path, content] of Object.entries(contents)) writeFileSync(join(root, path), content)
  await setTimeout(settleMs)
  return { root, cache, target: directoryTarget(root, cache) }
}

async function apply(
  t: TestContext,
  { target }: Place,
  changes: Parameters<typeof pack>[1],
  verify = false,
): Promise<Receipt> {
  return target.apply(deliveryOf(await pack(t, changes), { verify }), never)
}

/** From here on it is remembered that what has one content has another. */
function mistake({ cache }: Place, content: string, other: string): void {
  falsify(onlyFolder(cache), (records) => records.replace(hash('sha256', content), hash('sha256', other)))
}

describe('what a target is known to hold', { concurrency: true }, () => {
  test('is read once for a delta, and remembered then, and all is read where it is to be verified', async (t) => {
    const place = await given(t)
    await apply(t, place, held(tree))
    mistake(place, 'two', 'TWO')
    await apply(t, place, held({ ...tree, '/a/two': 'TWO' }))
    await assert.rejects(apply(t, place, held(tree)), { code: 'incomplete' })
    await assert.rejects(apply(t, place, held({ '/a/two': 'TWO' }), true), { code: 'incomplete' })
    await apply(t, place, held(tree), true)
    await apply(t, place, held(tree))
  })

  test('is read once for what is put, and remembered then', async (t) => {
    const place = await given(t)
    assert.equal((await apply(t, place, puts(tree))).detail?.['written'], 0)
    mistake(place, 'two', 'TWO')
    assert.equal((await apply(t, place, puts({ '/a/two': 'TWO' }))).detail?.['written'], 0)
    assert.equal(readFileSync(join(place.root, 'a/two'), 'utf8'), 'two')
    assert.equal((await apply(t, place, puts({ '/a/two': 'TWO' }), true)).detail?.['written'], 1)
    assert.equal(readFileSync(join(place.root, 'a/two'), 'utf8'), 'TWO')
  })

  test('is not what has another content by now, as large and as old', async (t) => {
    const place = await given(t)
    await apply(t, place, held(tree))
    const file = join(place.root, 'a/two')
    const { atime, mtime } = statSync(file)
    writeFileSync(file, 'TWO')
    utimesSync(file, atime, mtime)
    await assert.rejects(apply(t, place, held(tree)), { code: 'incomplete', message: /"\/a\/two"/ })
    assert.equal((await apply(t, place, puts(tree))).detail?.['written'], 1)
    await apply(t, place, held(tree))
  })

  test('stays remembered when only some of it is asked about', async (t) => {
    const place = await given(t)
    for await (const _ of place.target.list?.(rootPath, never) ?? []);
    writeFileSync(join(place.root, 'a/three'), 'three')
    await setTimeout(settleMs)
    await apply(t, place, held({ '/a/three': 'three' }))
    const remembered = rememberedIn(place.cache)
    for (const path of [...Object.keys(tree), '/a/three']) assert.ok(remembered.includes(path), path)
    mistake(place, 'one', 'ONE')
    await apply(t, place, held({ '/a/one': 'ONE' }))
  })
})

test('among many, the few that are asked about are found, and no others', async (t) => {
  const folder = await makeFolder(t)
  const file = join(folder, 'file')
  writeFileSync(file, 'content')
  const stats = lstatSync(file)
  const digestOf = (path: string): string => hash('sha256', path)
  const readAtMs = stats.ctimeMs + settleMs
  const paths = Array.from({ length: 20_000 }, (_, i) => parsePath(`/folder-${i % 100}/file-${i}`)).toSorted(
    comparePaths,
  )
  const options = { folder: join(folder, 'cache'), root: folder, dev: stats.dev, start: rootPath, verify: false }
  const lines = new BlockWriter()
  const all = new Remembered(options)
  for (const path of paths) {
    lines.begin(path)
    lines.endResource(digestOf(path), stats.size)
    all.put(path, stats, readAtMs, lines)
    if (lines.full) lines.take()
  }
  all.end()
  for (const step of [1, 7, 997, 6000]) {
    const some = new Remembered({ ...options, passing: true })
    const asking = new BlockWriter()
    const ask = (path: (typeof paths)[number], digest: string): boolean | undefined => {
      asking.begin(path)
      const isThere = some.has(path, asking)
      asking.endResource(digest, stats.size)
      const known = isThere ? some.isLine(stats, asking) : undefined
      asking.take()
      return known
    }
    for (let i = step - 1; i < paths.length; i += step) {
      const path = paths[i] ?? rootPath
      assert.equal(ask(path, digestOf(i % 2 === 0 ? path : 'other')), i % 2 === 0, path)
      assert.equal(ask(parsePath(`${path}!`), digestOf(path)), undefined)
    }
    some.end()
  }
})
