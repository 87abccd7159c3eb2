import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { entriesOf, readArchive, writeArchive, type ArchivedEntry } from '../../src/state/archive.ts'
import { openEmbedded } from '../../src/state/embedded.ts'
import type { Store } from '../../src/state/store.ts'
import { fill } from '../../src/state/transfer.ts'

const header = { engine: 'embedded', installation: '01J', at: '2025-01-02T03:04:05.678Z' } as const

async function givenStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'archive.'))
  const store = await openEmbedded(folder)
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

async function textOf(pages: AsyncIterable<readonly ArchivedEntry[]>): Promise<Buffer> {
  const chunks: string[] = []
  for await (const chunk of writeArchive(header, pages)) chunks.push(chunk)
  return Buffer.from(chunks.join(''))
}

async function* pagesOf(entries: readonly ArchivedEntry[]): AsyncGenerator<readonly ArchivedEntry[]> {
  yield entries
}

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(bytes: Uint8Array, size = 1000): Promise<ArchivedEntry[]> {
  const { entries } = await readArchive(pieces(bytes, size))
  const found: ArchivedEntry[] = []
  for await (const entry of entries) found.push(entry)
  return found
}

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', '~', '0', ' ', '"'), minLength: 1, maxLength: 12 })
const state = fc.dictionary(key, fc.jsonValue(), { maxKeys: 40 })

test('whatever the state, an export holds all of it, and gives the same bytes again', async (t) => {
  const from = await givenStore(t)
  const to = await givenStore(t)
  const forget = async (store: Store): Promise<void> => {
    for await (const page of entriesOf(store))
      await store.commit({ writes: page.map((entry) => ({ delete: entry.key })) })
  }
  await fc.assert(
    fc.asyncProperty(state, fc.integer({ min: 1, max: 200 }), async (entries, size) => {
      await Promise.all([forget(from), forget(to)])
      await from.commit({ writes: Object.entries(entries).map(([put, value]) => ({ put, value })) })
      const bytes = await textOf(entriesOf(from))
      const archive = await readArchive(pieces(bytes, size))
      assert.deepEqual(archive.header, header)
      await fill(to, archive.entries)
      assert.deepEqual(await textOf(entriesOf(to)), bytes)
      const keys = Object.keys(entries).toSorted()
      assert.deepEqual(
        (await to.getAll(keys)).map((entry) => JSON.stringify(entry?.value)),
        keys.map((one) => JSON.stringify(entries[one])),
      )
    }),
    { numRuns: 40 },
  )
})

test('entries of all sizes are read in pages that weigh little', async (t) => {
  const store = await givenStore(t)
  for (let i = 0; i < 40; i++)
    await store.commit({ writes: [{ put: `large/${String(i).padStart(2, '0')}`, value: 'x'.repeat(200_000) }] })
  await store.commit({ writes: Array.from({ length: 3000 }, (_, i) => ({ put: `small/${i}`, value: i })) })
  let count = 0
  for await (const page of entriesOf(store)) {
    assert.ok(JSON.stringify(page).length < 4_000_000, `${JSON.stringify(page).length} characters in a page`)
    count += page.length
  }
  assert.equal(count, 3040)
})

test('what is true of a folder alone is not exported', async (t) => {
  const store = await givenStore(t)
  await store.commit({ writes: ['a', 'packages-folder', 'z'].map((put) => ({ put, value: 1 })) })
  assert.deepEqual(
    (await read(await textOf(entriesOf(store)))).map((entry) => entry.key),
    ['a', 'z'],
  )
})

const whole = await textOf(
  pagesOf(['a', 'b/1', 'b/2', '~sequence/events'].map((one) => ({ key: one, value: { text: `ü of ${one}` } }))),
)

test('an export that was cut off anywhere is refused', async () => {
  assert.equal((await read(whole)).length, 4)
  for (let length = 0; length < whole.length; length++)
    await assert.rejects(
      async () => read(whole.subarray(0, length)),
      ({ code }: { code?: string }) => code === 'corrupt' || code === 'invalid',
      `${length} of ${whole.length} bytes were taken for a whole export`,
    )
})

test('an export in which one byte is another one is refused, save for what its header says', async () => {
  const start = whole.indexOf(10) + 1
  for (let at = start; at < whole.length; at++) {
    const other = Buffer.from(whole)
    other[at] = (other[at] ?? 0) ^ 1
    await assert.rejects(async () => read(other), { code: 'corrupt' }, `byte ${at} may be anything`)
  }
})

const lines = whole.toString().trimEnd().split('\n')
for (const { name, text, says } of [
  { name: 'another file', text: '{"name":"publish1"}\n', says: /no export of a state/ },
  { name: 'an empty file', text: '', says: /no export of a state/ },
  { name: 'bytes that are no text', text: Buffer.from([0x1f, 0x8b, 0x08, 0x0a]), says: /UTF-8|no export/ },
  { name: 'a newer version', text: '{"format":"trebuchet-state","version":2}\n', says: /version 2.* reads version 1/ },
  { name: 'two exports one after the other', text: `${lines.join('\n')}\n`.repeat(2), says: /behind its end/ },
  {
    name: 'entries in another order',
    text: [lines[0], lines[2], lines[1], ...lines.slice(3), ''].join('\n'),
    says: /place/,
  },
  { name: 'an entry twice', text: [lines[0], lines[1], lines[1], ...lines.slice(2), ''].join('\n'), says: /place/ },
  { name: 'an entry less', text: [lines[0], ...lines.slice(2), ''].join('\n'), says: /does not say what came before/ },
])
  test(`${name} is refused, in words`, async () => {
    await assert.rejects(async () => read(Buffer.from(text)), { message: says })
  })

test('a line without an end is refused before it fills the memory', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(`${lines[0]}\n`)
    for (let sent = 0; sent < 2 ** 31; sent += 2 ** 20) yield Buffer.alloc(2 ** 20, 'x')
    assert.fail('it was read to its end')
  }
  const { entries } = await readArchive(endless())
  await assert.rejects(async () => entries[Symbol.asyncIterator]().next(), { code: 'corrupt' })
})
