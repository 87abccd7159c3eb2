/** Digests that somebody or something has changed, or put where they do not belong: all is read then. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { cpSync, readFileSync, renameSync, rmSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  falsify,
  files,
  given,
  listed,
  onlyFolder,
  read,
  remembered,
  remembering,
  segmentsOf,
  settleMs,
  toInvented,
} from './remembered-digests.ts'

describe('digests that are remembered', { concurrency: true }, () => {
  for (const what of ['segment', 'index'] as const)
    test(`do not count from ${what === 'index' ? 'an' : 'a'} ${what} that is cut off or damaged, wherever that is`, async () => {
      const place = await remembering()
      const whole = join(place.cache, '../whole')
      const folder = onlyFolder(place.cache)
      cpSync(folder, whole, { recursive: true })
      const [segment = ''] = segmentsOf(folder)
      const file = what === 'index' ? join(folder, 'index') : segment
      const { size } = statSync(file)
      for (let bytes = 0; bytes < size; bytes += 7) {
        cpSync(whole, folder, { recursive: true })
        truncateSync(file, bytes)
        assert.deepEqual(await listed(place), read(files), `cut at ${bytes}`)
        cpSync(whole, folder, { recursive: true })
        const damaged = readFileSync(file)
        damaged[bytes] = (damaged[bytes] ?? 0) ^ 0x10
        writeFileSync(file, damaged)
        assert.deepEqual(await listed(place), read(files), `damaged at ${bytes}`)
      }
      cpSync(whole, folder, { recursive: true })
      assert.deepEqual(await listed(place), remembered)
    })

  test('do not count when somebody has edited them', async () => {
    const place = given()
    await sleep(settleMs)
    await listed(place)
    const [segment = ''] = segmentsOf(onlyFolder(place.cache))
    writeFileSync(segment, toInvented(readFileSync(segment, 'latin1')), 'latin1')
    assert.deepEqual(await listed(place), read(files))
    const [first = ''] = segmentsOf(onlyFolder(place.cache))
    const others = toInvented(readFileSync(first, 'latin1'))
    const name = hash('sha256', Buffer.from(others, 'latin1'))
    writeFileSync(join(onlyFolder(place.cache), name), others, 'latin1')
    const index = join(onlyFolder(place.cache), 'index')
    writeFileSync(index, readFileSync(index, 'utf8').replace(basename(first), name))
    assert.deepEqual(await listed(place), read(files))
  })

  test('do not count for what was put back from a copy of the folder', async () => {
    const place = await remembering()
    const copy = join(place.root, '../copy')
    cpSync(place.root, copy, { recursive: true, preserveTimestamps: true })
    for (const name of ['a/two', 'c']) {
      const { atime, mtime } = statSync(join(copy, name))
      writeFileSync(join(copy, name), readFileSync(join(copy, name), 'utf8').toUpperCase())
      utimesSync(join(copy, name), atime, mtime)
    }
    rmSync(place.root, { recursive: true })
    cpSync(copy, place.root, { recursive: true, preserveTimestamps: true })
    assert.deepEqual(
      await listed(place),
      read({ ...files, '/a/two': files['/a/two'].toUpperCase(), '/c': files['/c'].toUpperCase() }),
    )
  })

  test('do not count from files that are of another version, or of another root', async () => {
    const place = await remembering()
    const other = { root: join(place.root, '../other'), cache: join(place.root, '../other-cache') }
    renameSync(place.root, other.root)
    await listed(other)
    const [mine, others] = [onlyFolder(place.cache), onlyFolder(other.cache)]
    rmSync(others, { recursive: true })
    cpSync(mine, others, { recursive: true })
    assert.deepEqual(await listed(other), read(files))
    // Not even a segment of it, in the place of one's own.
    const [[segment = ''], [own = '']] = [segmentsOf(mine), segmentsOf(others)]
    cpSync(segment, own)
    assert.deepEqual(await listed(other), read(files))
    renameSync(other.root, place.root)
    falsify(
      mine,
      (records) => records,
      (header) => header.replace('"version":2', '"version":1'),
    )
    assert.deepEqual(await listed(place), read(files))
  })
})
