import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openEmbedded } from '../../src/state/embedded.ts'
import { proveShared } from '../../src/state/shared-folder.ts'
import type { Store } from '../../src/state/store.ts'

/** A Store, which those who call it share, and a folder for the test. The Store's kind does not matter here. */
async function given(t: TestContext): Promise<{ store: Store; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'shared-folder-'))
  const store = await openEmbedded(join(folder, 'state'))
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return { store, folder }
}

test('the first server makes the folder and marks it, and all others find the mark', async (t) => {
  const { store, folder } = await given(t)
  const packages = join(folder, 'deep', 'packages')
  await proveShared(store, packages)
  assert.deepEqual(await readdir(packages), ['folder-id'])
  const id = await readFile(join(packages, 'folder-id'), 'utf8')
  for (let i = 0; i < 3; i++) await proveShared(store, packages)
  assert.equal(await readFile(join(packages, 'folder-id'), 'utf8'), id)
})

test('many servers that are first at the same time agree', async (t) => {
  const { store, folder } = await given(t)
  const packages = join(folder, 'packages')
  await Promise.all(Array.from({ length: 40 }, () => proveShared(store, packages)))
  assert.deepEqual(await readdir(packages), ['folder-id'])
  const known = await store.get<string>('packages-folder')
  assert.equal(`${known?.value}\n`, await readFile(join(packages, 'folder-id'), 'utf8'))
})

test('of servers that are first with folders of their own at the same time, those of one folder start', async (t) => {
  const { store, folder } = await given(t)
  const folders = Array.from({ length: 20 }, (_, i) => join(folder, `packages${i % 2}`))
  const outcomes = await Promise.allSettled(folders.map((packages) => proveShared(store, packages)))
  const known = await store.get<string>('packages-folder')
  for (const [i, outcome] of outcomes.entries()) {
    const own = (await readFile(join(folders[i] ?? '', 'folder-id'), 'utf8')).trim()
    assert.equal(outcome.status, own === known?.value ? 'fulfilled' : 'rejected')
  }
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 10)
})

test('another folder is refused, with what may be the matter', async (t) => {
  const { store, folder } = await given(t)
  await proveShared(store, join(folder, 'packages'))
  const empty = join(folder, 'empty')
  await assert.rejects(proveShared(store, empty), {
    code: 'conflict',
    message:
      `PACKAGES_DIR (${empty}) is not the folder that the other servers of this Redis use: ` +
      'it has no folder-id; is it mounted?',
  })
  assert.deepEqual(await readdir(empty), [])
  const elsewhere = join(folder, 'elsewhere')
  await mkdir(elsewhere)
  await writeFile(join(elsewhere, 'folder-id'), '7c9e6679-7425-40de-944b-e07fc1f90ae7\n')
  await assert.rejects(proveShared(store, elsewhere), { code: 'conflict', message: /its folder-id is another one’s$/ })
  await proveShared(store, join(folder, 'packages'))
})

test('a folder whose mark or name cannot be read is refused, and never marked anew', async (t) => {
  const { store, folder } = await given(t)
  const packages = join(folder, 'packages')
  const markerIs = async (make: (path: string) => Promise<unknown>, message: RegExp): Promise<void> => {
    await mkdir(packages)
    await make(join(packages, 'folder-id'))
    await assert.rejects(proveShared(store, packages), { code: 'invalid', message })
    assert.deepEqual(await readdir(packages), ['folder-id'])
    assert.equal(await store.get('packages-folder'), undefined)
    await rm(packages, { recursive: true })
  }
  await markerIs((path) => mkdir(path), /PACKAGES_DIR cannot be used: EISDIR/)
  await markerIs((path) => writeFile(path, ''), /folder-id is damaged/)
  await markerIs((path) => writeFile(path, '7c9e6679-7425'), /folder-id is damaged/)
  await markerIs((path) => writeFile(path, Buffer.alloc(37)), /folder-id is damaged/)
  await writeFile(packages, 'a file')
  await assert.rejects(proveShared(store, packages), {
    code: 'invalid',
    message: /PACKAGES_DIR cannot be made: EEXIST/,
  })
})

test('a server that ended between its mark and the Store leaves what the next one takes', async (t) => {
  const { store, folder } = await given(t)
  const packages = join(folder, 'packages')
  await mkdir(packages)
  await writeFile(join(packages, 'folder-id'), '7c9e6679-7425-40de-944b-e07fc1f90ae7\n')
  await proveShared(store, packages)
  assert.equal((await store.get('packages-folder'))?.value, '7c9e6679-7425-40de-944b-e07fc1f90ae7')
})

test('without the Store nothing is known of a folder', async (t) => {
  const { store, folder } = await given(t)
  await store.close()
  await assert.rejects(proveShared(store, join(folder, 'packages')), { code: 'unavailable' })
  assert.deepEqual(await readdir(join(folder, 'packages')), [])
})
