/** A mirror that has nothing to change is confirmed by one walk; one that has is not. */
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { ListedMirror, Receipt, Target, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import type { ManifestHeader, PackageFile } from '../../src/packages/manifest.ts'
import { openPackage } from '../../src/packages/read.ts'
import { parsePath } from '../../src/resources/path.ts'
import { deliveryOf, pack, puts, type Tree } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const tree: Tree = { '/a': null, '/a/one': 'one', '/a/sub': null, '/a/sub/two': 'two', '/a/ü': 'three' }

interface Place {
  readonly root: string
  readonly target: Target
  readonly package: PackageFile
  readonly mirror: ListedMirror
}

/** A target that the mirror of a tree was applied to. */
async function given(t: TestContext, more: Partial<ManifestHeader> = {}, shown = tree): Promise<Place> {
  const folder = await makeFolder(t)
  const root = join(folder, 'root')
  const target = directoryTarget(root, join(folder, 'cache'))
  const header = { mode: 'mirror', roots: [parsePath('/a')], ...more } as const
  const made = await pack(t, puts(shown), header)
  await target.apply(deliveryOf(made), never)
  const opened = await openPackage(made)
  const { listing = '' } = await opened.verify()
  await opened.close()
  return { root, target, package: made, mirror: { format: 1, action: 'add', ...header, listing } }
}

async function asked(place: Place, options: Partial<TargetDelivery> = {}): Promise<Receipt | undefined> {
  return place.target.confirm?.(deliveryOf(place.package, options), place.mirror, never)
}

describe('a mirror', { concurrency: true }, () => {
  test('of what is there is confirmed, with a receipt that the target knows', async (t) => {
    const place = await given(t)
    const delivery = deliveryOf(place.package)
    const receipt = await place.target.confirm?.(delivery, place.mirror, never)
    assert.deepEqual(
      [receipt?.delivery, receipt?.package, receipt?.entries, receipt?.bytes, receipt?.detail?.['written']],
      [delivery.id, place.package.id, 5, 11, 0],
    )
    assert.deepEqual(await place.target.apply(delivery, never), receipt)
    assert.deepEqual(await place.target.confirm?.(delivery, place.mirror, never), receipt)
  })

  const changes: Record<string, (root: string) => void> = {
    'a content is another': (root) => writeFileSync(join(root, 'a/one'), 'on'),
    'a content is another of the same size': (root) => writeFileSync(join(root, 'a/one'), 'eno'),
    'a content is another, and its times are as before': (root) => {
      utimesSync(join(root, 'a/one'), 1, 1)
      writeFileSync(join(root, 'a/one'), 'eno')
      utimesSync(join(root, 'a/one'), 1, 1)
    },
    'a file has come': (root) => writeFileSync(join(root, 'a/sub/more'), ''),
    'a folder has come': (root) => mkdirSync(join(root, 'a/sub/more')),
    'a file has gone': (root) => rmSync(join(root, 'a/ü')),
    'a file is a folder': (root) => {
      rmSync(join(root, 'a/ü'))
      mkdirSync(join(root, 'a/ü'))
    },
    'a file is a link': (root) => {
      rmSync(join(root, 'a/ü'))
      symlinkSync('one', join(root, 'a/ü'))
    },
    'there is a name that no path can stand for': (root) =>
      writeFileSync(Buffer.concat([Buffer.from(`${root}/a/`), Buffer.from([0xff])]), ''),
    'all has gone': (root) => rmSync(join(root, 'a'), { recursive: true }),
    'the folder itself has gone': (root) => rmSync(root, { recursive: true }),
  }
  for (const [when, change] of Object.entries(changes))
    test(`is not confirmed when ${when}, and nothing comes of the question`, async (t) => {
      const place = await given(t)
      change(place.root)
      const options = { id: 'one', epoch: 2 }
      assert.equal(await asked(place, options), undefined)
      if (when === 'there is a name that no path can stand for') return
      const receipt = await place.target.apply(deliveryOf(place.package, options), never)
      assert.equal(receipt.entries, 5)
      assert.equal(readFileSync(join(place.root, 'a/one'), 'utf8'), 'one')
      assert.deepEqual(readdirSync(join(place.root, 'a')).toSorted(), ['one', 'sub', 'ü'])
    })

  test('is confirmed whatever is beside it, and whatever its filters keep out', async (t) => {
    const place = await given(t, { filters: [{ exclude: '/a/own' }, { exclude: '/a/own/**' }] })
    writeFileSync(join(place.root, 'beside'), '')
    mkdirSync(join(place.root, 'a/own'))
    writeFileSync(join(place.root, 'a/own/x'), '')
    assert.ok(await asked(place))
    writeFileSync(join(place.root, 'a/owner'), '')
    assert.equal(await asked(place), undefined)
  })

  test('of several roots is confirmed as one', async (t) => {
    const roots = [parsePath('/a'), parsePath('/b')]
    const place = await given(t, { roots }, { ...tree, '/b': 'b' })
    assert.equal((await asked(place))?.entries, 6)
    writeFileSync(join(place.root, 'b'), 'c')
    assert.equal(await asked(place), undefined)
  })

  test('is confirmed for nobody whose lane was taken over', async (t) => {
    const place = await given(t)
    assert.ok(await asked(place, { epoch: 3 }))
    await assert.rejects(asked(place, { epoch: 2 }), { code: 'conflict' })
  })
})
