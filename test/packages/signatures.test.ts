import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { copyFile, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, test } from 'node:test'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { PackageId, Signature } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { rewriteOrigin } from '../../src/packages/rewrite-origin.ts'
import { judge, keyId, maxSignatures, sealsFrom, signed, type Seals } from '../../src/packages/signatures.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { verifyPackage } from '../../src/packages/verify.ts'
import { writePackage } from '../../src/packages/write.ts'
import { folderItem, itemA, itemB, packageOf } from './hostile/draft.ts'
import { zip64End } from './hostile/zip-bytes.ts'
import { changesOf, contentsOf, headerOf, never, noise, origin, temporaryFolder } from './trees.ts'

const folder = await temporaryFolder()
let files = 0
const newFile = (): string => join(folder, `${files++}.zip`)
const tree = { '/content': null, '/content/a.txt': 'hello', '/content/large': noise(3_000_000) }

function pair(): { pem: string; publicPem: string; id: string; key: KeyObject } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return {
    pem: String(privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicPem: String(publicKey.export({ type: 'spki', format: 'pem' })),
    id: keyId(publicKey),
    key: privateKey,
  }
}

function by({ key }: ReturnType<typeof pair>, id: PackageId): Signature {
  const [signature] = signed(id, [key])
  if (signature === undefined) throw new Error('one key makes one signature')
  return signature
}

const one = pair()
const two = pair()

async function written(signing: readonly KeyObject[]): Promise<string> {
  const file = newFile()
  await writePackage(headerOf('/content'), changesOf(tree), { file, origin, signing, signal: never })
  return file
}

async function storeWith(seals?: Seals): Promise<PackageStore> {
  return PackageStore.open(join(folder, `store${files++}`), seals === undefined ? {} : { seals })
}

let unsigned = ''
let byOne = ''
before(async () => {
  unsigned = await written([])
  byOne = await written([one.key])
})

test('a signed package has the id of an unsigned one, is read as it is, and the signature holds', async () => {
  const [plain, sealed] = await Promise.all([openPackage(unsigned), openPackage(byOne)])
  assert.equal(sealed.id, plain.id)
  assert.deepEqual(await contentsOf(byOne), await contentsOf(unsigned))
  const { signatures = [] } = sealed.origin ?? {}
  assert.deepEqual(judge(sealed.id, signatures, sealsFrom(undefined, one.publicPem)), [{ key: one.id, state: 'valid' }])
  assert.deepEqual(judge(sealed.id, signatures, sealsFrom(undefined, two.publicPem)), [
    { key: one.id, state: 'unknown' },
  ])
  await Promise.all([plain.close(), sealed.close()])
})

test('a signature does not hold for another package, nor under another key’s name', () => {
  const ids = ['0', '1'].map((digit) => `sha256-${digit.repeat(64)}` as PackageId) as [PackageId, PackageId]
  const seals = sealsFrom(undefined, one.publicPem + two.publicPem)
  const signature = by(one, ids[0])
  assert.deepEqual(judge(ids[0], [signature], seals), [{ key: one.id, state: 'valid' }])
  assert.deepEqual(judge(ids[1], [signature], seals), [{ key: one.id, state: 'invalid' }])
  assert.deepEqual(judge(ids[0], [{ ...signature, key: two.id }], seals), [{ key: two.id, state: 'invalid' }])
})

test('an origin is written anew in any package, and nothing else of it changes', async () => {
  for (const from of [unsigned, byOne, newFile()]) {
    if (from !== unsigned && from !== byOne)
      await writePackage(headerOf('/content'), changesOf(tree), { file: from, signal: never })
    const to = newFile()
    const was = await openPackage(from)
    const signatures = signed(was.id, [one.key, two.key])
    await rewriteOrigin(from, to, { ...origin, signatures }, defaultLimits)
    const summary = await verifyPackage(to, defaultLimits, never)
    assert.equal(summary.id, was.id)
    const is = await openPackage(to)
    assert.deepEqual(is.origin, { ...origin, signatures })
    assert.deepEqual(await contentsOf(to), await contentsOf(from))
    await Promise.all([was.close(), is.close()])
  }
})

test('a package whose zip says in 64 bits where its entries are is signed too', async () => {
  const at = packageOf().indexOf(folderItem.name) - 30
  const extra = Buffer.alloc(12)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(8, 2)
  extra.writeBigUInt64LE(BigInt(at), 4)
  const content = [{ ...folderItem, central: { offset: 0xffffffff, extra } }, itemA, itemB]
  const file = newFile()
  await writeFile(file, packageOf({ content, end: { before: zip64End } }))
  const to = newFile()
  await rewriteOrigin(file, to, { ...origin, command: 'a longer name than before' }, defaultLimits)
  const [was, is] = await Promise.all([file, to].map((one) => verifyPackage(one, defaultLimits, never)))
  assert.equal(is?.id, was?.id)
  assert.deepEqual(await contentsOf(to), await contentsOf(file))
})

test('a store signs what it writes with all its keys, and knows its own', async () => {
  const store = await storeWith(sealsFrom(one.pem + two.pem, undefined))
  const { id } = await store.write(headerOf('/content'), changesOf(tree), origin, never)
  assert.deepEqual(await store.signatures(id), [
    { key: one.id, state: 'valid' },
    { key: two.id, state: 'valid' },
  ])
  const index = await store.writeIndex(
    headerOf('/content'),
    [{ type: 'part', package: id, entries: 3, bytes: 1 }],
    origin,
    never,
  )
  assert.equal((await store.signatures(index.id)).length, 2)
})

test('a package that comes again with another signature has both, and one that is there already stays as it is', async () => {
  const store = await storeWith(sealsFrom(undefined, one.publicPem + two.publicPem))
  const { id } = await store.receive(createReadStream(unsigned), never)
  const before = (await store.file(id)).file
  const copy = newFile()
  await copyFile(before, copy)
  await store.receive(createReadStream(unsigned), never)
  assert.deepEqual(await readFile(before), await readFile(copy))
  assert.deepEqual(await store.signatures(id), [])
  await store.receive(createReadStream(byOne), never)
  await store.receive(createReadStream(await written([two.key])), never)
  assert.deepEqual((await store.signatures(id)).map(({ key }) => key).toSorted(), [one.id, two.id].toSorted())
  assert.equal((await store.describe(id)).zipBytes, (await stat(before)).size)
  await verifyPackage(before, defaultLimits, never)
})

test('a package that was stored before there was a key is signed when that is asked for, once', async () => {
  const place = join(folder, 'older')
  const older = await PackageStore.open(place)
  const { id } = await older.write(headerOf('/content'), changesOf(tree), origin, never)
  const store = await PackageStore.open(place, { seals: sealsFrom(one.pem, undefined) })
  await Promise.all([store.sign(id), store.sign(id), store.sign(id)])
  assert.deepEqual(await store.signatures(id), [{ key: one.id, state: 'valid' }])
  const { file } = await store.file(id)
  const bytes = await readFile(file)
  await store.sign(id)
  assert.deepEqual(await readFile(file), bytes)
})

test('signatures that nobody knows, or that are wrong, cannot crowd out those that hold', async () => {
  const flood = newFile()
  const elsewhere = `sha256-${'0'.repeat(64)}` as PackageId
  const wrong = by(one, elsewhere)
  const strangers = Array.from({ length: maxSignatures - 1 }, () => by(pair(), elsewhere))
  await rewriteOrigin(unsigned, flood, { ...origin, signatures: [wrong, ...strangers] }, defaultLimits)
  const store = await storeWith(sealsFrom(undefined, one.publicPem))
  const { id } = await store.receive(createReadStream(flood), never)
  assert.deepEqual((await store.signatures(id))[0], { key: one.id, state: 'invalid' })
  await store.receive(createReadStream(byOne), never)
  assert.deepEqual((await store.signatures(id))[0], { key: one.id, state: 'valid' })
})

test('signatures that are none are refused', async () => {
  const good = by(one, `sha256-${'0'.repeat(64)}` as PackageId)
  const base = { installation: 'i', agent: 'a', command: 'c', createdAt: 't' }
  for (const signatures of [
    'x',
    [null],
    [{ key: one.id }],
    [{ ...good, key: 'ed25519-1' }],
    [{ ...good, signature: 'AAAA' }],
    [{ ...good, signature: `${good.signature} ` }],
    Array.from({ length: maxSignatures + 1 }, () => good),
  ]) {
    const file = newFile()
    await writeFile(file, packageOf({ origin: JSON.stringify({ ...base, signatures }) }))
    await assert.rejects(openPackage(file), { code: 'invalid' }, JSON.stringify(signatures))
  }
})

test('keys are taken in PEM or its base64, and what is no Ed25519 key is refused without being said', () => {
  const seals = sealsFrom(Buffer.from(one.pem).toString('base64'), two.publicPem)
  assert.deepEqual([...seals.trusted.keys()], [one.id, two.id])
  assert.match(one.id, /^ed25519-[0-9a-f]{32}$/)
  const rsa = String(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
  )
  for (const text of ['nothing', rsa, one.publicPem, one.pem.replace(/MC4CAQ.{8}/, '')])
    assert.throws(
      () => sealsFrom(text, undefined),
      (error: Error & { code?: string }) => {
        const secret = text.split('\n')[1] ?? text
        return error.code === 'invalid' && error.message.startsWith('SIGNING_KEY ') && !error.message.includes(secret)
      },
    )
  assert.throws(() => sealsFrom(undefined, one.pem), {
    code: 'invalid',
    message: /PRIVATE KEY, and takes each as PUBLIC/,
  })
})
