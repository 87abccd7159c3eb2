import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PackageId } from '../../src/packages/manifest.ts'
import { listingOf } from '../../src/packages/placed-lines.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { changesOf, headerOf, never, origin, temporaryFolder } from './trees.ts'

test('what packages list is summed up once, and again only where that failed', async () => {
  const store = await PackageStore.open(await temporaryFolder())
  const write = async (name: string): Promise<PackageId> =>
    (await store.write(headerOf('/'), changesOf({ [`/${name}`]: name }), origin, never)).id
  const [a, b] = [await write('a'), await write('b')]
  const files = await Promise.all([a, b].map((id) => store.file(id)))
  const listing = await listingOf(files)
  assert.equal(await store.listings.of([a, b]), listing)
  assert.equal(await store.listings.of([a]), (await store.describe(a)).listing)
  await store.remove(b)
  assert.equal(await store.listings.of([a, b]), listing)
  await assert.rejects(store.listings.of([b]), { code: 'missing' })
  assert.equal(await write('b'), b)
  assert.equal(await store.listings.of([b]), (await store.describe(b)).listing)
})
