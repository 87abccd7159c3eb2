/** What a directory finds for a mirror in one look, and what it does with it. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { Receipt, Survey, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { memory } from '../../src/endpoints/memory.ts'
import type { ManifestHeader, PackageFile } from '../../src/packages/manifest.ts'
import { writeIndex } from '../../src/packages/write.ts'
import { parsePath, rootPath, type ResourcePath } from '../../src/resources/path.ts'
import type { ResourceState } from '../../src/resources/resource.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const mirrored: ManifestHeader = { format: 1, action: 'add', mode: 'mirror', roots: [parsePath('/a')] }

class Mirror {
  readonly index: PackageFile
  readonly #target: Target
  readonly parts: readonly PackageFile[]
  readonly #options: Partial<TargetDelivery>

  constructor(target: Target, index: PackageFile, parts: readonly PackageFile[], options: Partial<TargetDelivery>) {
    this.#target = target
    this.index = index
    this.parts = parts
    this.#options = options
  }

  async survey(): Promise<Survey> {
    const of = { header: mirrored, parts: this.parts, filters: [] }
    const survey = await this.#target.survey?.({ ...deliveryOf(this.index, this.#options), ...of }, never)
    assert.ok(survey !== undefined)
    return survey
  }

  async apply(survey: Survey): Promise<Receipt[]> {
    const receipts: Receipt[] = []
    for (const part of this.parts)
      receipts.push(await this.#target.apply({ ...deliveryOf(part, this.#options), id: randomUUID(), survey }, never))
    return receipts
  }

  async finish(survey: Survey): Promise<Receipt | undefined> {
    return this.#target.mirrors?.finish({ ...deliveryOf(this.index, this.#options), parts: this.parts, survey }, never)
  }
}

/** In parts, one for each of the trees. */
async function mirrorOf(
  t: TestContext,
  target: Target,
  trees: readonly Tree[],
  options: Partial<TargetDelivery> = {},
): Promise<Mirror> {
  const parts: PackageFile[] = []
  for (const tree of trees) parts.push(await pack(t, puts(tree), { roots: mirrored.roots }))
  const file = join(await makeFolder(t), 'index.zip')
  const { id } = await writeIndex(
    mirrored,
    parts.map(({ id: pkg }, i) => ({
      type: 'part',
      package: pkg,
      entries: Object.keys(trees[i] ?? {}).length,
      bytes: 0,
    })),
    { file, signal: never },
  )
  return new Mirror(target, { id, file }, parts, options)
}

async function givenFolder(t: TestContext, files: Readonly<Record<string, string>>): Promise<[string, Target]> {
  const folder = await makeFolder(t)
  const root = join(folder, 'root')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return [root, directoryTarget(root, join(folder, 'cache'))]
}

test('a part of which all is there is not opened, and gives its receipt all the same', async (t) => {
  const [root, target] = await givenFolder(t, { 'a/b': 'b', 'a/c': 'c' })
  const mirror = await mirrorOf(t, target, [{ '/a': null, '/a/b': 'b' }, { '/a/c': 'new' }])
  const survey = await mirror.survey()
  rmSync(mirror.parts[0]?.file as string)
  const [one, other] = await mirror.apply(survey)
  assert.deepEqual([one?.entries, one?.detail], [2, { written: 0, writtenBytes: 0 }])
  assert.deepEqual([other?.entries, other?.detail], [1, { written: 1, writtenBytes: 3 }])
  assert.equal(readFileSync(join(root, 'a/c'), 'utf8'), 'new')
})

test('what the survey found to be surplus is removed, and what has come since is not', async (t) => {
  const [root, target] = await givenFolder(t, {
    'a/b': 'b',
    'a/gone/x': 'x',
    'a/gone/y/z': 'z',
    'a/file': 'f',
    'a/was': 'w',
  })
  symlinkSync('nowhere', join(root, 'a/gone/link'))
  const mirror = await mirrorOf(t, target, [{ '/a': null, '/a/b': 'b' }])
  const survey = await mirror.survey()
  await mirror.apply(survey)
  writeFileSync(join(root, 'a/came'), 'later')
  rmSync(join(root, 'a/was'))
  rmSync(join(root, 'a/file'))
  mkdirSync(join(root, 'a/file/in'), { recursive: true })
  const receipt = await mirror.finish(survey)
  assert.deepEqual(receipt?.detail, { removed: 4 })
  assert.deepEqual(readdirSync(join(root, 'a')).toSorted(), ['b', 'came', 'file'])
})

test('a folder into which something has come since the survey is surveyed again', async (t) => {
  const [root, target] = await givenFolder(t, { 'a/b': 'b', 'a/gone/x': 'x' })
  const mirror = await mirrorOf(t, target, [{ '/a': null, '/a/b': 'b' }], { id: 'it' })
  const survey = await mirror.survey()
  await mirror.apply(survey)
  writeFileSync(join(root, 'a/gone/came'), 'later')
  await assert.rejects(mirror.finish(survey), { code: 'unavailable', message: /counted again/ })
  assert.equal(existsSync(join(root, 'a/gone/came')), true)
  const again = await mirror.survey()
  const receipt = await mirror.finish(again)
  assert.deepEqual(receipt?.detail, { removed: 2 })
  assert.deepEqual(readdirSync(join(root, 'a')), ['b'])
  // It is known by then.
  assert.deepEqual(await mirror.finish(again), receipt)
})

test('beyond the guard nothing is left behind, and one survey takes the place of another', async (t) => {
  const [root, target] = await givenFolder(t, { 'a/b': 'b', 'a/gone': 'x' })
  const surveys = (): string[] =>
    readdirSync(join(root, '.trebuchet'), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /survey-[^/]*$/.test(name),
    )
  const tree = { '/a': null, '/a/b': 'b' }
  const refused = await mirrorOf(t, target, [tree], { deletes: { maxPercent: 100, maxCount: 0 } })
  await assert.rejects(refused.survey(), { code: 'conflict', message: /would remove 1 of the 3/ })
  assert.deepEqual(surveys(), [])
  const mirror = await mirrorOf(t, target, [tree])
  await mirror.survey()
  const survey = await mirror.survey()
  assert.equal(surveys().length, 1)
  await mirror.apply(survey)
  await mirror.finish(survey)
  assert.deepEqual(surveys(), [])
})

test('what cannot be read is replaced', { skip: process.getuid?.() === 0 && 'root reads all' }, async (t) => {
  const [root, target] = await givenFolder(t, { 'a/b': 'b', 'a/c': 'c' })
  chmodSync(join(root, 'a/b'), 0)
  const mirror = await mirrorOf(t, target, [{ '/a': null, '/a/b': 'b', '/a/c': 'c' }])
  const survey = await mirror.survey()
  const [receipt] = await mirror.apply(survey)
  assert.deepEqual(receipt?.detail, { written: 1, writtenBytes: 1 })
  assert.equal(readFileSync(join(root, 'a/b'), 'utf8'), 'b')
})

/** Numbers from 0 on below what is asked for, the same for the same seed. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed + 1
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 8) % below
  }
}

function randomTree(next: (below: number) => number): Tree {
  const tree: Record<string, string | null> = {}
  const names = ['b', 'c', 'c!', 'd.tmp', 'é']
  const fill = (folder: string, depth: number): void => {
    for (const name of names) {
      const path = `${folder}/${name}`
      const kind = next(5)
      if (kind < 2) tree[path] = 'x'.repeat(next(3))
      else if (kind < 4 && depth < 3) {
        // A package need not list the folders that it puts something into.
        if (next(3) > 0) tree[path] = null
        fill(path, depth + 1)
      }
    }
  }
  tree['/a'] = null
  fill('/a', 0)
  return tree
}

async function listOf(target: Target): Promise<readonly ResourceState[]> {
  const states: ResourceState[] = []
  for await (const state of target.list?.(rootPath, never) ?? []) if (state.path !== rootPath) states.push(state)
  return states
}

test('whatever was there, a mirror leaves what it leaves in memory, also in parts', async (t) => {
  for (let seed = 0; seed < 16; seed++) {
    const next = numbersFrom(seed)
    const [before, after] = [randomTree(next), randomTree(next)]
    const other = memory.target?.({ name: randomUUID() } as never, { installation: 'test' })
    assert.ok(other !== undefined)
    const [, whole] = await givenFolder(t, {})
    const [, inParts] = await givenFolder(t, {})
    const paths: ResourcePath[] | undefined = seed % 3 === 0 ? ['/a/b', '/a/c'].map(parsePath) : undefined
    const filters = seed % 2 === 0 ? { filters: [{ exclude: '/**/*.tmp' as const }] } : {}
    const put = await pack(t, puts(before))
    for (const target of [other, whole, inParts]) await target.apply(deliveryOf(put), never)
    const isKept = ([path]: [string, unknown]): boolean => seed % 2 === 1 || !path.endsWith('.tmp')
    const listed = Object.fromEntries(Object.entries(after).filter(isKept))
    const pkg = await pack(t, puts(listed), { ...mirrored, ...filters })
    for (const target of [other, whole]) await target.apply({ ...deliveryOf(pkg), ...(paths && { paths }) }, never)
    const expected = await listOf(other)
    assert.deepEqual(await listOf(whole), expected, `seed ${seed}`)
    if (seed % 2 === 0) continue
    const sorted = puts(listed).map((change) => (change.kind === 'put' ? change.resource.path : change.path))
    const halves = [sorted.slice(0, 3), sorted.slice(3)].filter(({ length }) => length > 0)
    const trees = halves.map((some) => Object.fromEntries(some.map((path) => [path, listed[path] ?? null])))
    const mirror = await mirrorOf(t, inParts, trees, paths && { paths })
    const survey = await mirror.survey()
    await mirror.apply(survey)
    await mirror.finish(survey)
    assert.deepEqual(await listOf(inParts), expected, `seed ${seed}, in parts`)
  }
})
