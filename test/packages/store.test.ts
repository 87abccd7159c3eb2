import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, open, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ReplicationError } from '../../src/errors.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { PackageId } from '../../src/packages/manifest.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { changesOf, headerOf, never, origin, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let count = 0

async function newStore(): Promise<{ store: PackageStore; dir: string }> {
  const dir = join(folder, `store-${++count}`)
  return { store: await PackageStore.open(dir), dir }
}

const write = (store: PackageStore, tree: Tree) => store.write(headerOf('/'), changesOf(tree), origin, never)

async function filesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir, { recursive: true })
  return names.filter((name) => /\.(zip|json)$|temporary\//.test(name)).toSorted()
}

async function idsIn(store: PackageStore): Promise<string[]> {
  const ids: string[] = []
  for await (const { id } of store.list()) ids.push(id)
  return ids
}

const unknown = `sha256-${'0'.repeat(64)}` as PackageId

test('a package that was written is there, also for the next process', async () => {
  const { store, dir } = await newStore()
  const summary = await write(store, { '/a': 'x' })
  for (const one of [store, await PackageStore.open(dir)]) {
    assert.equal(await one.has(summary.id), true)
    assert.deepEqual(await one.describe(summary.id), { ...summary, origin })
    assert.equal(await one.size(summary.id), summary.zipBytes)
    const { file } = await one.file(summary.id)
    const bytes = await readFile(file)
    assert.equal(bytes.length, summary.zipBytes)
    assert.deepEqual((await one.file(summary.id)).bytes, bytes)
    assert.deepEqual(await idsIn(one), [summary.id])
  }
  const fan = summary.id.slice(7, 9)
  assert.deepEqual(await filesIn(dir), [`${fan}/${summary.id}.json`, `${fan}/${summary.id}.zip`])
})

test('a package that is not there is missing', async () => {
  const { store } = await newStore()
  assert.equal(await store.has(unknown), false)
  for (const ask of ['file', 'describe', 'size', 'openRead'] as const)
    await assert.rejects(() => store[ask](unknown), { code: 'missing' })
  assert.equal(await store.remove(unknown), false)
})

test('a package travels from one store to another, whole or in ranges', async () => {
  const [one, other] = [await newStore(), await newStore()]
  const summary = await write(one.store, { '/a': 'x'.repeat(5000), '/b': null })
  const received = await other.store.receive(await one.store.openRead(summary.id), never)
  assert.deepEqual(received, summary)
  assert.deepEqual(await other.store.describe(summary.id), { ...summary, origin })
  const whole = await readFile((await one.store.file(summary.id)).file)
  const chunks: Buffer[] = []
  for await (const chunk of await one.store.openRead(summary.id, { start: 10, end: 99 })) chunks.push(chunk as Buffer)
  assert.deepEqual(Buffer.concat(chunks), whole.subarray(10, 100))
})

test('the same package twice is one package, and counts as new again', async () => {
  const { store, dir } = await newStore()
  const summary = await write(store, { '/a': 'x' })
  const { file } = await store.file(summary.id)
  const before = await readFile(file)
  await utimes(file, new Date(0), new Date(0))
  const again = store.write(headerOf('/'), changesOf({ '/a': 'x' }), { ...origin, command: 'another' }, never)
  assert.equal((await again).id, summary.id)
  await store.receive(Readable.from([before]), never)
  assert.deepEqual(await readFile(file), before)
  for await (const { mtimeMs } of store.list()) assert.ok(mtimeMs > 0)
  assert.equal((await filesIn(dir)).length, 2)
  await Promise.all([1, 2, 3].map(() => write(store, { '/b': 'at the same time' })))
  assert.equal((await idsIn(store)).length, 2)
})

test('an upload that breaks off, anywhere, is corrupt and leaves nothing', async () => {
  const { store, dir } = await newStore()
  const source = join(folder, 'source.zip')
  await packed(source, { '/a': Buffer.from(Array.from({ length: 9999 }, (_, i) => `${i}`).join(',')) })
  const whole = await readFile(source)
  for (const length of [0, 1, 30, 1000, whole.length - 1])
    await assert.rejects(store.receive(Readable.from([whole.subarray(0, length)]), never), { code: 'corrupt' })
  const torn = Readable.from(
    (async function* () {
      yield whole.subarray(0, 100)
      throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' })
    })(),
  )
  await assert.rejects(store.receive(torn, never), { code: 'corrupt', message: /broke off after 100 bytes/ })
  assert.deepEqual(await filesIn(dir), [])
})

test('an upload beyond the limit is refused while it comes', async () => {
  const dir = join(folder, 'limited')
  const store = await PackageStore.open(dir, { limits: { ...defaultLimits, maxZipBytes: 100_000 } })
  let sent = 0
  const endless = Readable.from(
    (function* () {
      for (;;) {
        sent += 1000
        yield Buffer.alloc(1000)
      }
    })(),
  )
  await assert.rejects(store.receive(endless, never), { code: 'too-large' })
  assert.ok(sent < 1_000_000, `${sent} bytes were taken`)
  assert.deepEqual(await filesIn(dir), [])
})

test('an aborted upload throws the reason, and leaves nothing', async () => {
  const { store, dir } = await newStore()
  const abort = new AbortController()
  const reason = new Error('enough')
  const waiting = new Readable({ read: () => {} })
  waiting.push(Buffer.alloc(10))
  setTimeout(() => abort.abort(reason), 20)
  await assert.rejects(store.receive(waiting, abort.signal), (error) => error === reason)
  assert.equal(waiting.destroyed, true)
  assert.deepEqual(await filesIn(dir), [])
})

test('what a crash has left is removed at the next opening; what others are writing is not', async () => {
  const { dir } = await newStore()
  const left = join(dir, 'temporary', 'left')
  await writeFile(left, 'x')
  await PackageStore.open(dir, { abandonedMs: 3_600_000 })
  assert.deepEqual(await filesIn(dir), ['temporary/left'])
  await utimes(left, new Date(0), new Date(0))
  await PackageStore.open(dir, { abandonedMs: 3_600_000 })
  assert.deepEqual(await filesIn(dir), [])
  await writeFile(left, 'x')
  await PackageStore.open(dir)
  assert.deepEqual(await filesIn(dir), [])
})

test('packages are listed by id, whatever else lies there', async () => {
  const { store, dir } = await newStore()
  const ids: string[] = []
  for (let i = 0; i < 8; i++) ids.push((await write(store, { [`/${i}`]: 'x' })).id)
  await mkdir(join(dir, 'lost+found'))
  await writeFile(join(dir, (ids[0] as string).slice(7, 9), 'README.zip'), 'x')
  assert.deepEqual(await idsIn(store), ids.toSorted())
})

test('a removed package is gone with its description, unless it was used since', async () => {
  const { store, dir } = await newStore()
  const { id } = await write(store, { '/a': 'x' })
  assert.equal((await store.file(id)).id, id)
  assert.equal(await store.remove(id, { unusedSince: Date.now() - 60_000 }), false)
  assert.equal(await store.has(id), true)
  const reading = await store.openRead(id)
  assert.equal(await store.remove(id), true)
  assert.deepEqual(await filesIn(dir), [])
  await assert.rejects(store.file(id), { code: 'missing' })
  let bytes = 0
  for await (const chunk of reading) bytes += (chunk as Buffer).length
  assert.ok(bytes > 0, 'whoever reads it reads it to its end')
})

test('a lost description is made again from the package', async () => {
  const { store, dir } = await newStore()
  const summary = await write(store, { '/a': 'x' })
  await rm(join(dir, summary.id.slice(7, 9), `${summary.id}.json`))
  assert.deepEqual(await store.describe(summary.id), { ...summary, origin })
  assert.equal((await filesIn(dir)).length, 2)
})

test('a description that a crash has torn is made again from the package', async () => {
  const { store, dir } = await newStore()
  const summary = await write(store, { '/a': 'x' })
  const file = join(dir, summary.id.slice(7, 9), `${summary.id}.json`)
  const text = await readFile(file, 'utf8')
  for (const torn of ['', text.slice(0, 100), '\0'.repeat(text.length)]) {
    await writeFile(file, torn)
    assert.deepEqual(await store.describe(summary.id), { ...summary, origin })
    assert.equal(await readFile(file, 'utf8'), text)
  }
})

test('a folder that cannot be written is unavailable, and says why', async (t) => {
  if (process.getuid?.() === 0) {
    t.skip('root may write everywhere')
    return
  }
  const { store, dir } = await newStore()
  await chmod(join(dir, 'temporary'), 0o500)
  await assert.rejects(write(store, { '/a': 'x' }), { code: 'unavailable', message: /does not admit the server/ })
  await chmod(join(dir, 'temporary'), 0o700)
})

test('a folder that is a file is unavailable', async () => {
  const file = join(folder, 'file')
  await writeFile(file, '')
  await assert.rejects(PackageStore.open(file), (error) => error instanceof ReplicationError && error.transient)
})

test('a disk that is full is unavailable, and says so', async (t) => {
  const dir = join(folder, 'small-disk')
  await mkdir(dir)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', dir], { stdio: 'ignore' })
  } catch {
    t.skip('NO SMALL DISK CAN BE MOUNTED HERE: only root can')
    return
  }
  try {
    const store = await PackageStore.open(dir)
    const full = { code: 'unavailable', transient: true, message: /the disk is full; free some space/ }
    const noise = randomBytes(2_000_000)
    await assert.rejects(write(store, { '/noise': noise }), full)
    assert.deepEqual(await filesIn(dir), [])
    await assert.rejects(store.receive(Readable.from([noise]), never), full)
    assert.deepEqual(await filesIn(dir), [])
    const { id } = await write(store, { '/small': 'x' })
    assert.deepEqual(await idsIn(store), [id])
  } finally {
    execFileSync('umount', [dir])
  }
})

test('a store whose folder was taken away is unavailable', async () => {
  const { store, dir } = await newStore()
  await rm(dir, { recursive: true })
  await assert.rejects(write(store, { '/a': 'x' }), { code: 'unavailable' })
  await assert.rejects(store.receive(Readable.from(['x']), never), { code: 'unavailable' })
})

test('what is received is kept only once it has been flushed, though it is checked meanwhile', async (t) => {
  const { store, dir } = await newStore()
  const source = join(folder, 'to-flush.zip')
  const { id } = await packed(source, { '/a': Buffer.from('x') })
  const whole = await readFile(source)
  const handle = await open(source)
  const handles = Object.getPrototypeOf(handle) as typeof handle
  await handle.close()
  const { sync } = handles
  let isFlushed = false
  const flush = t.mock.method(handles, 'sync', async function (this: typeof handle) {
    await sleep(500)
    await sync.call(this)
    isFlushed = true
  })
  const receiving = store.receive(Readable.from([whole]), never)
  while (flush.mock.callCount() === 0) await sleep(5)
  assert.equal(await store.has(id), false)
  await receiving
  assert.equal(isFlushed, true)
  assert.equal(await store.remove(id), true)
  flush.mock.mockImplementation(async () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO', syscall: 'fsync' })
  })
  await assert.rejects(store.receive(Readable.from([whole]), never), { code: 'unavailable', message: /the disk fails/ })
  assert.deepEqual(await filesIn(dir), [])
})
