import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { FrameReader, FrameWriter } from '../../src/endpoints/directory/digest-file.ts'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { parsePath } from '../../src/resources/path.ts'

const never = (): AbortSignal => new AbortController().signal
const work = mkdtempSync(join(tmpdir(), 'trebuchet-remembered-'))
after(() => rmSync(work, { recursive: true }))

/** What no file has: where a listing says it, it was remembered. */
const invented = 'f'.repeat(64)
/** Longer than the coarsest clock. */
const settleMs = 2500

const files = {
  '/a/one': 'content of one',
  '/a/two': 'content of two',
  '/b/three': 'content of three',
  '/c': 'content of c',
}

interface Place {
  readonly root: string
  readonly cache: string
}

function given(): Place {
  const folder = mkdtempSync(join(work, 'tree-'))
  const root = join(folder, 'root')
  for (const name of ['a', 'b']) mkdirSync(join(root, name), { recursive: true })
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content)
  return { root, cache: join(folder, 'cache') }
}

/** Paths with content, each with `remembered` or what was read. */
async function listed({ root, cache }: Place, from = '/', verify = false): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { path, digest } of directorySource(root, cache).list?.(parsePath(from), never(), { verify }) ?? [])
    if (digest !== undefined) found[path] = digest === invented ? 'remembered' : digest
  return found
}

/** All that is remembered from here on is invented. */
function invent({ cache }: Place): void {
  const [name] = readdirSync(cache)
  const file = join(cache, name ?? assert.fail('nothing is remembered'))
  const reader = new FrameReader(file)
  const writer = new FrameWriter(file)
  for (let frame = reader.next(); typeof frame !== 'string'; frame = reader.next()) {
    writer.add(Buffer.from(frame.toString('latin1').replaceAll(/"[0-9a-f]{64}"/g, `"${invented}"`), 'latin1'))
    writer.endFrame()
  }
  reader.close()
  writer.end()
}

async function remembering(): Promise<Place> {
  const place = given()
  await sleep(settleMs)
  await listed(place)
  invent(place)
  return place
}

const read = (contents: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(contents).map(([path, content]) => [path, hash('sha256', content)]))
const remembered = Object.fromEntries(Object.keys(files).map((path) => [path, 'remembered']))
const only = (place: Place): string => join(place.cache, readdirSync(place.cache)[0] ?? assert.fail('no file'))

describe('the digests of unchanged files', { concurrency: true }, () => {
  test('are remembered, and read again where all is to be verified', async () => {
    const place = await remembering()
    assert.deepEqual(await listed(place), remembered)
    assert.deepEqual(await listed(place, '/', true), read(files))
    assert.deepEqual(await listed(place), read(files))
  })

  test('stay where filters keep a listing from seeing them', async () => {
    const place = await remembering()
    const options = { filters: [{ exclude: '/a/**' }] }
    // Something is written anew, and so all that is to stay must be.
    rmSync(join(place.root, 'b/three'))
    for await (const _ of directorySource(place.root, place.cache).listBlocks?.(parsePath('/'), never(), options) ??
      []);
    const { '/b/three': _gone, ...left } = remembered
    assert.deepEqual(await listed(place), left)
  })

  test('are not remembered without a folder for them', async () => {
    const { root } = given()
    for await (const _ of directorySource(root).list?.(parsePath('/'), never()) ?? []);
    assert.deepEqual(readdirSync(root).toSorted(), ['a', 'b', 'c'])
  })

  test('do not count for a file whose content was changed and whose time of modification was put back', async () => {
    const place = await remembering()
    const file = join(place.root, 'a/two')
    const { atime, mtime } = statSync(file)
    writeFileSync(file, 'content of TWO')
    utimesSync(file, atime, mtime)
    assert.deepEqual(await listed(place), { ...remembered, '/a/two': hash('sha256', 'content of TWO') })
  })

  test('do not count for a file that has another in its place, as large and as old', async () => {
    const place = await remembering()
    const file = join(place.root, 'a/two')
    const { atime, mtime } = statSync(file)
    writeFileSync(`${file}.new`, 'CONTENT of two')
    utimesSync(`${file}.new`, atime, mtime)
    renameSync(`${file}.new`, file)
    assert.deepEqual(await listed(place), { ...remembered, '/a/two': hash('sha256', 'CONTENT of two') })
  })

  test('do not count for files that have changed places', async () => {
    const place = await remembering()
    const [one, two, aside] = ['a/one', 'a/two', 'aside'].map((name) => join(place.root, name)) as [
      string,
      string,
      string,
    ]
    renameSync(one, aside)
    renameSync(two, one)
    renameSync(aside, two)
    assert.deepEqual(await listed(place), {
      ...remembered,
      '/a/one': hash('sha256', files['/a/two']),
      '/a/two': hash('sha256', files['/a/one']),
    })
  })

  test('are not remembered of a file that was changed just before it was read', async () => {
    const place = await remembering()
    const changedAt = performance.now()
    writeFileSync(join(place.root, 'a/new'), 'new')
    const state = { ...remembered, '/a/new': hash('sha256', 'new') }
    assert.deepEqual(await listed(place), state)
    // On a machine that took longer it was not changed just before.
    if (performance.now() - changedAt < 1900) assert.equal(readFileSync(only(place)).includes('/a/new'), false)
    await sleep(settleMs)
    assert.deepEqual(await listed(place), state)
    assert.equal(readFileSync(only(place)).includes('/a/new'), true)
  })

  test('are not remembered of a file whose time lies ahead', async () => {
    const place = await remembering()
    const ahead = new Date(Date.now() + 3_600_000)
    utimesSync(join(place.root, 'a/two'), ahead, ahead)
    await sleep(settleMs)
    await listed(place)
    invent(place)
    assert.deepEqual(await listed(place), { ...remembered, '/a/two': hash('sha256', files['/a/two']) })
  })

  test('follow what comes and goes at the beginning, in between and at the end', async () => {
    const place = await remembering()
    for (const name of ['a/two', 'b/three']) rmSync(join(place.root, name))
    for (const name of ['0', 'a/p', 'z']) writeFileSync(join(place.root, name), name)
    const state: Record<string, string> = { ...remembered, ...read({ '/0': '0', '/a/p': 'a/p', '/z': 'z' }) }
    delete state['/a/two']
    delete state['/b/three']
    await sleep(settleMs)
    assert.deepEqual(await listed(place), state)
    invent(place)
    assert.deepEqual(new Set(Object.values(await listed(place))), new Set(['remembered']))
  })

  test('stay when another part of the folder is listed', async () => {
    const place = await remembering()
    writeFileSync(join(place.root, 'b/more'), 'more')
    await sleep(settleMs)
    assert.deepEqual(await listed(place, '/b'), {
      '/b/more': hash('sha256', 'more'),
      '/b/three': 'remembered',
    })
    assert.deepEqual(await listed(place, '/a'), { '/a/one': 'remembered', '/a/two': 'remembered' })
    assert.deepEqual(await listed(place), { ...remembered, '/b/more': hash('sha256', 'more') })
  })

  test('are left alone by a listing of one file', async () => {
    const place = given()
    await sleep(settleMs)
    await listed(place)
    invent(place)
    const [name = ''] = readdirSync(place.cache)
    const before = statSync(join(place.cache, name))
    assert.deepEqual(await listed(place, '/b/three'), { '/b/three': hash('sha256', files['/b/three']) })
    assert.equal(statSync(join(place.cache, name)).ino, before.ino)
    assert.equal((await listed(place, '/b'))['/b/three'], 'remembered')
  })

  test('do not bring back what is behind a link that has taken the place of a folder', async () => {
    const place = await remembering()
    renameSync(join(place.root, 'a'), join(place.root, '../elsewhere'))
    symlinkSync('../elsewhere', join(place.root, 'a'))
    assert.deepEqual(await listed(place), { '/b/three': 'remembered', '/c': 'remembered' })
  })

  test('do not bring back a file whose place a link to it has taken', async () => {
    const place = await remembering()
    renameSync(join(place.root, 'c'), join(place.root, '../c'))
    symlinkSync('../c', join(place.root, 'c'))
    const { '/c': _, ...others } = remembered
    assert.deepEqual(await listed(place), others)
  })

  test('do not count from a file that is cut off or damaged, wherever that is', async () => {
    const place = await remembering()
    const whole = join(place.cache, '../whole')
    copyFileSync(only(place), whole)
    const { size } = statSync(whole)
    for (let bytes = 0; bytes < size; bytes += 7) {
      copyFileSync(whole, only(place))
      truncateSync(only(place), bytes)
      for (const digest of Object.values(await listed(place))) assert.notEqual(digest, 'remembered', `cut at ${bytes}`)
      const damaged = readFileSync(whole)
      damaged[bytes] = (damaged[bytes] ?? 0) ^ 0x10
      writeFileSync(only(place), damaged)
      assert.deepEqual(await listed(place), read(files), `damaged at ${bytes}`)
    }
  })

  test('do not count from a file that is of another version, or of another root', async () => {
    const place = await remembering()
    const other = { root: join(place.root, '../other'), cache: place.cache }
    renameSync(place.root, other.root)
    const [mine] = readdirSync(place.cache)
    await listed(other)
    const others = readdirSync(place.cache).find((name) => name !== mine) ?? assert.fail('nothing is remembered')
    copyFileSync(join(place.cache, mine ?? ''), join(place.cache, others))
    assert.deepEqual(await listed(other), read(files))
    renameSync(other.root, place.root)
    const file = join(place.cache, mine ?? '')
    const reader = new FrameReader(file)
    const writer = new FrameWriter(file)
    for (let frame = reader.next(); typeof frame !== 'string'; frame = reader.next()) {
      writer.add(Buffer.from(frame.toString('latin1').replace('"version":1', '"version":0'), 'latin1'))
      writer.endFrame()
    }
    reader.close()
    writer.end()
    assert.deepEqual(await listed(place), read(files))
  })

  test('are right when several listings remember them at the same time', async () => {
    const place = given()
    await sleep(settleMs)
    for (const found of await Promise.all(['/', '/', '/a', '/'].map((from) => listed(place, from))))
      for (const [path, digest] of Object.entries(found)) assert.equal(digest, read(files)[path])
    await listed(place)
    assert.equal(readdirSync(place.cache).length, 1)
    invent(place)
    assert.deepEqual(await listed(place), remembered)
  })

  test('are not remembered by a listing that is left before its end', async () => {
    const place = given()
    await sleep(settleMs)
    for await (const _ of directorySource(place.root, place.cache).list?.(parsePath('/'), never()) ?? []) break
    const kept = existsSync(place.cache) ? readdirSync(place.cache) : []
    assert.deepEqual(
      kept.filter((name) => !name.endsWith('.digests')),
      [],
    )
  })

  test('are read where their folder cannot be used', async () => {
    const place = given()
    writeFileSync(place.cache, 'no folder')
    await sleep(settleMs)
    assert.deepEqual(await listed(place), read(files))
    assert.deepEqual(await listed(place), read(files))
  })
})
