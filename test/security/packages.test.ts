/**
 * Hostile packages by the class that they stand for. Each is first shown to a reader that believes what it reads, so that it is known to be
 * a real attack. test/packages/hostile has every single fault of the format, for the code that it is refused with.
 */
import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, test } from 'node:test'
import { directory } from '../../src/endpoints/directory.ts'
import type { Target } from '../../src/endpoints/endpoint.ts'
import { defaultLimits, type PackageLimits } from '../../src/packages/limits.ts'
import { openPackage } from '../../src/packages/read.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { parsePath, quote } from '../../src/resources/path.ts'
import * as overlap from '../packages/hostile/corrupt/overlap.ts'
import { fileLine, folder, folderItem, itemA, itemB, packageOf } from '../packages/hostile/draft.ts'
import * as ratio from '../packages/hostile/too-large/bomb-by-ratio.ts'
import { changesOf, headerOf, never, origin } from '../packages/trees.ts'
import { naiveEntries, naiveStream, naiveUnzip } from './naive-unzip.ts'

const place = mkdtempSync(join(tmpdir(), 'trebuchet-corpus-'))
after(() => rmSync(place, { recursive: true, force: true }))
let places = 0

/** A folder with another one in it: what is beside that one must stay as it is. */
function nest(): { outer: string; inner: string } {
  const outer = join(place, `${places++}`)
  const inner = join(outer, 'inner')
  mkdirSync(inner, { recursive: true })
  return { outer, inner }
}

async function storeWith(limits: PackageLimits = defaultLimits): Promise<PackageStore> {
  return PackageStore.open(join(place, `store${places++}`), { limits })
}

async function assertRefused(zip: Buffer, code: string, store?: PackageStore): Promise<void> {
  const kept = store ?? (await storeWith())
  await assert.rejects(kept.receive(Readable.from([zip]), never), { name: 'ReplicationError', code })
  for await (const { id } of kept.list()) assert.fail(`${id} was kept`)
}

let deliveries = 0
async function apply(store: PackageStore, target: Target, zip: Buffer, paths?: readonly string[]): Promise<void> {
  const { id } = await store.receive(Readable.from([zip]), never)
  const epoch = ++deliveries
  const delivery = { id: `c${epoch}/a/t`, lane: 'i/a/t', epoch, package: await store.file(id) }
  const deletes = { maxPercent: 100, maxCount: 1000 }
  await target.apply({ ...delivery, deletes, ...(paths && { paths: paths.map(parsePath) }) }, never)
}

function targetAt(path: string): Target {
  const target = directory.target?.({ path }, { installation: 'test', cacheFolder: join(place, 'cache') })
  if (target === undefined) throw new Error('a directory is a target')
  return target
}

test('zip slip: an entry that climbs out is refused, and nothing is written', async () => {
  const zip = packageOf({ content: [folderItem, { ...itemA, name: 'jcr_root/../../escaped.txt' }, itemB] })
  const { outer, inner } = nest()
  naiveUnzip(zip, inner)
  assert.ok(existsSync(join(outer, 'escaped.txt')))
  await assertRefused(zip, 'invalid')
})

test('zip slip: a manifest whose path climbs is refused, though its entry is where it says', async () => {
  const content = Buffer.from('x')
  const zip = packageOf({
    lines: [folder, fileLine('/content/../../../escaped.txt', content)],
    content: [folderItem, { name: 'jcr_root/content/../../../escaped.txt', content }],
  })
  const { outer, inner } = nest()
  naiveUnzip(zip, inner)
  assert.ok(existsSync(join(outer, 'escaped.txt')))
  await assertRefused(zip, 'invalid')
})

test('bomb: what unpacks to far more than its size is refused before it is unpacked', async () => {
  const zip = ratio.bytes()
  const most = Math.max(...naiveEntries(zip).map(({ content }) => content.length))
  assert.ok(most > zip.length * 500)
  await assertRefused(zip, 'too-large')
  // One that says in its headers that it is small is stopped where it says that it ends.
  const content = Buffer.alloc(10_000_000)
  const item = { name: 'jcr_root/content/zeros', content, method: 8, says: { size: 1000 } }
  const line = fileLine('/content/zeros', content).replace('"size":10000000', '"size":1000')
  const lying = packageOf({ lines: [folder, line], content: [folderItem, item] })
  assert.equal(naiveEntries(lying).find(({ name }) => name.endsWith('zeros'))?.content.length, content.length)
  await assertRefused(lying, 'corrupt')
})

test('bomb: a zip within a package is content, and nobody unpacks it', async () => {
  const inner = ratio.bytes()
  const naiveDeep = (zip: Buffer): number =>
    naiveEntries(zip).reduce(
      (sum, { name, content }) => sum + (name.endsWith('.zip') ? naiveDeep(content) : content.length),
      0,
    )
  const zip = packageOf({
    lines: [folder, fileLine('/content/inner.zip', inner)],
    content: [folderItem, { name: 'jcr_root/content/inner.zip', content: inner }],
  })
  assert.ok(naiveDeep(zip) > zip.length * 100)
  const { inner: at } = nest()
  await apply(await storeWith(), targetAt(at), zip)
  assert.deepEqual(readFileSync(join(at, 'content/inner.zip')), inner)
})

test('overlap: entries that share bytes, so that few make many, are refused', async () => {
  const zip = overlap.bytes()
  const names = naiveEntries(zip).map(({ name }) => name)
  assert.ok(names.includes('jcr_root/content/a.txt') && names.includes('jcr_root/content/b.json'))
  await assertRefused(zip, 'corrupt')
})

test('duplicate: a second entry of the same name, which others would take, is refused', async () => {
  const other = { ...itemA, content: Buffer.from('other\n') }
  const zip = packageOf({ content: [folderItem, itemA, other, itemB] })
  const taken = new Map(naiveEntries(zip).map(({ name, content }) => [name, content.toString()]))
  assert.equal(taken.get(itemA.name as string), 'other\n')
  await assertRefused(zip, 'corrupt')
})

test('link: an entry that is a symbolic link is refused, and nothing goes where it leads', async () => {
  const { outer, inner } = nest()
  const link = {
    name: 'jcr_root/content/a.txt',
    content: Buffer.from('../../..'),
    says: { attributes: (0o120777 << 16) >>> 0 },
  }
  const content = Buffer.from('x')
  const zip = packageOf({
    lines: [folder, fileLine('/content/a.txt', link.content), fileLine('/content/a.txt/escaped', content)],
    content: [folderItem, link, { name: 'jcr_root/content/a.txt/escaped', content }],
  })
  naiveUnzip(zip, inner)
  assert.ok(existsSync(join(outer, 'escaped')))
  await assertRefused(zip, 'invalid')
})

test('link: what a target has as a link is replaced, not followed', async () => {
  const { outer, inner } = nest()
  mkdirSync(join(outer, 'elsewhere'))
  // A naive unzip of the good package writes through it.
  const linked = packageOf({
    content: [
      {
        name: 'jcr_root/content',
        content: Buffer.from('../../elsewhere'),
        says: { attributes: (0o120777 << 16) >>> 0 },
      },
      itemA,
    ],
  })
  naiveUnzip(linked, inner)
  assert.deepEqual(readdirSync(join(outer, 'elsewhere')), ['a.txt'])
  rmSync(join(outer, 'elsewhere/a.txt'))
  await apply(await storeWith(), targetAt(join(inner, 'jcr_root')), packageOf())
  assert.ok(lstatSync(join(inner, 'jcr_root/content')).isDirectory())
  assert.deepEqual(readdirSync(join(outer, 'elsewhere')), [])
})

test('encrypted: what is said to be encrypted is refused, not taken for its content', async () => {
  const zip = packageOf({ content: [folderItem, { ...itemA, says: { flags: 0x0801 } }, itemB] })
  assert.ok(naiveEntries(zip).some(({ name }) => name === itemA.name))
  await assertRefused(zip, 'invalid')
})

test('truncated: cut off anywhere it is refused, also where a stream has had whole entries', async () => {
  const zip = packageOf()
  assert.ok(naiveStream(zip.subarray(0, zip.length - 30)).includes('jcr_root/content/a.txt'))
  const store = await storeWith()
  for (let length = 0; length < zip.length; length += length < zip.length - 30 ? 37 : 1)
    await assertRefused(Buffer.from(zip.subarray(0, length)), 'corrupt', store)
  assert.ok(await store.receive(Readable.from([zip]), never))
})

test('path confusion: a name in another normal form, another case or with an invisible character is another name', async () => {
  const naiveKey = (name: string): string =>
    name
      .normalize('NFKC')
      .toLowerCase()
      .replaceAll(/[\u200b\u202e\ufeff]/g, '')
      .trim()
  const content = Buffer.from('x')
  for (const [listed, there] of [
    ['\u00e9', 'e\u0301'],
    ['A', 'a'],
    ['K', '\u212a'],
    ['gpj.exe', '\u202egpj.exe'],
    ['a', 'a\u200b'],
    ['a', '\ufeffa'],
    ['a', 'a '],
  ] as const) {
    assert.equal(naiveKey(listed), naiveKey(there))
    const zip = packageOf({
      lines: [folder, fileLine(`/content/${listed}`, content)],
      content: [folderItem, { name: `jcr_root/content/${there}`, content }],
    })
    await assertRefused(zip, 'corrupt')
  }
})

test('path confusion: twins in two normal forms or cases, and names that Windows knows, stay what they are', async () => {
  const names = [
    '\u00e9',
    'e\u0301',
    'Case',
    'case',
    'CON',
    'nul.txt',
    'dot.',
    'space ',
    '..\\..\\up',
    'c:\\x',
    '\u202egpj',
    'a\u200bb',
    '...',
    '~1',
  ]
  const naiveName = (name: string): string => name.replaceAll('\\', '/')
  const { outer, inner } = nest()
  assert.ok(!join(inner, naiveName('..\\..\\up')).startsWith(outer))
  const store = await storeWith()
  const tree = Object.fromEntries(names.map((name) => [`/content/${name}`, `it is ${name}`]))
  const { id } = await store.write(headerOf('/content'), changesOf(tree), origin, never)
  await apply(await storeWith(), targetAt(inner), readFileSync((await store.file(id)).file))
  assert.deepEqual(readdirSync(join(inner, 'content')).toSorted(), names.toSorted())
  for (const name of names) assert.equal(readFileSync(join(inner, 'content', name), 'utf8'), `it is ${name}`)
  assert.deepEqual(readdirSync(outer), ['inner'])
})

test('path confusion: NUL, a backslash and what reverses text are shown by their numbers in messages', () => {
  const text = '/a\u202egpj\u200b\ufeff\u0000\u009b'
  assert.ok(JSON.stringify(text).includes('\u202e'), 'JSON alone leaves them as they are')
  assert.equal(quote(text), String.raw`"/a\u202egpj\u200b\ufeff\u0000\u009b"`)
  assert.throws(() => parsePath('/a\0b'), { code: 'invalid' })
})

test('limits: what was taken under larger limits is read under these, and under smaller ones nothing more is taken', async () => {
  const tree = { '/content/a': 'a', '/content/b': 'b', '/content/c': 'c' }
  const made = await storeWith()
  const { id } = await made.write(headerOf('/content'), changesOf(tree), origin, never)
  const zip = readFileSync((await made.file(id)).file)
  const few: PackageLimits = { ...defaultLimits, maxEntries: 2 }
  await assertRefused(zip, 'too-large', await storeWith(few))
  await assertRefused(zip, 'too-large', await storeWith({ ...defaultLimits, maxBytes: 2 }))
  await assertRefused(zip, 'too-large', await storeWith({ ...defaultLimits, maxZipBytes: zip.length - 1 }))
  // A file that says of itself under which limits it was taken: whoever opens it heeds them, and not the usual ones.
  const strict = join(place, `strict-${places++}.zip`)
  writeFileSync(strict, zip)
  const read = async (limits?: PackageLimits): Promise<void> => {
    const pkg = await openPackage({ id, file: strict, ...(limits && { limits }) })
    try {
      await pkg.verify()
    } finally {
      await pkg.close()
    }
  }
  await read()
  await assert.rejects(read(few), { code: 'too-large' })
  const wide = await storeWith({ ...defaultLimits, maxEntries: 5_000_000 })
  await wide.receive(Readable.from([zip]), never)
  assert.equal((await wide.file(id)).limits?.maxEntries, 5_000_000)
})
