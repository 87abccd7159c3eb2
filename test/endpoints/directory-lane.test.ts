import assert from 'node:assert/strict'
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Breath } from '../../src/endpoints/directory/breath.ts'
import { HeldFolders } from '../../src/endpoints/directory/held-folders.ts'
import { LaneFolder } from '../../src/endpoints/directory/lane-folder.ts'
import { Placer } from '../../src/endpoints/directory/placer.ts'
import { Receipts } from '../../src/endpoints/directory/receipts.ts'
import type { Receipt } from '../../src/endpoints/endpoint.ts'
import { parsePath } from '../../src/resources/path.ts'
import { makeFolder, never } from './trees.ts'

/** One worker of a lane, as far as it is a matter of folders. */
interface Worker {
  readonly lane: LaneFolder
  readonly staging: string
  readonly placer: Placer
}

async function begin(t: TestContext, root: string, epoch: number, lane = 'lane'): Promise<Worker> {
  const folders = new HeldFolders(root, true)
  const held = new LaneFolder(folders.fork(), lane)
  t.after(() => {
    held.close()
    folders.close()
  })
  const staging = await held.takeEpoch(epoch, new Breath(never))
  return { lane: held, staging, placer: new Placer(folders, `${held.place}/${staging}`) }
}

function stage({ lane, staging }: Worker, name: string, text: string): void {
  writeFileSync(`${lane.place}/${staging}/${name}`, text)
}

function receipt(delivery: string): Receipt {
  return { delivery, package: 'sha256-0', entries: 1, bytes: 2, appliedAt: '2026-01-01T00:00:00.000Z' }
}

test('a worker that was stopped while another took over changes nothing when it comes back', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'folder'))
  writeFileSync(join(root, 'file'), 'kept')
  const old = await begin(t, root, 5)
  stage(old, '0', 'late')
  stage(old, '1', 'late')
  // It is in the middle of its work, with the folder in its hands.
  old.placer.putFile('1', parsePath('/folder/early'))
  await begin(t, root, 6)
  assert.throws(() => old.placer.putFile('0', parsePath('/folder/late')))
  assert.throws(() => old.placer.putFolder(parsePath('/late')))
  assert.throws(() => old.placer.remove(parsePath('/file'), true))
  assert.throws(() => old.placer.remove(parsePath('/folder'), true))
  assert.throws(() => old.placer.remove(parsePath('/'), true))
  assert.equal(old.lane.isOver(old.staging), true)
  assert.deepEqual(readdirSync(root).toSorted(), ['.trebuchet', 'file', 'folder'])
  assert.deepEqual(readdirSync(join(root, 'folder')), ['early'])
})

test('a second try of the same epoch takes over from the first', async (t) => {
  const root = await makeFolder(t)
  const first = await begin(t, root, 5)
  stage(first, '0', 'late')
  const second = await begin(t, root, 5)
  assert.throws(() => first.placer.putFile('0', parsePath('/late')))
  stage(second, '0', 'in time')
  second.placer.putFile('0', parsePath('/file'))
  assert.equal(readFileSync(join(root, 'file'), 'utf8'), 'in time')
})

test('an older epoch is refused, in its own lane alone, and leaves nothing behind', async (t) => {
  const root = await makeFolder(t)
  const newer = await begin(t, root, 10)
  await assert.rejects(begin(t, root, 9), { name: 'ReplicationError', code: 'conflict' })
  await begin(t, root, 9, 'another lane')
  assert.deepEqual(readdirSync(newer.lane.place), [newer.staging])
})

test('what older workers had staged is deleted, links in it not followed', async (t) => {
  const root = await makeFolder(t)
  const outside = await makeFolder(t)
  writeFileSync(join(outside, 'file'), 'kept')
  const old = await begin(t, root, 1)
  const place = `${old.lane.place}/${old.staging}`
  mkdirSync(`${place}/t0/below`, { recursive: true })
  symlinkSync(outside, `${place}/t0/below/link`)
  symlinkSync(join(outside, 'file'), `${place}/link`)
  writeFileSync(Buffer.concat([Buffer.from(`${place}/t0/`), Buffer.from([0xff, 0xfe])]), 'not UTF-8')
  const next = await begin(t, root, 2)
  assert.deepEqual(readdirSync(next.lane.place), [next.staging])
  assert.equal(readFileSync(join(outside, 'file'), 'utf8'), 'kept')
})

test("the server's folder in a target is for its user alone", async (t) => {
  const root = await makeFolder(t)
  await begin(t, root, 1)
  assert.equal(statSync(join(root, '.trebuchet')).mode & 0o777, 0o700)
})

test("a link where the server's folder should be is refused, and not written through", async (t) => {
  const root = await makeFolder(t)
  const outside = await makeFolder(t)
  symlinkSync(outside, join(root, '.trebuchet'))
  await assert.rejects(begin(t, root, 1), { name: 'ReplicationError', code: 'rejected', message: /\.trebuchet/ })
  assert.deepEqual(readdirSync(outside), [])
})

/** As the worker opens them when it begins. */
function receiptsOf(t: TestContext, { lane, staging }: Worker): Receipts {
  const receipts = new Receipts(lane.place, staging, lane.wasAbandoned)
  t.after(() => receipts.close())
  return receipts
}

test('a receipt is found again, and none that was not given', async (t) => {
  const root = await makeFolder(t)
  const receipts = receiptsOf(t, await begin(t, root, 1))
  assert.equal(receipts.find('a'), undefined)
  for (const delivery of ['a', 'b"\n', 'c']) receipts.keep(receipt(delivery))
  for (const found of [receipts, receiptsOf(t, await begin(t, root, 2))]) {
    for (const delivery of ['a', 'b"\n', 'c']) assert.deepEqual(found.find(delivery), receipt(delivery))
    assert.equal(found.find('d'), undefined)
  }
})

test('a receipt that a stopped worker gives late is none, whether or not there was one before', async (t) => {
  const root = await makeFolder(t)
  const [first, second, third] = [await begin(t, root, 1), await begin(t, root, 2), await begin(t, root, 3)]
  assert.throws(() => receiptsOf(t, first).keep(receipt('first')))
  const thirds = receiptsOf(t, third)
  thirds.keep(receipt('third'))
  // It stood still from before it gave its receipt, and the next has found its lane as it left it.
  const fourth = await begin(t, root, 4)
  const fourths = receiptsOf(t, fourth)
  fourths.keep(receipt('fourth'))
  thirds.keep(receipt('late'))
  fourths.close()
  fourth.lane.end(fourth.staging)
  const fifth = await begin(t, root, 5)
  assert.equal(fifth.lane.wasAbandoned, false)
  thirds.keep(receipt('later'))
  const fifths = receiptsOf(t, fifth)
  for (const delivery of ['third', 'fourth']) assert.deepEqual(fifths.find(delivery), receipt(delivery))
  for (const delivery of ['first', 'late', 'later']) assert.equal(fifths.find(delivery), undefined)
  assert.equal(second.lane.isOver(second.staging), true)
})

test('a receipt that a crash cut short is none, and does not spoil the next', async (t) => {
  const worker = await begin(t, await makeFolder(t), 1)
  const receipts = receiptsOf(t, worker)
  receipts.keep(receipt('whole'))
  const line = JSON.stringify(receipt('torn'))
  for (let length = 1; length < line.length; length += 7) {
    appendFileSync(`${worker.lane.place}/receipts`, line.slice(0, length))
    assert.equal(receipts.find('torn'), undefined)
    receipts.keep(receipt(`after ${length}`))
    for (const delivery of ['whole', `after ${length}`]) assert.deepEqual(receipts.find(delivery), receipt(delivery))
  }
})

test('the last thousand receipts are kept at least, and the file does not grow for ever', async (t) => {
  const worker = await begin(t, await makeFolder(t), 1)
  const file = `${worker.lane.place}/receipts`
  const lines = Array.from({ length: 2000 }, (_, i) => `${JSON.stringify(receipt(`delivery ${i}`))}\n`)
  writeFileSync(file, lines.join(''))
  const receipts = receiptsOf(t, worker)
  receipts.keep(receipt('last'))
  assert.equal(readFileSync(file, 'utf8').split('\n').length - 1, 1000)
  assert.deepEqual(receipts.find('last'), receipt('last'))
  assert.deepEqual(receipts.find('delivery 1001'), receipt('delivery 1001'))
  assert.equal(receipts.find('delivery 1000'), undefined)
  receipts.keep(receipt('one more'))
  assert.equal(readFileSync(file, 'utf8').split('\n').length - 1, 1001)
})

test(
  'a folder that is moved away while it is written is told of',
  { skip: process.platform !== 'linux' },
  async (t) => {
    const root = await makeFolder(t)
    const outside = await makeFolder(t)
    const worker = await begin(t, root, 1)
    for (const name of ['0', '1', '2']) stage(worker, name, name)
    worker.placer.putFile('0', parsePath('/a/b/0'))
    renameSync(join(root, 'a'), join(root, 'moved'))
    symlinkSync(outside, join(root, 'a'))
    worker.placer.putFile('1', parsePath('/a/b/1'))
    assert.throws(() => worker.placer.putFile('2', parsePath('/2')), {
      code: 'unavailable',
      message: /"a" was moved away/,
    })
    assert.deepEqual(readdirSync(outside), [])
    assert.deepEqual(readdirSync(join(root, 'moved/b')).toSorted(), ['0', '1'])
  },
)
