import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parsePath, rootPath } from '../../../src/resources/path.ts'
import type { Resource } from '../../../src/resources/resource.ts'
import { puts } from '../deliveries.ts'
import { never, pathsIn, readAll } from '../trees.ts'
import { benchOf, shown, treeOf, type Rig } from './bench.ts'

/** For kinds that are sources, too. */
export function reading(rig: Rig): void {
  suite(`${rig.kind.name}, reading`, () => {
    const tree = { '/a': null, '/a/b': null, '/a/b/c': 'c', '/a/d': 'd', '/a!': 'between', '/e': '', '/\u{1F600}': 'x' }

    test('a resource comes with all below it, parents first, siblings by their bytes', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts({ ...tree, '/\uffee': 'y' }))
      assert.deepEqual(await pathsIn(source), [
        '/',
        '/a',
        '/a/b',
        '/a/b/c',
        '/a/d',
        '/a!',
        '/e',
        '/\uffee',
        '/\u{1F600}',
      ])
      assert.deepEqual(
        shown(await readAll(source, parsePath('/a'))),
        treeOf({ '/a': null, '/a/b': null, '/a/b/c': 'c', '/a/d': 'd' }),
      )
      assert.deepEqual(await pathsIn(source, parsePath('/a!')), ['/a!'])
    })

    test('without deep, it comes alone', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts(tree))
      assert.deepEqual(await pathsIn(source, parsePath('/a'), { deep: false }), ['/a'])
      assert.deepEqual(await pathsIn(source, parsePath('/e'), { deep: false }), ['/e'])
      assert.deepEqual(await pathsIn(source, rootPath, { deep: false }), ['/'])
    })

    test('where there is nothing, it is missing', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await assert.rejects(pathsIn(source, parsePath('/a')), { name: 'ReplicationError', code: 'missing' })
      await apply(puts(tree))
      for (const path of ['/none', '/a/b/c/d', '/A'].map(parsePath))
        for (const deep of [true, false])
          await assert.rejects(pathsIn(source, path, { deep }), { name: 'ReplicationError', code: 'missing' })
    })

    test('what the filter keeps out does not come, what lies below it may', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts(tree))
      const includes = (path: string): boolean => path !== '/a/b' && path !== '/e'
      assert.deepEqual(await pathsIn(source, rootPath, { includes }), [
        '/',
        '/a',
        '/a/b/c',
        '/a/d',
        '/a!',
        '/\u{1F600}',
      ])
      assert.deepEqual(await pathsIn(source, rootPath, { includes: () => false }), [])
    })

    test('a content may be asked for more than once, and later', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts({ '/a': 'a', '/large': Buffer.alloc(300_000, 'large') }))
      const first = await readAll(source)
      const resources: Resource[] = []
      for await (const resource of source.read(rootPath, { deep: true, signal: never })) resources.push(resource)
      for (let i = 0; i < 2; i++)
        assert.deepEqual(
          first,
          await readAll({
            async *read() {
              yield* resources
            },
          }),
        )
    })

    test('any number of readings may go on at the same time, and be left', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`/${i}`, `${i}`]))))
      const all = await pathsIn(source)
      const left = async (): Promise<void> => {
        for await (const { path } of source.read(rootPath, { deep: true, signal: never })) if (path !== '/') break
      }
      const readings = await Promise.all([pathsIn(source), left(), pathsIn(source), left(), pathsIn(source)])
      for (const reading of readings) if (reading !== undefined) assert.deepEqual(reading, all)
    })

    test('an aborted reading throws', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts(tree))
      const abort = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of source.read(rootPath, { deep: true, signal: abort.signal }))
          abort.abort(new Error('enough'))
      }, /enough/)
    })
  })
}
