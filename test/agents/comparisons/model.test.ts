/** Any sequence of changes at both sides, replications, applications of any selection, and reverts, held against a model. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { forgetMemoryTree, memoryTree } from '../../../src/endpoints/memory/tree.ts'
import { parentPath, parsePath, rootPath } from '../../../src/resources/path.ts'
import { givenComparisons, type Asked } from './given-comparisons.ts'

const paths = ['/a.txt', '/b.txt', '/d/a.txt', '/d/e/f.txt'] as const
type Path = (typeof paths)[number]
/** Undefined: nothing is there. */
type Text = string | undefined

interface Applied {
  readonly id: string
  readonly was: ReadonlyMap<Path, Text>
  readonly became: ReadonlyMap<Path, Text>
}

/** What both sides hold, and what they are known to have had in common. */
class Model {
  readonly source = new Map<Path, Text>()
  readonly target = new Map<Path, Text>()
  readonly base = new Map<Path, Text>()

  /** The three-way table, once more and in other words. */
  classAt(path: Path): string | undefined {
    const [source, target] = [this.source.get(path), this.target.get(path)]
    if (source === undefined && target === undefined) return undefined
    const isKnown = this.base.has(path)
    const base = this.base.get(path)
    if (source === target) return isKnown && base !== source ? 'converged' : 'same'
    if (!isKnown) return 'unbased'
    const [ours, theirs] = [source !== base, target !== base]
    if (ours && theirs) return 'conflict'
    if (ours) return base === undefined ? 'new-at-source' : source === undefined ? 'deleted-at-source' : 'fast-forward'
    return base === undefined ? 'target-only' : target === undefined ? 'removed-at-target' : 'customised'
  }

  classes(): Record<string, string> {
    return Object.fromEntries(
      paths.flatMap((path) => {
        const cls = this.classAt(path)
        return cls === undefined ? [] : [[path, cls]]
      }),
    )
  }

  replicate(): void {
    for (const path of paths) {
      const text = this.source.get(path)
      if (text !== undefined) {
        this.target.set(path, text)
        this.base.set(path, text)
      } else if (!this.base.has(path)) this.base.set(path, undefined)
    }
  }

  apply({ preset = 'defaults', select = [], deselect = [], resolve = {} }: Asked): void {
    let isWhole = true
    for (const path of paths) {
      const cls = this.classAt(path)
      const [source, target] = [this.source.get(path), this.target.get(path)]
      if (cls === undefined) {
        if (this.base.has(path)) this.base.set(path, undefined)
        continue
      }
      const isExisting = source !== undefined && target !== undefined
      const ticks = {
        defaults: isExisting && cls !== 'customised' && cls !== 'conflict',
        complete: true,
        none: false,
      }[preset as 'defaults' | 'complete' | 'none']
      const isChosen = !deselect.includes(path) && (ticks || select.includes(path) || path in resolve)
      if (cls === 'same' || (cls === 'converged' && isChosen)) this.base.set(path, source)
      else if (cls !== 'converged' && isChosen) {
        if (resolve[path] !== 'target') this.target.set(path, source)
        this.base.set(path, source)
      } else if (cls === 'unbased') isWhole = false
    }
    if (isWhole) for (const path of paths) if (!this.base.has(path)) this.base.set(path, undefined)
  }
}

const path = fc.constantFrom(...paths)
const text = fc.option(fc.constantFrom('1', '2', '3'), { nil: undefined, freq: 3 })
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('edit' as const), at: path, side: fc.boolean(), text }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('replicate' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      preset: fc.constantFrom('defaults' as const, 'complete' as const, 'none' as const),
      select: fc.uniqueArray(path, { maxLength: 3 }),
      deselect: fc.uniqueArray(path, { maxLength: 2 }),
      resolve: fc.dictionary(path, fc.constantFrom('source' as const, 'target' as const), { maxKeys: 2 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('revert' as const) }) },
)

test('every class is as the table says, whatever has happened before', async (t) => {
  const engine = await givenComparisons(t)
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const model = new Model()
      const names = { source: randomUUID(), target: randomUUID() }
      for (const name of Object.values(names)) memoryTree(name)
      const agent = randomUUID()
      await engine.agent(agent, { kind: 'memory', name: names.source }, { kind: 'memory', name: names.target })
      const held = (side: 'source' | 'target'): [Path, Text][] =>
        paths.map((one) => {
          const found = memoryTree(names[side]).get(parsePath(one))
          return [one, found === undefined || found === 'folder' ? undefined : Buffer.from(found).toString()]
        })
      let last: Applied | undefined
      for (const one of steps) {
        if (one.do === 'edit') {
          const side = one.side ? 'source' : 'target'
          const at = parsePath(one.at)
          const tree = memoryTree(names[side])
          if (one.text !== undefined) tree.put(at, Buffer.from(one.text))
          else {
            tree.remove(at, true)
            // The model knows of no folders: one with nothing in it would be compared, and it would not.
            for (let above = parentPath(at); above !== undefined && above !== rootPath; above = parentPath(above))
              tree.remove(above, false)
          }
          model[side].set(one.at, one.text)
        } else if (one.do === 'replicate') {
          await engine.replicate(agent)
          model.replicate()
          last = undefined
        } else if (one.do === 'apply') {
          const comparison = await engine.compare(agent)
          const rows = await engine.rows(comparison)
          const known = (path: string): boolean => rows.some((row) => row.path === path)
          const select = one.select.filter(known)
          const deselect = one.deselect.filter(known)
          const resolve = Object.fromEntries(Object.entries(one.resolve).filter(([at]) => known(at)))
          // Without a resolution a conflict that is chosen would be refused.
          for (const row of rows)
            if (row.class === 'conflict' && select.includes(row.path as Path)) resolve[row.path] ??= 'source'
          const was = new Map(model.target)
          const asked: Asked = { preset: one.preset, select, deselect, resolve, allowDeletes: true, overrideGuard: 'x' }
          const { id } = await engine.apply(comparison, asked)
          model.apply(asked)
          last = { id, was, became: new Map(model.target) }
        } else if (last !== undefined) {
          await engine.apply(await engine.reverting(last), { allowDeletes: true, overrideGuard: 'x' })
          for (const at of paths) {
            const [was, became] = [last.was.get(at), last.became.get(at)]
            if (was !== became && model.target.get(at) === became) model.target.set(at, was)
          }
          assert.deepEqual(
            held('target'),
            paths.map((at) => [at, model.target.get(at)]),
          )
          // What is common after that is for other tests: here it begins anew.
          break
        }
        assert.deepEqual(
          held('target'),
          paths.map((at) => [at, model.target.get(at)]),
        )
        const rows = (await engine.rows(await engine.compare(agent))).filter(
          ({ source, target }) => !(source ?? target)?.folder,
        )
        assert.deepEqual(Object.fromEntries(rows.map((row) => [row.path, row.class])), model.classes())
      }
      for (const name of Object.values(names)) forgetMemoryTree(name)
    }),
    { numRuns: 20 },
  )
})
