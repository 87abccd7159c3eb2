/** What was found when another server asked for the sake of a delivery counts for that delivery, and for nothing else. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import { stillGood, Walks, type KeptWalk } from '../../src/endpoints/directory/walks.ts'
import type { ListedMirror, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import type { PackageFile } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { parsePath } from '../../src/resources/path.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const header = { mode: 'mirror', roots: [parsePath('/a')] } as const

/** So many that they are made durable by one call, behind which it is known when that was. */
const tree = (of3: string): Tree => ({
  '/a': null,
  ...Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`/a/${i}`, i === 3 ? of3 : `text ${i}`])),
})

let places = 0

interface Place {
  /** For whose sake it is asked: what is found is held for all folders of a process, and these are of several tests at a time. */
  readonly asked: string
  readonly root: string
  readonly target: Target
  readonly package: PackageFile
  readonly mirror: ListedMirror
}

async function given(t: TestContext): Promise<Place> {
  const folder = await makeFolder(t)
  const root = join(folder, 'root')
  const target = directoryTarget(root, join(folder, 'cache'))
  const made = await pack(t, puts(tree('first')), header)
  await target.apply(deliveryOf(made), never)
  const opened = await openPackage(made)
  const { listing = '' } = await opened.verify()
  await opened.close()
  const mirror: ListedMirror = { format: 1, action: 'add', ...header, listing }
  // All of it has come to its place, and is durable.
  assert.ok(await target.confirm?.(deliveryOf(made, { id: 'before' }), mirror, never))
  return { asked: `near/${++places}`, root, target, package: made, mirror }
}

/** As another server asks before it delivers. */
async function lookedAt({ asked, target, mirror }: Place): Promise<void> {
  assert.equal(await target.holdings?.listedAs?.(parsePath('/a'), [mirror.listing], never, asked), mirror.listing)
}

/** What nobody sees who does not look again. */
const change = ({ root }: Place): void => writeFileSync(join(root, 'a/3'), 'firsT')

async function isConfirmed(place: Place, options: Partial<TargetDelivery>): Promise<boolean> {
  const delivery = deliveryOf(place.package, { id: 'another', epoch: 2, ...options })
  return (await place.target.confirm?.(delivery, place.mirror, never)) !== undefined
}

/** What counts of a walk through a folder, to which something is applied at one time or another. */
async function counting(
  t: TestContext,
  when: 'meanwhile' | 'before its turn' | 'in use' | 'elsewhere',
): Promise<boolean> {
  const folder = await makeFolder(t)
  const [root, regions] = [join(folder, 'root'), [parsePath('/a')]]
  const walks = new Walks()
  const applied = (to: string): Promise<void> => walks.during(to, () => Promise.resolve())
  const counts = (walked: KeptWalk | undefined): boolean => {
    assert.ok(walked)
    return stillGood({ walked, verify: false }, { durableBefore: 2 }) !== undefined
  }
  await walks.keep('one', { root, path: parsePath('/a'), cacheFolder: join(folder, 'cache') }, async () => {
    if (when === 'meanwhile') await applied(join(root, 'sub'))
    return { listing: '', entries: 0, bytes: 0, newestMs: 1 }
  })
  const found = walks.find('one', root, regions)
  if (when === 'before its turn') await applied(root)
  if (when === 'elsewhere') await applied(join(folder, 'root2'))
  const countsBefore = counts(found)
  const countsLent = await walks.lend('one', root, regions, async (lent) => {
    if (when === 'in use') await applied(folder)
    return counts(lent)
  })
  assert.equal(countsBefore, countsLent || when === 'in use')
  return countsLent
}

describe('what was found', { concurrency: true }, () => {
  for (const when of ['meanwhile', 'before its turn', 'in use'] as const)
    test(`does not count when something is applied ${when}`, async (t) => {
      assert.equal(await counting(t, when), false)
    })

  test('counts when something is applied elsewhere', async (t) => {
    assert.equal(await counting(t, 'elsewhere'), true)
  })

  test('counts for the delivery for which it was looked, and its mirror in parts', async (t) => {
    const place = await given(t)
    await lookedAt(place)
    change(place)
    assert.equal(await isConfirmed(place, { asked: `${place.asked}/mirror` }), true)
  })

  for (const [what, options] of Object.entries({
    'another delivery': (asked: string) => ({ asked: `${asked}x` }),
    'one that nobody asked for': () => ({}),
    'one that verifies': (asked: string) => ({ asked, verify: true }),
  }))
    test(`does not count for ${what}`, async (t) => {
      const place = await given(t)
      await lookedAt(place)
      change(place)
      assert.equal(await isConfirmed(place, options(place.asked)), false)
    })

  test('does not count once something was applied to the folder, or one above it', async (t) => {
    const place = await given(t)
    await lookedAt(place)
    const other = await pack(t, puts({ '/b': null }), { ...header, roots: [parsePath('/b')] })
    await directoryTarget(join(place.root, '..')).apply(deliveryOf(other, { id: 'b' }), never)
    change(place)
    assert.equal(await isConfirmed(place, { asked: place.asked }), false)
  })

  test('does not count where it may not be durable', async (t) => {
    const place = await given(t)
    writeFileSync(join(place.root, 'a/3'), 'other')
    writeFileSync(join(place.root, 'a/3'), 'first')
    await lookedAt(place)
    change(place)
    assert.equal(await isConfirmed(place, { asked: place.asked }), false)
  })

  test('is what a mirror is surveyed by, once', async (t) => {
    const place = await given(t)
    const next = await pack(t, puts({ ...tree('second'), '/a/4': null }), header)
    const opened = await openPackage(next)
    const { header: its } = opened
    await opened.close()
    const surveyed = async (id: string): Promise<string[]> => {
      const delivery = deliveryOf(next, { id, epoch: 3, asked: place.asked })
      const survey = await place.target.survey?.({ ...delivery, header: its, parts: [next], filters: [] }, never)
      const paths: string[] = []
      for await (const some of survey?.touched(never) ?? []) paths.push(...some.map(({ path }) => path))
      return paths
    }
    await lookedAt(place)
    rmSync(join(place.root, 'a/5'))
    assert.deepEqual(await surveyed('one'), ['/a/3', '/a/4'])
    assert.deepEqual(await surveyed('two'), ['/a/3', '/a/4', '/a/5'])
    const receipt = await place.target.apply(deliveryOf(next, { id: 'three', epoch: 4 }), never)
    assert.equal(receipt.entries, 601)
    assert.equal(readFileSync(join(place.root, 'a/3'), 'utf8'), 'second')
    assert.ok(existsSync(join(place.root, 'a/5')))
  })
})
