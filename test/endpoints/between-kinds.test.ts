/** From any kind to any other and on from there: what both can hold comes as it went, and a second time there is nothing to do. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { directory } from '../../src/endpoints/directory.ts'
import type { EndpointKind, ResourceResult } from '../../src/endpoints/endpoint.ts'
import { file } from '../../src/endpoints/file.ts'
import { memory } from '../../src/endpoints/memory.ts'
import { forgetMemoryTree } from '../../src/endpoints/memory/tree.ts'
import { rest } from '../../src/endpoints/rest.ts'
import { PlainService } from '../interop/plain-service.ts'
import { benchOf, type Bench } from './conformance/bench.ts'
import { awkward } from './conformance/document-trees.ts'
import { deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never, readAll } from './trees.ts'

const folderOf = async (t: TestContext): Promise<string> => join(await makeFolder(t), 'place')
const inFile = (ending: string) => async (t: TestContext) => ({
  path: `${await folderOf(t)}.${ending}`,
  schema: 'simple',
})
const inFolder = (format: string) => async (t: TestContext) => ({
  ...{ path: await folderOf(t), view: 'resources', format, schema: 'simple' },
})

const places: readonly (readonly [name: string, kind: unknown, options: (t: TestContext) => Promise<unknown>])[] = [
  ['a YAML file', file, inFile('yaml')],
  ['a JSON file', file, inFile('json')],
  ['an NDJSON file', file, inFile('ndjson')],
  ['a directory of YAML', directory, inFolder('yaml')],
  ['a directory of JSON', directory, inFolder('json')],
  ['a directory of bytes', directory, async (t) => ({ path: await folderOf(t) })],
  ['a tree in memory', memory, inMemory],
  ['a REST service', rest, async (t) => ({ url: (await PlainService.start(t)).origin, schema: 'simple' })],
]

async function inMemory(t: TestContext): Promise<{ name: string }> {
  const name = randomUUID()
  t.after(() => forgetMemoryTree(name))
  return { name }
}

async function placeAt(t: TestContext, [, kind, options]: (typeof places)[number]): Promise<Bench> {
  return benchOf({ kind: kind as EndpointKind, make: async (t) => ({ options: await options(t) }) }, t)
}

/** Everything there, in a package, applied: what became of each. */
async function copy(t: TestContext, from: Bench, to: Bench): Promise<ResourceResult['outcome'][]> {
  const tree = Object.fromEntries(await readAll(from.source))
  const outcomes: ResourceResult['outcome'][] = []
  const result = ({ outcome }: ResourceResult): void => void outcomes.push(outcome)
  await to.target.apply(deliveryOf(await pack(t, puts(tree)), { result }), never)
  return outcomes
}

for (const from of places)
  suite(`from ${from[0]}`, () => {
    for (const to of places)
      test(`to ${to[0]} and back`, async (t) => {
        const [one, other, back] = [await placeAt(t, from), await placeAt(t, to), await placeAt(t, from)]
        await one.apply(puts(awkward))
        const wanted = await one.held()
        assert.equal(wanted.filter(([, content]) => content !== null).length, 16)
        await copy(t, one, other)
        assert.deepEqual(await other.held(), wanted)
        const again = await copy(t, one, other)
        assert.deepEqual(
          [...new Set(again)].filter((outcome) => outcome !== 'unchanged'),
          [],
        )
        await copy(t, other, back)
        assert.deepEqual(await back.held(), wanted)
      })
  })

for (const to of places.filter(([name]) => !/bytes|memory/.test(name)))
  test(`what ${to[0]} cannot hold is refused by its name, and nothing changes`, async (t) => {
    const [one, other] = [
      await placeAt(t, ['bytes', directory, async (t) => ({ path: await folderOf(t) })]),
      await placeAt(t, to),
    ]
    await other.apply(puts(awkward))
    const before = await other.held()
    for (const tree of [
      { '/foo': null, '/foo/picture': Buffer.from([0xff, 0xd8, 0]) },
      { '/a/b/c/d': '{"id": "d"}' },
    ]) {
      await one.apply([...puts(tree)])
      await assert.rejects(copy(t, one, other), { code: 'invalid', message: /picture|\/a\/b/ })
      assert.deepEqual(await other.held(), before)
    }
  })
