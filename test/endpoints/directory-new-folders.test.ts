import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Breath } from '../../src/endpoints/directory/breath.ts'
import { HeldFolders } from '../../src/endpoints/directory/held-folders.ts'
import { LaneFolder } from '../../src/endpoints/directory/lane-folder.ts'
import { Placer } from '../../src/endpoints/directory/placer.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import { parsePath } from '../../src/resources/path.ts'
import { startChild } from './apply-children.ts'
import { deletes, deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const numbered = (count: number, pathOf: (i: number) => string): Tree =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [pathOf(i), `${i}`]))

test('a new folder comes with all that is in it at once', async (t) => {
  const root = await makeFolder(t)
  const tree = { ...numbered(500, (i) => `/new/in/${i}`), '/new/empty': null, '/other': 'beside it' }
  const delivery = deliveryOf(await pack(t, puts(tree)))
  let isOver = false
  const applying = directoryTarget(root)
    .apply(delivery, never)
    .finally(() => {
      isOver = true
    })
  const counts = new Set<number>()
  while (!isOver) {
    try {
      counts.add(readdirSync(join(root, 'new', 'in')).length)
    } catch {
      // Not yet.
    }
    await setImmediate()
  }
  const { entries, detail } = await applying
  assert.deepEqual([entries, detail], [502, { written: 501, writtenBytes: Object.values(tree).join('').length }])
  assert.deepEqual(
    [...counts].filter((count) => count !== 500),
    [],
  )
  assert.equal(readFileSync(join(root, 'new', 'in', '499'), 'utf8'), '499')
  assert.deepEqual(readdirSync(join(root, 'new')).toSorted(), ['empty', 'in'])
})

test('folders that are not listed are made with what is in them, also where a file or a link is', async (t) => {
  const [root, outside] = [await makeFolder(t), await makeFolder(t)]
  writeFileSync(join(root, 'file'), 'in the way')
  symlinkSync(outside, join(root, 'link'))
  mkdirSync(join(root, 'there'))
  writeFileSync(join(root, 'there', 'kept'), 'kept')
  const tree = { '/file/a/b': 'b', '/link/a': 'a', '/there/new/a': 'a', '/there/z': 'z', '/x': 'x' }
  const gone = [deletes('/file', false), deletes('/link/none'), deletes('/there/new/none')]
  await directoryTarget(root).apply(deliveryOf(await pack(t, [...puts(tree), ...gone])), never)
  const all = { ...tree, '/there/kept': 'kept' }
  for (const [path, content] of Object.entries(all)) assert.equal(readFileSync(join(root, path), 'utf8'), content)
  assert.deepEqual(readdirSync(root).toSorted(), ['.trebuchet', 'file', 'link', 'there', 'x'])
  assert.deepEqual(readdirSync(outside), [])
})

test('of more new folders than are counted each is made, with the mode that the umask leaves', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'there'))
  const tree = numbered(4200, (i) => `/there/${i}/file`)
  const receipt = await directoryTarget(root).apply(deliveryOf(await pack(t, puts(tree))), never)
  assert.equal(receipt.detail?.['written'], 4200)
  assert.equal(readdirSync(join(root, 'there')).length, 4200)
  const beside = join(await makeFolder(t), 'folder')
  mkdirSync(beside)
  for (const i of [0, 4199]) {
    assert.equal(readFileSync(join(root, 'there', `${i}`, 'file'), 'utf8'), `${i}`)
    assert.equal(statSync(join(root, 'there', `${i}`)).mode, statSync(beside).mode)
  }
})

test('the file system is flushed once for a new tree, and the lane knows what was there before that', async (t) => {
  const [root, bin] = [await makeFolder(t), await makeFolder(t)]
  const program = execFileSync('which', ['sync'], { encoding: 'utf8' }).trim()
  writeFileSync(join(bin, 'sync'), `#!/bin/sh\necho sync >> ${bin}/calls\nexec ${program} "$@"\n`, { mode: 0o755 })
  const apply = async (tree: Tree, epoch: number): Promise<number> => {
    writeFileSync(join(bin, 'calls'), '')
    const delivery = deliveryOf(await pack(t, puts(tree)), { epoch })
    const path = `${bin}:${process.env['PATH']}`
    const outcome = await startChild({ do: 'apply', path: root, delivery }, { env: { PATH: path } }).outcome
    assert.equal(outcome?.error, undefined)
    return readFileSync(join(bin, 'calls'), 'utf8').length / 'sync\n'.length
  }
  const tree = numbered(100, (i) => `/new/${i}`)
  assert.equal(await apply(tree, 1), 1)
  const [lane] = readdirSync(join(root, '.trebuchet'))
  const durableBefore = Number(readFileSync(join(root, '.trebuchet', lane ?? '', '1-1', 'ended'), 'latin1'))
  assert.ok(durableBefore > lstatSync(join(root, 'new', '99')).ctimeMs)
  // That the folder came to its place was later, and so is all that is in it once more.
  assert.ok(durableBefore <= lstatSync(join(root, 'new')).ctimeMs)
  assert.equal(await apply({ ...tree, '/one': 'more' }, 2), 1)
  assert.equal(await apply({ ...tree, '/one': 'other' }, 3), 0)
})

test('what somebody puts into a new folder before it has its place stays, and a worker that is over places none', async (t) => {
  const root = await makeFolder(t)
  const folders = new HeldFolders(root, true)
  const lane = new LaneFolder(folders.fork(), 'lane')
  t.after(() => {
    lane.close()
    folders.close()
  })
  const breath = new Breath(never)
  const staging = `${lane.place}/${await lane.takeEpoch(1, breath)}`
  for (const folder of ['new0/sub/deep', 'new1']) mkdirSync(`${staging}/${folder}`, { recursive: true })
  for (const file of ['new0/a', 'new0/sub/b', 'new0/sub/deep/c']) writeFileSync(`${staging}/${file}`, 'ours')
  mkdirSync(join(root, 'new', 'sub'), { recursive: true })
  for (const file of ['a', 'theirs', 'sub/theirs']) writeFileSync(join(root, 'new', file), 'theirs')
  const placer = new Placer(folders, staging)
  const changed = placer.putNew('new0', parsePath('/new'))
  assert.deepEqual(changed.toSorted(), ['/new', '/new/sub', '/new/sub/deep'])
  for (const [file, content] of Object.entries({ a: 'ours', theirs: 'theirs', 'sub/b': 'ours', 'sub/deep/c': 'ours' }))
    assert.equal(readFileSync(join(root, 'new', file), 'utf8'), content)
  await lane.takeEpoch(2, breath)
  assert.throws(() => placer.putNew('new1', parsePath('/late')), { code: 'unavailable' })
  assert.deepEqual(readdirSync(root).toSorted(), ['.trebuchet', 'new'])
})
