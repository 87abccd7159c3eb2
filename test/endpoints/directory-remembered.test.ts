import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { parsePath } from '../../src/resources/path.ts'
import {
  files,
  given,
  invent,
  listed,
  onlyFolder,
  read,
  remembered,
  rememberedIn,
  remembering,
  settleMs,
} from './remembered-digests.ts'

const never = (): AbortSignal => new AbortController().signal

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
    if (performance.now() - changedAt < 1900) assert.equal(rememberedIn(place.cache).includes('/a/new'), false)
    await sleep(settleMs)
    assert.deepEqual(await listed(place), state)
    assert.equal(rememberedIn(place.cache).includes('/a/new'), true)
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
    const index = join(onlyFolder(place.cache), 'index')
    const before = statSync(index)
    assert.deepEqual(await listed(place, '/b/three'), { '/b/three': hash('sha256', files['/b/three']) })
    assert.equal(statSync(index).ino, before.ino)
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

  test('are read where their folder cannot be used', async () => {
    const place = given()
    writeFileSync(place.cache, 'no folder')
    await sleep(settleMs)
    assert.deepEqual(await listed(place), read(files))
    assert.deepEqual(await listed(place), read(files))
  })
})
