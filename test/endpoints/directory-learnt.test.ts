/** What is remembered of a folder that the thread read that packs it. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { PackageStore } from '../../src/packages/store.ts'
import type { Filter } from '../../src/resources/glob.ts'
import { parsePath } from '../../src/resources/path.ts'
import { headerOf, noise, origin } from '../packages/trees.ts'
import { falsify, onlyFolder } from './remembered-digests.ts'
import { makeFolder, never } from './trees.ts'

/** Longer than the coarsest clock. */
const settleMs = 2500
/** What no file has. */
const invented = 'f'.repeat(64)

interface Given {
  readonly root: string
  readonly cache: string
  readonly store: PackageStore
}

/** 600 small files in two folders, and a large one. */
async function given(t: TestContext): Promise<Given> {
  const [root, folder] = [await makeFolder(t), await makeFolder(t)]
  for (const name of ['a', 'b']) {
    mkdirSync(join(root, name))
    for (let i = 0; i < 300; i++) writeFileSync(join(root, name, `${i}`), `content ${name} ${i}`)
  }
  writeFileSync(join(root, 'b/large'), noise(2_500_000))
  await setTimeout(settleMs)
  return { root, cache: join(folder, 'cache'), store: await PackageStore.open(join(folder, 'store')) }
}

async function pack({ root, cache, store }: Given, path = '/', filters: readonly Filter[] = []): Promise<void> {
  const reading = await directorySource(root, cache).inThread?.([parsePath(path)], { deep: true, filters })
  assert.ok(reading)
  const partLimits = { maxEntries: 100, maxBytes: Infinity }
  for await (const { part } of store.writeParts(headerOf(path), reading, origin, { partLimits, signal: never }))
    // And its folders.
    assert.ok(part.entries <= 103)
}

/** Paths with content, and their digests. */
async function listed({ root, cache }: Given): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const { path, digest } of directorySource(root, cache).list?.(parsePath('/'), never) ?? [])
    if (digest !== undefined) found.set(path, digest)
  return found
}

function inodesOf({ cache }: Given): Record<string, number> {
  const folder = onlyFolder(cache)
  return Object.fromEntries(readdirSync(folder).map((name) => [name, statSync(join(folder, name)).ino]))
}

/** All that is remembered from here on is invented. */
/** Of what is below `known` the digests are those that were invented, of all else those of the contents. */
function assertReadButFor({ root }: Given, known: string, found: ReadonlyMap<string, string>): void {
  for (const [path, digest] of found)
    assert.equal(digest, path.startsWith(known) ? invented : hash('sha256', readFileSync(join(root, path))), path)
}

function invent({ cache }: Given): void {
  falsify(onlyFolder(cache), (records) => records.replaceAll(/"[0-9a-f]{64}"/g, `"${invented}"`))
}

describe('of a folder that is packed', { concurrency: true }, () => {
  test('all that was read whole is remembered, and what is packed again unchanged is not written again', async (t) => {
    const place = await given(t)
    await pack(place)
    const inodes = inodesOf(place)
    const found = await listed(place)
    assert.equal(found.size, 601)
    for (const [path, digest] of found) assert.equal(digest, hash('sha256', readFileSync(join(place.root, path))))
    await pack(place)
    assert.deepEqual(inodesOf(place), inodes)
    invent(place)
    assert.deepEqual(new Set((await listed(place)).values()), new Set([invented]))
  })

  test('what is read takes the place of what was remembered, and what is kept out stays', async (t) => {
    const place = await given(t)
    await pack(place)
    invent(place)
    rmSync(join(place.root, 'a/0'))
    await pack(place, '/', [{ exclude: '/a/*' }])
    const found = await listed(place)
    assert.equal(found.size, 600)
    assertReadButFor(place, '/a/', found)
  })

  test('of a part of the folder as much is remembered, and what is beside it stays', async (t) => {
    const place = await given(t)
    await pack(place, '/a')
    invent(place)
    await pack(place, '/b')
    assertReadButFor(place, '/a/', await listed(place))
  })

  test('of a few files nothing is remembered, nor of what was changed a moment ago', async (t) => {
    const place = await given(t)
    await pack(place, '/b/7')
    assert.equal(existsSync(place.cache), false)
    writeFileSync(join(place.root, 'a/5'), 'changed')
    await pack(place)
    invent(place)
    const others = [...(await listed(place))].filter(([, digest]) => digest !== invented)
    assert.deepEqual(others, [['/a/5', hash('sha256', 'changed')]])
  })
})
