/** Whatever the two sides hold: `complete` makes them equal, and taking it back gives the first state again, to the byte. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { directory } from '../../../src/endpoints/directory.ts'
import { memory } from '../../../src/endpoints/memory.ts'
import { forgetMemoryTree, memoryTree } from '../../../src/endpoints/memory/tree.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { join } from 'node:path'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import type { Source } from '../../../src/endpoints/endpoint.ts'
import { makeFolder, readAll } from '../../endpoints/trees.ts'
import { givenComparisons } from './given-comparisons.ts'

type Tree = ReadonlyMap<string, string | null>

interface Place {
  readonly options: object
  fill(tree: Tree): Promise<void>
  held(): Promise<unknown>
}

async function inMemory(t: TestContext): Promise<Place> {
  const name = randomUUID()
  t.after(() => forgetMemoryTree(name))
  const source = memory.source?.({ name }, { installation: 'here' }) as Source
  return {
    options: { kind: 'memory', name },
    fill: async (tree) => {
      forgetMemoryTree(name)
      const root = memoryTree(name)
      for (const [path, content] of tree)
        if (content === null) root.putFolder(parsePath(path))
        else root.put(parsePath(path), Buffer.from(content))
    },
    held: () => shown(source),
  }
}

async function inFolder(t: TestContext): Promise<Place> {
  const path = join(await makeFolder(t), 'place')
  const source = directory.source?.({ path } as never, { installation: 'here' }) as Source
  t.after(() => source.close?.())
  return {
    options: { kind: 'directory', path },
    fill: async (tree) => {
      await rm(path, { recursive: true, force: true })
      await mkdir(path, { recursive: true })
      for (const [at, content] of tree)
        if (content === null) await mkdir(join(path, at), { recursive: true })
        else {
          await mkdir(join(path, at, '..'), { recursive: true })
          await writeFile(join(path, at), content)
        }
    },
    held: () => shown(source),
  }
}

async function shown(source: Source): Promise<unknown> {
  return (await readAll(source)).map(([path, content]) => [path, content?.toString('base64') ?? null])
}

const name = fc.constantFrom('a', 'b', 'c.json', 'd.yaml', 'ü x', 'e%2f', 'f.txt', '#')
const content = fc.constantFrom(
  ...[
    '',
    'text',
    'other\ntext\n',
    '\u0000\u0001',
    '{"x": 1, "y": [1, 2]}',
    '{"y":[1,2],"x":1.0}',
    '{"x":2,"z":{"q":null}}',
  ],
  ...['x: 1\ny: [1, 2]\n', '# a comment\nx: 2\n', 'null', '[]', '{}', '{"openapi":"3.1.0","paths":{"/a":{"get":{}}}}'],
)

/** Parents are folders: what lies below a content is left out. */
const tree: fc.Arbitrary<Tree> = fc
  .array(fc.tuple(fc.array(name, { minLength: 1, maxLength: 3 }), fc.option(content, { freq: 4 })), { maxLength: 12 })
  .map((entries) => {
    const made = new Map<string, string | null>()
    for (const [names, what] of entries) {
      const path = `/${names.join('/')}`
      const above = names.map((_, i) => `/${names.slice(0, i).join('/')}`).filter((one) => one !== '/')
      if (above.some((one) => typeof made.get(one) === 'string')) continue
      if ([...made.keys()].some((one) => one.startsWith(`${path}/`)) || made.has(path)) continue
      made.set(path, what)
    }
    return made
  })

for (const [what, place, numRuns] of [
  ['memory', inMemory, 20],
  ['directory', inFolder, 8],
] as const)
  for (const based of [false, true])
    test(`${what}: complete makes equal, and reverting gives back what was${based ? ', after a replication' : ''}`, async (t) => {
      const engine = await givenComparisons(t)
      const [source, target] = [await place(t), await place(t)]
      const agent = `${what}-${String(based)}`
      await engine.agent(agent, source.options, target.options)
      await fc.assert(
        fc.asyncProperty(tree, tree, tree, async (first, ours, theirs) => {
          if (based) {
            await source.fill(first)
            await engine.replicate(agent)
          }
          await source.fill(ours)
          await target.fill(theirs)
          const [was, wanted] = [await target.held(), await source.held()]
          const command = await engine.apply(await engine.compare(agent), {
            ...{ preset: 'complete', allowDeletes: true, overrideGuard: 'meant' },
          })
          assert.deepEqual(await source.held(), wanted, 'the source is as it was')
          const again = await engine.compare(agent)
          assert.deepEqual(
            (await engine.rows(again)).filter(({ class: cls, changed }) => cls !== 'same' || changed === true),
            [],
          )
          const { added, changed, deleted, conflicts } = again.counts
          assert.deepEqual([added, changed, deleted, conflicts], [0, 0, 0, 0])
          await engine.apply(await engine.reverting(command), { allowDeletes: true, overrideGuard: 'meant' })
          assert.deepEqual(await target.held(), was)
        }),
        { numRuns, endOnFailure: false },
      )
    })
