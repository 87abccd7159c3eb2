/** The lines of manifests beside each other, and single ones found among them, against the same as objects. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { differences } from '../../src/compare/differences.ts'
import type { PackageFile } from '../../src/packages/manifest.ts'
import { listingOf, placedLines, PlacedSearch, placedState } from '../../src/packages/placed-lines.ts'
import { entriesOfAll } from '../../src/packages/whole.ts'
import { byteDifferences } from '../../src/resources/byte-differences.ts'
import { comparePaths, parsePath, type ResourcePath } from '../../src/resources/path.ts'
import type { ResourceState } from '../../src/resources/resource.ts'
import { packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()
let made = 0

async function packageOf(tree: Tree): Promise<PackageFile> {
  const file = join(folder, `${made++}.zip`)
  return { id: (await packed(file, tree)).id, file }
}

/** In packages of so many entries, one behind the other. */
async function packagesOf(tree: Tree, each: number): Promise<PackageFile[]> {
  const paths = Object.keys(tree).map(parsePath).toSorted(comparePaths)
  const files: PackageFile[] = []
  for (let at = 0; at < paths.length; at += each)
    files.push(
      await packageOf(Object.fromEntries(paths.slice(at, at + each).map((path) => [path, tree[path] ?? null]))),
    )
  return files
}

async function* statesIn(files: readonly PackageFile[]): AsyncGenerator<ResourceState> {
  for await (const { entries } of entriesOfAll(files))
    for (const { type, path, ...state } of entries) if (type !== 'delete') yield { path, ...state }
}

const name = fc.constantFrom('a', 'b', 'ü "x"', '\\', '{"type":"delete"', 'b.c', 'a\u2028', 'z'.repeat(200))
const trees = fc.dictionary(
  fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => `/${names.join('/')}`),
  fc.constantFrom<Tree[string]>('one', 'two', null, { delete: 'alone' }),
  { maxKeys: 30 },
)

/** Nothing lies below a content, nor below what is deleted. */
function possible(tree: Tree): Tree {
  const paths = Object.keys(tree)
  return Object.fromEntries(
    Object.entries(tree).map(([path, what]) => [path, paths.some((one) => one.startsWith(`${path}/`)) ? null : what]),
  )
}

test('what differs between packages is the same line by line and entry by entry', async () => {
  await fc.assert(
    fc.asyncProperty(trees, trees, fc.integer({ min: 1, max: 30 }), async (one, other, each) => {
      const [ours, theirs] = [await packagesOf(possible(one), each), await packagesOf(possible(other), 7)]
      const found: unknown[] = []
      for await (const difference of byteDifferences(placedLines(ours), placedLines(theirs), placedState))
        if (!('same' in difference) && difference.state !== 'same') found.push(difference)
      const expected: unknown[] = []
      for await (const difference of differences(statesIn(ours), statesIn(theirs)))
        if (difference.state !== 'same') expected.push(difference)
      assert.deepEqual(found, expected)
      // Equal listings have equal digests, however they are cut.
      assert.equal(await listingOf(ours), await listingOf(await packagesOf(possible(one), 1 + (each % 5))))
      assert.equal((await listingOf(ours)) === (await listingOf(theirs)), expected.length === 0)
    }),
    { numRuns: 60 },
  )
})

test('an entry is found by its path, whatever is asked for before', async () => {
  const tree: Record<string, Tree[string]> = {}
  for (let i = 0; i < 3000; i++) tree[`/${i % 7}/${'long '.repeat(i % 50)}${i}`] = String(i)
  tree['/3/gone'] = { delete: 'alone' }
  const files = await packagesOf(tree, 1200)
  const all: ResourcePath[] = []
  for await (const { path } of statesIn(files)) all.push(path)
  for (const every of [1, 2, 13, 997]) {
    const search = new PlacedSearch(placedLines(files))
    for (const [i, path] of all.entries()) {
      if (i % every !== 0) continue
      const found = await search.at(path)
      assert.deepEqual([found?.entry.path, found?.delta], [path, false])
      assert.equal(await search.at(parsePath(`${path} `)), undefined)
    }
    assert.equal(await search.at(parsePath('/zz')), undefined)
    await search.close()
  }
  const search = new PlacedSearch(placedLines(files))
  assert.equal(await search.at(parsePath('/3/gone')), undefined)
  await search.close()
})

test('packages that are not in path order are refused', async () => {
  const files = [await packageOf({ '/b': 'b' }), await packageOf({ '/a': 'a' })]
  await assert.rejects(listingOf(files), { code: 'invalid', message: /not in path order/ })
})
