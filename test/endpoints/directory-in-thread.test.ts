/** A folder that is read by the thread that writes packages of it. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, renameSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { inParts } from '../../src/agents/work/split.ts'
import { read } from '../../src/endpoints/directory/pieces.ts'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import type { PartLimits } from '../../src/packages/part-limits.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { includes, type Filter } from '../../src/resources/glob.ts'
import { parsePath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import { headerOf, noise, origin } from '../packages/trees.ts'
import { makeFolder, never } from './trees.ts'

const mib = 1024 * 1024
const all: PartLimits = { maxEntries: Infinity, maxBytes: Infinity }

interface Asked {
  readonly paths?: readonly string[]
  readonly deep?: boolean
  readonly filters?: readonly Filter[]
  readonly partLimits?: PartLimits
  readonly signal?: AbortSignal
  readonly note?: (text: string) => void
  readonly tally?: (entries: number, bytes: number) => void
}

/** The ids of the parts that the thread makes. */
async function* made(store: PackageStore, root: string, asked: Asked = {}): AsyncGenerator<string> {
  const { paths = ['/'], deep = true, filters = [], partLimits = all, signal = never, note, tally } = asked
  const reading = await directorySource(root).inThread?.(paths.map(parsePath), { deep, filters })
  assert.ok(reading)
  const options = { partLimits, signal, note, tally }
  for await (const { part } of store.writeParts(headerOf(...paths), reading, origin, options)) yield part.id
}

/** The same, read in one thread and written in another. */
async function apart(store: PackageStore, root: string, asked: Asked = {}): Promise<string[]> {
  const { paths = ['/'], deep = true, filters = [], partLimits = all } = asked
  async function* changes(): AsyncGenerator<Change> {
    for (const path of paths) {
      const options = { deep, includes: includes(filters), signal: never }
      for await (const resource of directorySource(root).read(parsePath(path), options)) yield { kind: 'put', resource }
    }
  }
  const ids: string[] = []
  for await (const part of inParts(changes(), partLimits))
    ids.push((await store.write(headerOf(...paths), part, origin, never)).id)
  return ids
}

test('its packages are those that it is read for elsewhere, cut in the same places', { timeout: 60_000 }, async (t) => {
  const root = await makeFolder(t)
  const store = await PackageStore.open(await makeFolder(t))
  for (const folder of ['a', 'a!', 'empty', 'many', 'é']) mkdirSync(join(root, folder))
  for (const name of ['a/b', 'a!/b', 'a.b', 'é/\u{1F600}']) writeFileSync(join(root, name), name)
  writeFileSync(join(root, 'nothing'), '')
  for (let i = 0; i < 300; i++) writeFileSync(join(root, `many/${i}`), String(i).repeat(i))
  for (const [name, bytes] of [
    ['one', mib],
    ['onemore', mib + 1],
    ['three', 3 * mib],
  ] as const)
    writeFileSync(join(root, 'a', name), noise(bytes))
  for (const asked of [
    {},
    { paths: ['/'], deep: false },
    { paths: ['/a', '/a.b', '/many'] },
    { filters: [{ exclude: '/a' }, { exclude: '/many/*7' }, { exclude: '/a/t*' }] },
    { partLimits: { maxEntries: 90, maxBytes: Infinity } },
    { partLimits: { maxEntries: Infinity, maxBytes: 30_000 } },
    { partLimits: { maxEntries: 256, maxBytes: mib } },
    { partLimits: { maxEntries: 1, maxBytes: 1 }, paths: ['/a'] },
  ]) {
    const ids: string[] = []
    for await (const id of made(store, root, asked)) ids.push(id)
    assert.deepEqual(ids, await apart(store, root, asked), JSON.stringify(asked))
  }
})

test('it is told how far the reading is, and what is passed over', async (t) => {
  const root = await makeFolder(t)
  const store = await PackageStore.open(await makeFolder(t))
  writeFileSync(join(root, 'a'), noise(3 * mib))
  writeFileSync(join(root, 'b'), 'b')
  symlinkSync('b', join(root, 'link'))
  const notes: string[] = []
  const tallies: (readonly [number, number])[] = []
  const asked = { note: (text: string) => notes.push(text), tally: (...how: [number, number]) => tallies.push(how) }
  for await (const id of made(store, root, asked)) assert.ok(await store.has(id as never))
  assert.deepEqual(notes, ['"/link" is passed over: it is a symbolic link'])
  assert.ok(tallies.length > 2)
  assert.deepEqual(tallies.at(-1), [3, 3 * mib + 1])
})

test('where there is nothing it says why, and leaves nothing', async (t) => {
  const [root, folder] = [await makeFolder(t), await makeFolder(t)]
  const store = await PackageStore.open(folder)
  writeFileSync(join(root, 'b'), 'b')
  symlinkSync('b', join(root, 'link'))
  const wanted = { code: 'missing', message: 'nothing is at "/link"; "/link" is passed over: it is a symbolic link' }
  await assert.rejects(async () => {
    for await (const id of made(store, root, { paths: ['/b', '/link'], partLimits: { maxEntries: 1, maxBytes: 1 } }))
      assert.ok(id)
  }, wanted)
  assert.deepEqual(readdirSync(join(folder, 'temporary')), [])
})

for (const [how, change] of [
  ['written', (file: string) => writeFileSync(file, Buffer.alloc(4 * mib, 'b'))],
  ['appended to', (file: string) => writeFileSync(file, 'more', { flag: 'a' })],
  ['cut short', (file: string) => truncateSync(file, mib + 1)],
  ['cut shorter', (file: string) => truncateSync(file, 10)],
  ['replaced', (file: string) => (writeFileSync(file, 'x', { flag: 'a' }), renameSync(`${file}.next`, file))],
] as const)
  test(`a large file that is ${how} while it is read never comes to its last segment`, async (t) => {
    const root = await makeFolder(t)
    const file = join(root, 'file')
    for (const [name, letter] of [
      [file, 'a'],
      [`${file}.next`, 'b'],
    ] as const)
      writeFileSync(name, Buffer.alloc(4 * mib, letter))
    const order = { root, paths: ['/file'], deep: false, filters: [] }
    let segments = 0
    await assert.rejects(
      async () => {
        for await (const piece of read(order, () => undefined, never)) {
          assert.ok(!('items' in piece) && !piece.last)
          if (segments++ === 0) change(file)
        }
      },
      { code: 'unavailable', transient: true, message: /^"\/file" changed while/ },
    )
    assert.ok(segments > 0)
  })

test('it ends when it is told to, or nobody wants more, and takes back what nobody has seen', async (t) => {
  const [root, folder] = [await makeFolder(t), await makeFolder(t)]
  const store = await PackageStore.open(folder)
  for (let i = 0; i < 50; i++) writeFileSync(join(root, `${i}`), noise(100_000))
  const partLimits = { maxEntries: 2, maxBytes: Infinity }
  for await (const id of made(store, root, { partLimits })) {
    assert.ok(id)
    break
  }
  assert.deepEqual(readdirSync(join(folder, 'temporary')), [])
  const abort = new AbortController()
  const reason = new Error('enough')
  let parts = 0
  await assert.rejects(
    async () => {
      for await (const id of made(store, root, { partLimits, signal: abort.signal }))
        if (id !== '' && ++parts === 3) abort.abort(reason)
    },
    (error) => error === reason,
  )
  assert.equal(parts, 3)
  assert.deepEqual(readdirSync(join(folder, 'temporary')), [])
})
