/** What is kept of uploads that broke off, and who may go on with it. */
import assert from 'node:assert/strict'
import {
  appendFileSync,
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { ReplicationError } from '../../src/errors.ts'
import { UnfinishedUploads, type Receiving, type UploadName } from '../../src/packages/unfinished.ts'
import { makeFolder } from '../endpoints/trees.ts'

const upload: UploadName = { key: 'me /import 1', tag: 'these bytes', length: 10, epoch: 1 }

async function given(t: TestContext, maxBytes = 1000): Promise<{ folder: string; uploads: UnfinishedUploads }> {
  const folder = await makeFolder(t)
  return { folder, uploads: await UnfinishedUploads.open(folder, { maxBytes, alone: false }) }
}

/** One that breaks off. */
async function broken(uploads: UnfinishedUploads, bytes: string, of: UploadName = upload): Promise<Receiving> {
  const receiving = await uploads.begin(of, 0)
  writeFileSync(receiving.file, bytes)
  await receiving.keep()
  return receiving
}

const conflict = (error: unknown): boolean => error instanceof ReplicationError && error.code === 'conflict'

test('what came of an upload is there to be gone on with, once', async (t) => {
  const { folder, uploads } = await given(t)
  assert.equal(await uploads.received(upload), 0)
  await broken(uploads, 'abcd')
  assert.equal(await uploads.received(upload), 4)
  const on = await uploads.begin(upload, 3)
  assert.equal(on.from, 3)
  assert.equal(readFileSync(on.file, 'utf8'), 'abc')
  appendFileSync(on.file, 'defgh')
  await on.keep()
  assert.equal(await uploads.received(upload), 8)
  assert.equal(readdirSync(folder).length, 1)
})

test('what breaks off at this moment is there all the while', async (t) => {
  const { uploads } = await given(t, 1_000_000)
  for (let round = 0; round < 300; round++) {
    const own = { ...upload, key: `round ${round}` }
    const receiving = await uploads.begin(own, 0)
    writeFileSync(receiving.file, 'abcd')
    const [received] = await Promise.all([uploads.received(own), receiving.keep()])
    assert.equal(received, 4, `in round ${round}`)
  }
})

test('nobody gets what belongs to another caller, agent, delivery or file', async (t) => {
  const { uploads } = await given(t)
  await broken(uploads, 'abcd')
  for (const other of [{ key: 'you /import 1' }, { tag: 'other bytes' }, { length: 11 }]) {
    assert.equal(await uploads.received({ ...upload, ...other }), 0)
    await assert.rejects(uploads.begin({ ...upload, ...other }, 4), conflict)
  }
  assert.equal(await uploads.received(upload), 4)
})

test('another file in the same delivery takes the place of the one before', async (t) => {
  const { uploads } = await given(t)
  await broken(uploads, 'abcd')
  await broken(uploads, 'xy', { ...upload, tag: 'other bytes' })
  assert.deepEqual([await uploads.received(upload), await uploads.received({ ...upload, tag: 'other bytes' })], [0, 2])
})

test('a newer epoch goes on where an older one stopped, and the older one not where a newer did', async (t) => {
  const { uploads } = await given(t)
  const older = await broken(uploads, 'abcd')
  const newer = { ...upload, epoch: 2 }
  assert.equal(await uploads.received(newer), 4)
  const on = await uploads.begin(newer, 4)
  await assert.rejects(uploads.received(upload), conflict)
  await assert.rejects(uploads.begin(upload, 0), conflict)
  // What the older one still had on its way.
  writeFileSync(older.file, 'abcdefgh')
  await older.keep()
  await on.keep()
  assert.equal(await uploads.received(newer), 4)
})

test('of two who would go on at the same time one gets it', async (t) => {
  const { uploads } = await given(t)
  await broken(uploads, 'abcd')
  const both = await Promise.allSettled([uploads.begin(upload, 4), uploads.begin(upload, 4)])
  const files = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.file] : []))
  assert.ok(files.length > 0)
  // Where both have it, one has a copy.
  assert.deepEqual(new Set(files.map((file) => statSync(file).ino)).size, files.length)
  for (const file of files) assert.equal(readFileSync(file, 'utf8'), 'abcd')
})

test('what another server is still writing is gone on with from a copy, and it loses it', async (t) => {
  const { folder, uploads } = await given(t)
  const dead = await uploads.begin(upload, 0)
  const writing = openSync(dead.file, 'w')
  writeSync(writing, 'abcdef')
  assert.equal(await uploads.received(upload), 6)
  const on = await uploads.begin(upload, 5)
  assert.equal(readFileSync(on.file, 'utf8'), 'abcde')
  writeSync(writing, 'xyz')
  closeSync(writing)
  await dead.keep()
  assert.equal(readFileSync(on.file, 'utf8'), 'abcde')
  assert.deepEqual(readdirSync(folder), [basename(on.file)])
})

test('an upload that had come whole is gone on with from its last byte', async (t) => {
  const { uploads } = await given(t)
  await broken(uploads, 'abcdefghij')
  assert.equal(await uploads.received(upload), 9)
  assert.equal(readFileSync((await uploads.begin(upload, 9)).file, 'utf8'), 'abcdefghi')
})

test('one that begins anew, or never had a byte, leaves nothing of the one before', async (t) => {
  const { folder, uploads } = await given(t)
  await broken(uploads, 'abcd')
  await (await uploads.begin(upload, 0)).keep()
  assert.deepEqual(readdirSync(folder), [])
})

test('no more is kept than may be: the oldest go first, and all a day after they broke off', async (t) => {
  const { folder, uploads } = await given(t, 10)
  const names = ['a', 'b', 'c'].map((key) => ({ ...upload, key }))
  for (const [i, name] of names.entries()) {
    await broken(uploads, 'abcd', name)
    for (const file of readdirSync(folder)) {
      const { mtimeMs } = statSync(join(folder, file))
      utimesSync(join(folder, file), new Date(), new Date(mtimeMs - 10_000 * (3 - i)))
    }
  }
  await uploads.sweep()
  assert.deepEqual(await Promise.all(names.map((name) => uploads.received(name))), [0, 4, 4])
  await uploads.sweep(Date.now() + 25 * 3_600_000)
  assert.deepEqual(readdirSync(folder), [])
  const none = await given(t, 0)
  await broken(none.uploads, 'abcd')
  assert.deepEqual(readdirSync(none.folder), [])
})

test('who is alone goes on with what his predecessor was writing when he died; strangers stay', async (t) => {
  const { folder, uploads } = await given(t)
  writeFileSync((await uploads.begin(upload, 0)).file, 'abcd')
  writeFileSync(join(folder, 'note'), 'mine')
  const next = await UnfinishedUploads.open(folder, { maxBytes: 1000, alone: true })
  assert.equal(await next.received(upload), 4)
  assert.equal(readdirSync(folder).filter((name) => name.endsWith('.open')).length, 0)
  assert.ok(readdirSync(folder).includes('note'))
})
