/** Documents in any order become resources in path order, within a bounded memory. */
import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import fc from 'fast-check'
import { printJson } from '../../src/documents/json.ts'
import { pathOf, type Document } from '../../src/documents/names.ts'
import { inOrder } from '../../src/documents/order.ts'
import { numberOf } from '../../src/documents/value.ts'
import { ReplicationError } from '../../src/errors.ts'
import { comparePaths, parentPath } from '../../src/resources/path.ts'

const signal = AbortSignal.timeout(60_000)

async function* given(documents: readonly Document[]): AsyncGenerator<Document> {
  yield* documents
}

async function ordered(documents: readonly Document[], memoryBytes?: number): Promise<(readonly [string, string])[]> {
  const found: (readonly [string, string])[] = []
  const order = inOrder(given(documents), { signal, ...(memoryBytes !== undefined && { memoryBytes }) })
  for await (const { path, content } of order)
    found.push([path, content === undefined ? '' : Buffer.from(content() as Uint8Array).toString()])
  return found
}

const name = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => text.isWellFormed())
const documents = fc.uniqueArray(
  fc.record({ type: fc.oneof(fc.constantFrom('foo', 'foo-bar'), name), id: name, value: fc.string() }),
  { selector: ({ type, id }) => pathOf({ type, id }), maxLength: 60 },
)

test('they come in path order with the folders of their types, through memory and through files alike', async () => {
  await fc.assert(
    fc.asyncProperty(documents, async (all) => {
      const paths = all.map(pathOf)
      const folders = new Set(paths.map((path) => parentPath(path) ?? path))
      const wanted = [
        ['/', ''] as const,
        ...[...folders].map((path) => [path, ''] as const),
        ...all.map((one, i) => [paths[i] ?? '', `${printJson(one.value)}\n`] as const),
      ].toSorted(([one], [other]) => comparePaths(one as never, other as never))
      assert.deepEqual(await ordered(all), wanted)
      assert.deepEqual(await ordered(all, 500), wanted)
    }),
    { numRuns: 100 },
  )
})

test('what comes twice and says the same is there once, and a difference is a conflict that names it', async () => {
  const one = { type: 'foo', id: '1', value: { n: numberOf('1.0') } }
  for (const memoryBytes of [undefined, 1]) {
    assert.equal((await ordered([one, { ...one }], memoryBytes)).length, 3)
    const other = { ...one, value: { n: numberOf('1.00') } }
    await assert.rejects(ordered([one, { ...one, id: '0' }, other], memoryBytes), (error) => {
      assert.ok(error instanceof ReplicationError)
      assert.deepEqual([error.code, error.message], ['conflict', '"foo/1" comes twice, and says different things'])
      return true
    })
  }
})

test('nothing is left of what went to files, also when reading is left or breaks off', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'order-test-'))
  after(() => rmSync(folder, { recursive: true }))
  process.env['TMPDIR'] = folder
  const many = Array.from({ length: 50 }, (_, i) => ({ type: 'foo', id: String(i), value: 'x'.repeat(100) }))
  await ordered(many, 300)
  for await (const { path } of inOrder(given(many), { signal, memoryBytes: 300 })) if (path !== '/') break
  async function* breaking(): AsyncGenerator<Document> {
    yield* many
    throw new Error('the line was cut')
  }
  await assert.rejects(inOrder(breaking(), { signal, memoryBytes: 300 }).next(), /the line was cut/)
  assert.deepEqual(readdirSync(folder), [])
})
