/** What a store makes of deltas of a package that is there, and what is there of it. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { copyFile, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { carriesAll, type PackageId, type PackageSummary } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { keyId } from '../../src/packages/signatures.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writePackage } from '../../src/packages/write.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import { changesOf, headerOf, never, noise, origin, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let count = 0
const storeAt = async (place: string): Promise<PackageStore> => PackageStore.open(join(folder, place))
const newStore = async (): Promise<PackageStore> => storeAt(`store-${++count}`)

const contents: Readonly<Record<string, string>> = {
  '/a': 'a',
  '/b': 'b'.repeat(5000),
  '/c': noise(1_500_000).toString('latin1'),
  '/d': '',
}
/** All is listed; only these are carried. */
function carrying(...paths: string[]): Tree {
  const is = (path: string): Tree[string] =>
    paths.includes(path) ? (contents[path] as string) : { held: contents[path] as string }
  return { '/': null, ...Object.fromEntries(Object.keys(contents).map((path) => [path, is(path)])) }
}
const write = (store: PackageStore, ...paths: string[]): Promise<PackageSummary> =>
  store.write(headerOf('/'), changesOf(carrying(...paths)), origin, never, { delta: true })
const writeAll = (store: PackageStore): Promise<PackageSummary> =>
  store.write(headerOf('/'), changesOf(carrying(...Object.keys(contents))), origin, never)

/** The paths whose contents are there, read from the file, and what is said of it. */
async function carriedBy(store: PackageStore, id: PackageId): Promise<string[]> {
  const { file } = await store.file(id)
  const { origin: _, ...described } = await store.describe(id)
  assert.deepEqual(await verifyPackage(file, defaultLimits, never), described)
  const pkg = await openPackage(await store.file(id))
  const paths: string[] = []
  for await (const batch of pkg.deltaBatches())
    for (const { kind, entry } of batch) if (kind === 'put') paths.push(entry.path)
  await pkg.close()
  return paths
}

test('a delta gives way to one that carries at least the same, and a whole package to nothing', async () => {
  const store = await newStore()
  const none = await write(store)
  assert.deepEqual(none.carries, { files: 0, bytes: 0, ofFiles: 4 })
  const some = await write(store, '/b', '/d')
  assert.deepEqual(some.carries, { files: 2, bytes: 5000, ofFiles: 4 })
  assert.deepEqual(await carriedBy(store, some.id), ['/b', '/d'])
  assert.deepEqual(await write(store, '/b'), some)
  assert.deepEqual(await carriedBy(store, some.id), ['/b', '/d'])
  const all = await writeAll(store)
  assert.deepEqual([all.id, all.carries], [some.id, undefined])
  assert.deepEqual(await write(store, '/a'), all)
  assert.deepEqual(await carriedBy(store, all.id), ['/a', '/b', '/c', '/d'])
})

test('of two deltas of which neither carries all of the other both are kept, in one', async () => {
  const store = await newStore()
  await write(store, '/a', '/c')
  const both = await write(store, '/b', '/c')
  assert.deepEqual(both.carries, {
    files: 3,
    bytes: 1 + 5000 + Buffer.byteLength(contents['/c'] as string),
    ofFiles: 4,
  })
  assert.deepEqual(await carriedBy(store, both.id), ['/a', '/b', '/c'])
  const all = await write(store, '/d')
  assert.ok(carriesAll(all))
  assert.deepEqual(await carriedBy(store, all.id), ['/a', '/b', '/c', '/d'])
})

test('a delta that is received adds to what is there, and what comes back is what is there', async () => {
  const [from, to] = [await newStore(), await newStore()]
  const { id } = await write(from, '/a')
  assert.deepEqual(
    await to.receive(await from.openRead(id), never),
    await from.describe(id).then(({ origin: _, ...is }) => is),
  )
  await write(to, '/b')
  assert.deepEqual(await carriedBy(to, id), ['/a', '/b'])
  await writeAll(from)
  const all = await to.receive(await from.openRead(id), never)
  assert.ok(carriesAll(all))
  assert.deepEqual(await carriedBy(to, id), ['/a', '/b', '/c', '/d'])
})

test('whoever reads a delta reads on in it, whatever takes its place', async () => {
  const store = await newStore()
  const { id } = await write(store, '/c')
  const pkg = await openPackage(await store.file(id))
  const reading = await store.openRead(id)
  await writeAll(store)
  assert.equal(pkg.delta, true)
  assert.deepEqual((await pkg.verify()).carries?.files, 1)
  await pkg.close()
  const file = join(folder, 'read-on.zip')
  await writeFile(file, reading)
  assert.equal((await verifyPackage(file, defaultLimits, never)).carries?.files, 1)
})

test('a small package that was read is not given out any more once there is more of it', async () => {
  const [store, other] = [await storeAt('shared'), await storeAt('shared')]
  const { id } = await write(store, '/a')
  assert.ok((await store.file(id)).bytes !== undefined)
  // Another server on the same folder.
  await write(other, '/b')
  assert.deepEqual(await carriedBy(store, id), ['/a', '/b'])
})

test('many that write at the same time leave all that any of them carried', async () => {
  const store = await newStore()
  const made = await Promise.all([write(store, '/a'), write(store, '/b'), write(store, '/d'), write(store)])
  assert.deepEqual(await carriedBy(store, (made[0] as PackageSummary).id), ['/a', '/b', '/d'])
  const temporary = join(folder, `store-${count}`, 'temporary')
  assert.deepEqual(await readdir(temporary), [])
})

test('what was cut off between the package and its description is described again', async () => {
  const store = await newStore()
  const { id } = await write(store, '/a')
  const place = join(folder, `store-${count}`, id.slice(7, 9), id)
  const before = await readFile(`${place}.json`)
  const all = await writeAll(store)
  const [zip, json] = [await readFile(`${place}.zip`), await readFile(`${place}.json`)]
  await writeFile(`${place}.json`, before)
  assert.deepEqual(await store.describe(id), { ...all, origin })
  assert.deepEqual(await readFile(`${place}.json`), json)
  // Whole by its description, and yet a delta: another server has put it there behind it.
  const beside = await newStore()
  await write(beside, '/b')
  await copyFile((await beside.file(id)).file, `${place}.zip`)
  assert.equal((await store.describe(id)).carries?.files, 1)
  await writeAll(store)
  assert.deepEqual(await readFile(`${place}.zip`), zip)
  assert.deepEqual(await carriedBy(store, id), ['/a', '/b', '/c', '/d'])
})

test('a package that is damaged is described as it was, and gives way to one that is not', async () => {
  const store = await newStore()
  const all = await writeAll(store)
  const { file } = await store.file(all.id)
  await writeFile(file, 'damaged')
  assert.deepEqual(await store.describe(all.id), { ...all, origin })
  const some = await write(store, '/a')
  assert.equal(some.carries?.files, 1)
  assert.deepEqual(await carriedBy(store, all.id), ['/a'])
})

test('signatures stay when there is more of a package, also from whoever says nothing of who made it', async () => {
  const pairs = [generateKeyPairSync('ed25519'), generateKeyPairSync('ed25519')] as const
  const trusted = new Map(pairs.map(({ publicKey }) => [keyId(publicKey), publicKey]))
  const by = (...names: (0 | 1)[]) => ({ signing: names.map((name) => pairs[name].privateKey), trusted })
  const place = join(folder, 'sealed')
  const [first, second] = await Promise.all(
    ([0, 1] as const).map((name) => PackageStore.open(place, { seals: by(name) })),
  )
  const { id } = await write(first as PackageStore, '/a')
  await write(second as PackageStore, '/b')
  const both = [...trusted.keys()].toSorted()
  const keysNow = async (): Promise<string[]> =>
    ((await (first as PackageStore).signatures(id)) ?? [])
      .filter(({ state }) => state === 'valid')
      .map(({ key }) => key)
      .toSorted()
  assert.deepEqual(await keysNow(), both)
  const plain = join(folder, 'plain.zip')
  await packed(plain, carrying(...Object.keys(contents)))
  const anonymous = join(folder, 'anonymous.zip')
  const whole = changesOf(carrying(...Object.keys(contents)))
  await writePackage(headerOf('/'), whole, { file: anonymous, signal: never })
  const reader = await PackageStore.open(place, { seals: by() })
  await reader.receive(createReadStream(anonymous), never)
  assert.deepEqual(await keysNow(), both)
  assert.deepEqual(await carriedBy(reader, id), ['/a', '/b', '/c', '/d'])
  await reader.receive(createReadStream(plain), never)
  assert.deepEqual(await keysNow(), both)
})

test('a delta counts as written anew when it comes again, and is removed as any package', async () => {
  const store = await newStore()
  const { id } = await write(store, '/a')
  const { file } = await store.file(id)
  await utimes(file, new Date(0), new Date(0))
  await store.receive(Readable.from([await readFile(file)]), never)
  assert.ok((await stat(file)).mtimeMs > 0)
  assert.equal(await store.remove(id, { unusedSince: 0 }), false)
  assert.equal(await store.remove(id), true)
  await assert.rejects(store.describe(id), { code: 'missing' })
})
