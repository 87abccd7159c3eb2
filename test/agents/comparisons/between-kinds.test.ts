/** From any kind to any other: what was replicated, and what was compared and applied, shows no difference afterwards. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { kinds } from '../../../src/endpoints/kinds.ts'
import { forgetMemoryTree } from '../../../src/endpoints/memory/tree.ts'
import { awkward } from '../../endpoints/conformance/document-trees.ts'
import { deletes, deliveryOf, pack, puts, type Tree } from '../../endpoints/deliveries.ts'
import { makeFolder, never } from '../../endpoints/trees.ts'
import { onRedis } from '../../home.ts'
import { PlainService } from '../../interop/plain-service.ts'
import { givenComparisons, type GivenComparisons } from './given-comparisons.ts'

type Endpoint = Readonly<Record<string, unknown>> & { readonly kind: string }
type Place = (t: TestContext) => Promise<Endpoint>

const folderOf = async (t: TestContext): Promise<string> => join(await makeFolder(t), 'place')
const inFile =
  (ending: string): Place =>
  async (t) => ({ kind: 'file', path: `${await folderOf(t)}.${ending}`, schema: 'simple' })
const inFolder =
  (format: string): Place =>
  async (t) => ({ kind: 'directory', path: await folderOf(t), view: 'resources', format, schema: 'simple' })

const places: Readonly<Record<string, Place>> = {
  'a YAML file': inFile('yaml'),
  'a JSON file': inFile('json'),
  'an NDJSON file': inFile('ndjson'),
  'a directory of YAML': inFolder('yaml'),
  'a directory of JSON': inFolder('json'),
  'a directory of bytes': async (t) => ({ kind: 'directory', path: await folderOf(t) }),
  'a tree in memory': async (t) => {
    const name = randomUUID()
    t.after(() => forgetMemoryTree(name))
    return { kind: 'memory', name }
  },
  'a REST service': async (t) => ({ kind: 'rest', url: (await PlainService.start(t)).origin, schema: 'simple' }),
}

/** What the endpoint holds becomes this, and no more is said of it than that. */
async function change(t: TestContext, { kind, ...options }: Endpoint, tree: Tree, gone: string[] = []): Promise<void> {
  const found = kinds.find(({ name }) => name === kind)
  const target = found?.target?.(options, { installation: 'test' })
  assert.ok(target)
  const header = { roots: ['/'] as never }
  await target.apply(deliveryOf(await pack(t, puts(tree), header), { lane: randomUUID() }), never)
  if (gone.length > 0) {
    const removals = gone.toSorted().map((path) => deletes(path))
    await target.apply(deliveryOf(await pack(t, removals, header), { lane: randomUUID() }), never)
  }
  await target.close?.()
}

async function assertNothingDiffers(engine: GivenComparisons, agent: string): Promise<void> {
  const comparison = await engine.compare(agent)
  const rows = (await engine.rows(comparison)).filter(({ class: cls }) => cls !== 'same')
  assert.deepEqual(rows, [])
  const { existing, ...others } = comparison.counts
  assert.deepEqual(others, { added: 0, changed: 0, deleted: 0, conflicts: 0 })
  assert.ok(existing > 10)
}

const changed = (of: string): string => `{"id": "a", "says": "${of}", "type": "foo"}\n`

for (const [from, source] of Object.entries(places))
  suite(`from ${from}`, { skip: onRedis && 'kinds are the same on each engine' }, () => {
    test('to every kind', async (t) => {
      const engine = await givenComparisons(t)
      for (const [to, target] of Object.entries(places))
        await t.test(to, async (t) => {
          const [one, other] = [await source(t), await target(t)]
          const agent = randomUUID()
          await engine.agent(agent, one, other)
          await change(t, one, awkward)
          await engine.replicate(agent)
          await assertNothingDiffers(engine, agent)
          await change(
            t,
            one,
            {
              '/foo': null,
              '/foo/a': changed('source'),
              '/foo/only-source': changed('new').replace('"a"', '"only-source"'),
            },
            ['/foo/9'],
          )
          await change(
            t,
            other,
            {
              '/foo': null,
              '/foo/a': changed('target'),
              '/foo/only-target': changed('new').replace('"a"', '"only-target"'),
            },
            ['/foo/10'],
          )
          const { counts } = await engine.compare(agent)
          assert.deepEqual([counts.added, counts.changed, counts.deleted, counts.conflicts], [2, 1, 2, 1])
          await engine.apply(await engine.compare(agent), { preset: 'complete', allowDeletes: true })
          await assertNothingDiffers(engine, agent)
        })
    })
  })

test('from a document to a document', async (t) => {
  const engine = await givenComparisons(t)
  const folder = await makeFolder(t)
  await mkdir(folder, { recursive: true })
  const document = (summary: string, paths: string[]): string =>
    JSON.stringify({
      ...{ openapi: '3.1.0', info: { title: summary, version: '1' } },
      paths: Object.fromEntries(
        paths.map((path) => [path, { get: { summary, responses: { 200: { description: 'ok' } } } }]),
      ),
    })
  const names = Array.from({ length: 12 }, (_, i) => `/p${i}/{id}`)
  await writeFile(join(folder, 'a.json'), document('one', names))
  await writeFile(join(folder, 'b.yaml'), 'openapi: 3.1.0 # ours\ninfo: { title: T, version: "1" }\npaths: {}\n')
  const at = (name: string): Endpoint => ({ kind: 'openapi', path: join(folder, name) })
  await engine.agent('api', at('a.json'), at('b.yaml'))
  await engine.replicate('api')
  await assertNothingDiffers(engine, 'api')
  await writeFile(join(folder, 'a.json'), document('two', [...names.slice(1), '/new']))
  await engine.apply(await engine.compare('api'), { preset: 'complete', allowDeletes: true })
  await assertNothingDiffers(engine, 'api')
})
