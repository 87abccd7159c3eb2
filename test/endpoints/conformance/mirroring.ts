import assert from 'node:assert/strict'
import { hash, randomBytes } from 'node:crypto'
import { suite, test } from 'node:test'
import type { DeleteGuard, Target } from '../../../src/endpoints/endpoint.ts'
import type { ManifestHeader } from '../../../src/packages/manifest.ts'
import { parsePath, rootPath, type ResourcePath } from '../../../src/resources/path.ts'
import type { Change, ResourceState } from '../../../src/resources/resource.ts'
import { deliveryOf, pack, puts } from '../deliveries.ts'
import { never } from '../trees.ts'
import { benchOf, treeOf, type Bench, type Rig } from './bench.ts'

/** For kinds whose targets can list what they hold. */
export function mirroring(rig: Rig): void {
  suite(`${rig.kind.name}, listing`, () => {
    test('a list says what was applied, with digests and sizes', async (t) => {
      const { target, apply } = await benchOf(rig, t)
      const large = randomBytes(3 * 1024 * 1024)
      await apply(puts({ '/a': null, '/a/b': 'b', '/a!': '', '/c': large, '/\u00e9': null }))
      const state = (path: string, content: string | Buffer): object => {
        return { path, digest: hash('sha256', content), size: content.length }
      }
      assert.deepEqual(await listOf(target, '/a'), [{ path: '/a' }, state('/a/b', 'b')])
      assert.deepEqual(
        (await listOf(target, '/')).filter(({ path }) => path !== '/'),
        [{ path: '/a' }, state('/a/b', 'b'), state('/a!', ''), state('/c', large), { path: '/\u00e9' }],
      )
      assert.deepEqual(await listOf(target, '/c'), [state('/c', large)])
    })

    test('a list names what reading names, in the same order', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      await apply(puts(Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`/${i % 11}/${i}`, `${i}`]))))
      const listed = (await listOf(target, '/')).map(({ path }) => path).filter((path) => path !== '/')
      assert.deepEqual(
        listed,
        (await held()).map(([path]) => path),
      )
    })

    test('where there is nothing, a list is empty', async (t) => {
      const { target, apply } = await benchOf(rig, t)
      assert.deepEqual(await listOf(target, '/a'), [])
      await apply(puts({ '/a': 'a' }))
      for (const path of ['/a/b', '/ab', '/b/c']) assert.deepEqual(await listOf(target, path), [])
    })

    test('an aborted list throws', async (t) => {
      const { target, apply } = await benchOf(rig, t)
      await apply(puts(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`/${i}`, '']))))
      const abort = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of target.list?.(rootPath, abort.signal) ?? []) abort.abort(new Error('enough'))
      }, /enough/)
    })
  })

  suite(`${rig.kind.name}, mirroring`, () => {
    test('what the package does not list is removed within its roots, and nowhere else', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(
        puts({ '/a/b': 'b', '/a/c/d': 'd', '/a/c/e': 'e', '/a/f/g/h': 'h', '/ab': 'ab', '/i': null, '/i/j': 'j' }),
      )
      await apply(puts({ '/a': null, '/a/c': null, '/a/c/d': 'new', '/a/k': 'k', '/i': null }), mirror('/a', '/i'))
      assert.deepEqual(
        await held(),
        treeOf({ '/a': null, '/a/c': null, '/a/c/d': 'new', '/a/k': 'k', '/ab': 'ab', '/i': null }),
      )
    })

    test('a mirror of the root leaves just what the package lists', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b': 'b', '/c': 'c' }))
      await apply(puts({ '/': null, '/c': 'new' }), mirror('/'))
      assert.deepEqual(await held(), treeOf({ '/c': 'new' }))
    })

    test('a mirror replaces files by folders and folders by files', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b': null, '/a/b/c': 'c', '/a/d': 'd' }))
      await apply(puts({ '/a': null, '/a/b': 'file', '/a/d': null, '/a/d/e': 'e' }), mirror('/a'))
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': 'file', '/a/d': null, '/a/d/e': 'e' }))
    })

    test('what the filters kept out of the package stays, and the folders that hold it', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      const drafts = { '/a/drafts/x': 'x', '/a/old/drafts/y': 'y', '/a/old/z': 'z' }
      await apply(puts({ '/a/b': 'b', '/a/gone/deep/c': 'c', ...drafts }))
      await apply(puts({ '/a': null, '/a/b': 'new' }), {
        ...mirror('/a'),
        filters: [{ exclude: '/a/**/drafts/**' }],
      })
      assert.deepEqual(
        await held(),
        treeOf({
          ...{ '/a': null, '/a/b': 'new', '/a/drafts': null, '/a/drafts/x': 'x' },
          ...{ '/a/old': null, '/a/old/drafts': null, '/a/old/drafts/y': 'y' },
        }),
      )
    })

    test('a folder that is not listed itself, but holds what is, stays', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts({ '/a/b/c': 'c', '/a/b/d': 'd' }))
      await apply(puts({ '/a': null, '/a/b/c': 'new' }), mirror('/a'))
      assert.deepEqual(await held(), treeOf({ '/a': null, '/a/b': null, '/a/b/c': 'new' }))
    })

    const before = puts({ '/a': null, ...numbered('/a/kept', 8), ...numbered('/a/gone', 3), '/b': 'b' })
    const after = puts({ '/a': null, ...numbered('/a/kept', 8), '/a/new': 'new' })
    // Within /a are twelve resources before, and three of them, a quarter, are to go.
    for (const [name, guard, admitted] of [
      ['as many as the guard admits', { maxPercent: 25, maxCount: 3 }, true],
      ['one more than it may count', { maxPercent: 100, maxCount: 2 }, false],
      ['a larger part than it may be', { maxPercent: 24, maxCount: 1000 }, false],
      ['what no guard admits', { maxPercent: 0, maxCount: 0 }, false],
    ] as const)
      test(`a mirror that would remove ${name} is ${admitted ? 'applied' : 'refused, and changes nothing'}`, async (t) => {
        const bench = await benchOf(rig, t)
        await bench.apply(before)
        const found = await bench.held()
        const applied = applyGuarded(bench, t, after, mirror('/a'), guard)
        if (admitted) {
          await applied
          assert.deepEqual(
            await bench.held(),
            treeOf({ '/a': null, ...numbered('/a/kept', 8), '/a/new': 'new', '/b': 'b' }),
          )
        } else {
          await assert.rejects(applied, { name: 'ReplicationError', code: 'conflict', message: /\b3 of the 12\b/ })
          assert.deepEqual(await bench.held(), found)
        }
      })

    test('an empty mirror is refused by a guard that admits half', async (t) => {
      const bench = await benchOf(rig, t)
      await bench.apply(before)
      const guard = { maxPercent: 50, maxCount: 1000 }
      await assert.rejects(applyGuarded(bench, t, puts({ '/a': null }), mirror('/a'), guard), { code: 'conflict' })
    })

    test('with paths, a mirror removes within them alone', async (t) => {
      const bench = await benchOf(rig, t)
      await bench.apply(puts({ '/a/b/gone': '', '/a/c/stays': '', '/a/b/d': '' }))
      const pkg = await pack(t, puts({ '/a': null, '/a/b': null, '/a/b/d': 'new' }), mirror('/a'))
      await bench.target.apply(deliveryOf(pkg, { paths: [parsePath('/a/b')] }), never)
      assert.deepEqual(
        await bench.held(),
        treeOf({ '/a': null, '/a/b': null, '/a/b/d': 'new', '/a/c': null, '/a/c/stays': '' }),
      )
    })

    test('with paths, a mirror of everything removes within them alone, also where they hold nothing', async (t) => {
      const bench = await benchOf(rig, t)
      await bench.apply(puts({ '/a/b': 'b', '/c/gone': '', '/d': 'd' }))
      const pkg = await pack(t, puts({ '/': null, '/z': 'z' }), mirror('/'))
      await bench.target.apply(deliveryOf(pkg, { paths: [parsePath('/c'), parsePath('/none')] }), never)
      assert.deepEqual(
        (await bench.held()).filter(([path]) => path !== '/c'),
        treeOf({ '/a': null, '/a/b': 'b', '/d': 'd' }),
      )
    })
  })
}

function mirror(...roots: string[]): Partial<ManifestHeader> {
  return { mode: 'mirror', roots: roots.map(parsePath) }
}

function numbered(path: string, count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, i) => [`${path}-${i}`, `${i}`]))
}

async function applyGuarded(
  { target }: Bench,
  t: Parameters<typeof pack>[0],
  changes: readonly Change[],
  header: Partial<ManifestHeader>,
  guard: DeleteGuard,
): Promise<void> {
  await target.apply(deliveryOf(await pack(t, changes, header), { deletes: guard }), never)
}

async function listOf(target: Target, path: string): Promise<ResourceState[]> {
  assert.ok(target.list !== undefined)
  const states: ResourceState[] = []
  for await (const state of target.list(path as ResourcePath, never)) states.push(state)
  return states
}
