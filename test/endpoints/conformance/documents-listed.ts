/** The second half of documents.ts. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { suite, test } from 'node:test'
import type { DeleteGuard } from '../../../src/endpoints/endpoint.ts'
import type { ManifestHeader } from '../../../src/packages/manifest.ts'
import { parsePath, rootPath } from '../../../src/resources/path.ts'
import { deliveryOf, pack, puts } from '../deliveries.ts'
import { never, pathsIn, readAll } from '../trees.ts'
import { benchOf, treeOf, type Bench, type Rig } from './bench.ts'
import { awkward, docs } from './document-trees.ts'

export function listing(rig: Rig): void {
  suite(`${rig.kind.name}, documents listed and mirrored`, () => {
    test('a list names all that is there, with the digests and sizes of their canonical form', async (t) => {
      const { target, source, apply } = await benchOf(rig, t)
      assert.ok(target.list !== undefined)
      await apply(puts(awkward))
      for (const path of [rootPath, parsePath('/foo'), parsePath('/foo/a'), parsePath('/none')]) {
        const listed = []
        for await (const state of target.list(path, never)) listed.push(state)
        const there = path === '/none' ? [] : await readAll(source, path)
        assert.deepEqual(
          listed,
          there.map(([at, content]) =>
            content === null ? { path: at } : { path: at, digest: hash('sha256', content), size: content.length },
          ),
        )
      }
    })

    const before = docs(numbered('foo', 8, '"old"', { 'bar/1': '1', 'bar/2': '1', 'zoo/1': '1' }))
    const wanted = docs(numbered('foo', 8, '"old"', { 'foo/new': '1' }))

    test('a mirror removes what the package does not list within its roots, and nowhere else', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts(before))
      await apply(puts({ ...docs({ 'foo/1': '"new"' }), '/bar': null }), mirror('/bar', '/foo'))
      assert.deepEqual(
        (await held()).filter(([, content]) => content !== null),
        treeOf(docs({ 'foo/1': '"new"', 'zoo/1': '1' })).filter(([, content]) => content !== null),
      )
      await apply(puts({ '/': null, ...wanted }), mirror('/'))
      assert.deepEqual(await held(), treeOf(wanted))
    })

    test('what the filters kept out of the package stays', async (t) => {
      const { apply, held } = await benchOf(rig, t)
      await apply(puts(before))
      await apply(puts(wanted), { ...mirror('/'), filters: [{ exclude: '/bar/**' }] })
      assert.deepEqual(await held(), treeOf({ ...wanted, ...docs({ 'bar/1': '1', 'bar/2': '1' }) }))
    })

    for (const [name, guard, admitted] of [
      ['as many as the guard admits', { maxPercent: 40, maxCount: 5 }, true],
      ['one more than it may count', { maxPercent: 100, maxCount: 4 }, false],
      ['a larger part than it may be', { maxPercent: 20, maxCount: 1000 }, false],
    ] as const)
      test(`a mirror that would remove ${name} is ${admitted ? 'applied' : 'refused, and changes nothing'}`, async (t) => {
        const bench = await benchOf(rig, t)
        await bench.apply(puts(before))
        const applied = applyGuarded(bench, t, puts(wanted), guard)
        if (!admitted) await assert.rejects(applied, { code: 'conflict', message: /\b5 of the 14\b/ })
        await applied.catch(() => undefined)
        assert.deepEqual(await bench.held(), treeOf(admitted ? wanted : before))
      })

    test('with paths, a mirror removes within them alone', async (t) => {
      const { target, apply, held } = await benchOf(rig, t)
      await apply(puts(docs({ 'bar/1': '1', 'foo/1': '1', 'foo/2': '2' })))
      const pkg = await pack(t, puts(docs({ 'foo/1': '"new"' })), mirror('/'))
      await target.apply(deliveryOf(pkg, { paths: [parsePath('/foo')] }), never)
      assert.deepEqual(await held(), treeOf(docs({ 'bar/1': '1', 'foo/1': '"new"' })))
    })
  })

  suite(`${rig.kind.name}, documents read`, () => {
    const tree = docs({ 'bar/1': '1', 'foo/1': '1', 'foo/1-b': '1', 'foo/2': '1', 'foo-bar/1': '1' })

    test('a type comes with its documents, in path order, and one comes alone', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await apply(puts(tree))
      const all = ['/', '/bar', '/bar/1', '/foo', '/foo/1', '/foo/1-b', '/foo/2', '/foo-bar', '/foo-bar/1']
      assert.deepEqual(await pathsIn(source), all)
      assert.deepEqual(await pathsIn(source, parsePath('/foo')), all.slice(3, 7))
      assert.deepEqual(await pathsIn(source, parsePath('/foo/1')), ['/foo/1'])
      assert.deepEqual(await pathsIn(source, parsePath('/foo'), { deep: false }), ['/foo'])
      assert.deepEqual(await pathsIn(source, rootPath, { deep: false }), ['/'])
      const includes = (path: string): boolean => path !== '/foo' && path !== '/foo/2'
      assert.deepEqual(await pathsIn(source, parsePath('/foo'), { includes }), ['/foo/1', '/foo/1-b'])
    })

    test('where there is nothing, it is missing', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      await assert.rejects(pathsIn(source, parsePath('/foo')), { code: 'missing' })
      await apply(puts(tree))
      for (const path of ['/none', '/foo/none', '/foo/1/2'].map(parsePath))
        for (const deep of [true, false]) await assert.rejects(pathsIn(source, path, { deep }), { code: 'missing' })
    })

    test('any number of readings may go on at the same time, be left, and be aborted', async (t) => {
      const { source, apply } = await benchOf(rig, t)
      const many = docs(Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`foo/${i}`, '1'])))
      await apply(puts(many))
      const left = async (): Promise<void> => {
        for await (const { path } of source.read(rootPath, { deep: true, signal: never })) if (path !== '/') break
      }
      const [one, , other] = await Promise.all([pathsIn(source), left(), pathsIn(source), left()])
      assert.equal(one.length, 602)
      assert.deepEqual(other, one)
      const abort = new AbortController()
      await assert.rejects(async () => {
        for await (const _ of source.read(rootPath, { deep: true, signal: abort.signal }))
          abort.abort(new Error('enough'))
      }, /enough/)
    })
  })
}

function mirror(...roots: string[]): Partial<ManifestHeader> {
  return { mode: 'mirror', roots: roots.map(parsePath) }
}

function numbered(type: string, count: number, says: string, more: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(Array.from({ length: count }, (_, i) => [`${type}/${i}`, says])), ...more }
}

async function applyGuarded(
  { target }: Bench,
  t: Parameters<typeof pack>[0],
  changes: Parameters<typeof pack>[1],
  guard: DeleteGuard,
): Promise<void> {
  await target.apply(deliveryOf(await pack(t, changes, mirror('/')), { deletes: guard }), never)
}
