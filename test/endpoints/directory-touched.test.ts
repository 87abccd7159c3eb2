/** What a mirror would change of a folder, found where the folder is read. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { ManifestHeader } from '../../src/packages/manifest.ts'
import type { Filter } from '../../src/resources/glob.ts'
import { parsePath } from '../../src/resources/path.ts'
import { deliveryOf } from './deliveries.ts'
import { headerOf, never, packed, type Tree } from '../packages/trees.ts'

interface Rig {
  readonly root: string
  /** Texts of what is there; null: a folder, undefined: nothing. */
  touched(
    tree: Tree,
    more?: { header?: Partial<ManifestHeader>; paths?: string[]; filters?: Filter[] },
  ): Promise<[string, string | null | undefined][]>
}

function givenFolder(t: TestContext, files: Readonly<Record<string, string>>): Rig {
  const folder = mkdtempSync(join(tmpdir(), 'touched.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = join(folder, 'root')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const target = directoryTarget(root, join(folder, 'cache'))
  let made = 0
  return {
    root,
    async touched(tree, { header: more = {}, paths, filters = [] } = {}) {
      const header: ManifestHeader = { ...headerOf('/content'), mode: 'mirror', ...more }
      const file = join(folder, `${made++}.zip`)
      const { id } = await packed(file, tree, header)
      const asked = paths && { paths: paths.map(parsePath) }
      const survey = await target.survey?.(
        { ...deliveryOf({ id, file }), ...asked, header, parts: [{ id, file }], filters },
        never,
      )
      const found: [string, string | null | undefined][] = []
      for await (const batch of survey?.touched(never) ?? [])
        for (const { path, was } of batch) {
          const bytes = was?.content?.()
          const text = bytes instanceof Uint8Array ? Buffer.from(bytes) : bytes && (await buffer(bytes))
          found.push([path, was === undefined ? undefined : (text?.toString() ?? null)])
        }
      return found
    },
  }
}

const large = 'large '.repeat(100_000)

test('what is changed, added and removed is told with what is there, small and large; what stays is not', async (t) => {
  const { root, touched } = givenFolder(t, {
    ...{ 'content/a': 'a', 'content/b': 'b', 'content/big': large, 'content/gone/x': 'x', 'content/same/y': 'y' },
    ...{ 'content/was-file': 'file', 'content/was-folder/z': 'z', other: 'stays' },
  })
  symlinkSync('a', join(root, 'content/link'))
  const tree = {
    ...{ '/content': null, '/content/a': 'A', '/content/b': 'b', '/content/big': 'B', '/content/new': 'n' },
    ...{ '/content/same': null, '/content/same/y': 'y', '/content/was-file': null, '/content/was-folder': 'f' },
  }
  const expected = [
    ['/content/a', 'a'],
    ['/content/big', large],
    ['/content/gone', null],
    ['/content/gone/x', 'x'],
    ['/content/new', undefined],
    ['/content/was-file', 'file'],
    ['/content/was-folder', null],
    ['/content/was-folder/z', 'z'],
  ]
  assert.deepEqual(await touched(tree), expected)
  // From what is remembered it is the same.
  assert.deepEqual(await touched(tree), expected)
  assert.deepEqual(
    await touched(tree, { paths: ['/content/gone', '/content/new'] }),
    expected.filter(([path]) => /gone|new/.test(path ?? '')),
  )
})

test('what the filters of a mirror keep out stays, and what those of the agent keep out is as if it were not there', async (t) => {
  const { touched } = givenFolder(t, { 'content/a': 'a', 'content/b.tmp': 'b', 'content/c': 'c' })
  const filters = [{ exclude: '/**/*.tmp' }]
  assert.deepEqual(await touched({ '/content': null, '/content/c': 'c' }, { header: { filters } }), [
    ['/content/a', 'a'],
  ])
  assert.deepEqual(await touched({ '/content': null, '/content/b.tmp': 'B', '/content/c': 'c' }, { filters }), [
    ['/content/a', 'a'],
    ['/content/b.tmp', undefined],
  ])
})

test('of a folder that is not there yet nothing is there', async (t) => {
  const { touched } = givenFolder(t, {})
  assert.deepEqual(await touched({ '/content': null, '/content/a': 'a' }), [
    ['/content', undefined],
    ['/content/a', undefined],
  ])
  assert.deepEqual(await touched({ '/content': null }), [['/content', undefined]])
})

test('more than a batch comes in order', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 700 }, (_, i) => [`content/${String(i).padStart(4, '0')}`, 'x'.repeat((i * 97) % 60_000)]),
  )
  const { touched } = givenFolder(t, files)
  assert.deepEqual(
    await touched({ '/content': null }),
    Object.entries(files).map(([path, text]) => [`/${path}`, text]),
  )
})

test('a mirror that would remove more than the guard admits is refused without a listing; nothing is changed', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'guard.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = join(folder, 'root')
  const target = directoryTarget(root)
  const header: ManifestHeader = { ...headerOf('/content'), mode: 'mirror', filters: [{ exclude: '/**/*.tmp' }] }
  const file = join(folder, 'mirror.zip')
  const { id } = await packed(file, { '/content': null, '/content/a': 'a' }, header)
  const judged = async (maxCount: number, paths?: string[]): Promise<void> =>
    target.guard?.(
      { header, parts: [{ id, file }], paths: paths?.map(parsePath) },
      { maxPercent: 100, maxCount },
      never,
    )
  await judged(0)
  assert.equal(existsSync(root), false)
  for (const name of ['a', 'b', 'c', 'd.tmp']) {
    mkdirSync(join(root, 'content'), { recursive: true })
    writeFileSync(join(root, 'content', name), name)
  }
  await judged(2)
  await assert.rejects(judged(1), { code: 'conflict', message: /would remove 2 of the 5/ })
  await judged(1, ['/content/b'])
})
