import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { errandsFor, PendingChanges, type Errand } from '../../../src/agents/triggers/pending.ts'
import type { Found, Seen } from '../../../src/endpoints/endpoint.ts'
import { MemoryTree } from '../../../src/endpoints/memory/tree.ts'
import { childPath, isWithin, parsePath, parentPath, rootPath, type ResourcePath } from '../../../src/resources/path.ts'

function lookIn(tree: MemoryTree): (paths: readonly ResourcePath[]) => Promise<readonly Found[]> {
  return async (paths) =>
    paths.map((path) => {
      const found = tree.get(path)
      return found === undefined ? 'nothing' : found === 'folder' ? 'folder' : 'content'
    })
}

function errandsOf(changes: readonly Seen[], tree: MemoryTree, roots = ['/']): Promise<Errand[]> {
  return errandsFor(changes, { roots: roots.map(parsePath), includes: () => true, look: lookIn(tree) })
}

function treeOf(...files: string[]): MemoryTree {
  const tree = new MemoryTree()
  for (const file of files) tree.put(parsePath(file), Buffer.from(file))
  return tree
}

const at = (path: string, more: Omit<Seen, 'path'> = {}): Seen => ({ path: parsePath(path), ...more })
const short = (errands: readonly Errand[]): string[] =>
  errands.map(({ action, mode, paths }) => `${mode === 'mirror' ? mode : action} ${paths.join(' ')}`)

test('what counts is what is there now, whatever was seen before', async () => {
  const tree = treeOf('/a/new', '/b')
  const seen = [at('/a/old', { gone: true }), at('/a/new', { gone: true }), at('/b'), at('/c')]
  assert.deepEqual(short(await errandsOf(seen, tree)), ['add /a/new /b', 'delete /a/old /c'])
})

test('a folder stands for what is in it, save for what has gone from it', async () => {
  const tree = treeOf('/a/x', '/a/y', '/n/x')
  const seen = [at('/a'), at('/a/x'), at('/a/gone', { gone: true }), at('/n', { fresh: true }), at('/n/gone')]
  assert.deepEqual(short(await errandsOf(seen, tree)), ['add /a /n', 'delete /a/gone'])
})

test('what goes from a folder that becomes a file goes with the folder', async () => {
  const seen = [at('/a'), at('/a/x', { gone: true }), at('/a/y/z', { gone: true })]
  assert.deepEqual(short(await errandsOf(seen, treeOf('/a'))), ['add /a'])
})

test('what came back while it was looked at is added after its folder is deleted', async () => {
  const errands = await errandsFor([at('/a'), at('/a/b'), at('/c')], {
    ...{ roots: [rootPath], includes: () => true },
    look: async () => ['nothing', 'content', 'content'],
  })
  assert.deepEqual(short(errands), ['delete /a', 'add /a/b /c'])
})

test('what is above the roots stands for them, and what is outside does not count', async () => {
  const tree = treeOf('/content/a', '/apps/a', '/other/a')
  const roots = ['/content', '/apps']
  assert.deepEqual(short(await errandsOf([at('/other/a'), at('/contents')], tree, roots)), [])
  assert.deepEqual(short(await errandsOf([at('/')], tree, roots)), ['add /apps /content'])
  assert.deepEqual(short(await errandsOf([at('/', { whole: true })], tree, roots)), ['mirror /apps /content'])
})

test('what the filters exclude is not sent, nor deleted', async () => {
  const tree = treeOf('/a/x.tmp', '/a/y')
  const errands = await errandsFor([at('/a/x.tmp'), at('/a/y'), at('/a/z.tmp', { gone: true })], {
    ...{ roots: [rootPath], includes: (path) => !path.endsWith('.tmp'), look: lookIn(tree) },
  })
  assert.deepEqual(short(errands), ['add /a/y'])
})

test('a thousand paths are the most of one command, and ten thousand are remembered one by one', async () => {
  const pending = new PendingChanges()
  const files = Array.from({ length: 2500 }, (_, i) => `/a/${i}`)
  for (const file of files) pending.note(at(file))
  const errands = await errandsOf(pending.take(), treeOf(...files))
  assert.deepEqual(
    errands.map(({ paths }) => paths.length),
    [1000, 1000, 500],
  )
  for (let i = 0; i < 30_000; i++) pending.note(at(`/a/${i % 7}/${i}`, { gone: i % 7 === 3 }))
  assert.ok(pending.size <= 10_000)
  assert.deepEqual(
    pending
      .take()
      .filter(({ path, whole }) => path.split('/').length === 3 && whole)
      .map(({ path }) => path),
    ['/a/3'],
  )
})

/* The property: a tree changes, what a watcher sees of it is collected, and now and then sent. */

const names = ['a', 'b', 'c']
const anyPath = fc
  .array(fc.constantFrom(...names), { minLength: 1, maxLength: 4 })
  .map((segments) => parsePath(`/${segments.join('/')}`))

type Step =
  | { readonly do: 'put' | 'folder' | 'remove'; readonly path: ResourcePath }
  | { readonly do: 'move'; readonly path: ResourcePath; readonly to: ResourcePath; readonly known: boolean }
  | { readonly do: 'send' }

const anyStep: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('put' as const), path: anyPath }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('folder' as const), path: anyPath }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), path: anyPath }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('move' as const), path: anyPath, to: anyPath, known: fc.boolean() }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'send' as const }) },
)

function allOf(tree: MemoryTree, path: ResourcePath = rootPath): [ResourcePath, string | undefined][] {
  return [...tree.walk(path, true)].map((one) => [one.path, one.content && Buffer.from(one.content).toString()])
}

/** A source that tells of its changes as a watcher does: what was in a folder that goes, and what came with one that comes. */
class Changing {
  readonly tree = new MemoryTree()
  readonly #hear: (seen: Seen) => void
  #writes = 0

  constructor(hear: (seen: Seen) => void) {
    this.#hear = hear
  }

  put(path: ResourcePath, content?: string): void {
    const first = this.#firstNew(path)
    const before = this.tree.get(path)
    if (content === undefined && before === 'folder') return
    for (let above = parentPath(path); above !== undefined && above !== '/'; above = parentPath(above))
      if (this.tree.get(above) instanceof Uint8Array) this.remove(above, true)
    if (before !== undefined) this.remove(path, true)
    if (content === undefined) this.tree.putFolder(path)
    else this.tree.put(path, Buffer.from(`${content}${this.#writes++}`))
    if (first !== path) this.#hear({ path: first, fresh: true })
    else this.#hear({ path, ...(content === undefined && before === undefined && { fresh: true }) })
  }

  /** `known`: what was in it is remembered. */
  remove(path: ResourcePath, known: boolean): void {
    const gone = allOf(this.tree, path)
    if (gone.length === 0 || path === '/') return
    this.tree.remove(path, true)
    if (known) for (const [one] of gone) this.#hear({ path: one, gone: true })
    else this.#hear({ path, gone: true, whole: true })
  }

  move(path: ResourcePath, to: ResourcePath, known: boolean): void {
    const moved = allOf(this.tree, path)
    const parent = parentPath(to) ?? rootPath
    if (moved.length === 0 || isWithin(to, path) || isWithin(path, to) || this.tree.get(parent) !== 'folder') return
    const before = this.tree.get(to)
    this.remove(path, known)
    this.remove(to, known)
    for (const [one, content] of moved) {
      const place = one === path ? to : parsePath(`${to}${one.slice(path.length)}`)
      if (content === undefined) this.tree.putFolder(place)
      else this.tree.put(place, Buffer.from(content))
    }
    this.#hear({ path: to, ...(before === undefined && moved[0]?.[1] === undefined && { fresh: true }) })
  }

  #firstNew(path: ResourcePath): ResourcePath {
    let first = path
    for (let above = parentPath(path); above !== undefined; above = parentPath(above))
      if (this.tree.get(above) === undefined) first = above
    return first
  }
}

function apply({ action, mode, paths }: Errand, source: MemoryTree, target: MemoryTree): void {
  for (const path of paths) {
    if (action === 'delete' || mode === 'mirror') target.remove(path, true)
    if (action === 'delete') continue
    for (const one of source.walk(path, true))
      if (one.content === undefined) target.putFolder(one.path)
      else target.put(one.path, one.content)
  }
}

for (const most of [1000, 6])
  test(`after the commands, in their order, the target has what the source has (${most} paths at most)`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 40 }), async (steps) => {
        const pending = new PendingChanges(most)
        const source = new Changing((seen) => pending.note(seen))
        const target = new MemoryTree()
        const send = async (): Promise<void> => {
          for (const errand of await errandsOf(pending.take(), source.tree)) apply(errand, source.tree, target)
        }
        for (const step of steps) {
          if (step.do === 'put') source.put(step.path, 'v')
          else if (step.do === 'folder') source.put(step.path)
          else if (step.do === 'remove') source.remove(step.path, true)
          else if (step.do === 'move') source.move(step.path, step.to, step.known)
          else await send()
          assert.ok(pending.size <= most)
        }
        await send()
        assert.deepEqual(allOf(target), allOf(source.tree))
      }),
      { numRuns: 1500 },
    )
  })

test('nothing is missing at the target while something is moved', async () => {
  const tree = treeOf(childPath(rootPath, 'new'))
  assert.deepEqual(short(await errandsOf([at('/new'), at('/old', { gone: true })], tree)), ['add /new', 'delete /old'])
})
