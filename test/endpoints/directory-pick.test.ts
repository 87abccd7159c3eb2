/** Of a folder: what is listed of it as bytes, and single files that are read. */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { buffer } from 'node:stream/consumers'
import type { BlockOptions, Source } from '../../src/endpoints/endpoint.ts'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { statesOf } from '../../src/resources/listing.ts'
import { parsePath, rootPath } from '../../src/resources/path.ts'

const never = new AbortController().signal

function givenFolder(t: TestContext, files: Readonly<Record<string, string>>): { root: string; source: Source } {
  const folder = mkdtempSync(join(tmpdir(), 'pick.'))
  t.after(() => rmSync(folder, { recursive: true }))
  const root = join(folder, 'root')
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return { root, source: directorySource(root, join(folder, 'cache')) }
}

async function listed(source: Source, options?: BlockOptions): Promise<string[]> {
  const paths: string[] = []
  for await (const { bytes } of source.listBlocks?.(rootPath, never, options) ?? [])
    for (const { path } of statesOf(bytes)) paths.push(path)
  return paths
}

async function picked(source: Source, paths: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { path, content } of source.pick?.(paths.map(parsePath), never) ?? []) {
    const bytes = content?.()
    assert.ok(bytes)
    found[path] = (bytes instanceof Uint8Array ? Buffer.from(bytes) : await buffer(bytes)).toString()
  }
  return found
}

test('single files are read in order, small and large; what is not there is left out', async (t) => {
  const large = 'large '.repeat(100_000)
  const { source } = givenFolder(t, { 'a/1': 'one', 'a/2': large, b: 'file' })
  const found = await picked(source, ['/a/0', '/a/1', '/a/2', '/b', '/b/inside', '/c/d'])
  assert.deepEqual(Object.entries(found), [
    ['/a/1', 'one'],
    ['/a/2', large],
    ['/b', 'file'],
  ])
})

test('nothing is read through a link, nor is one read as a file', async (t) => {
  const { root, source } = givenFolder(t, { 'a/1': 'one' })
  symlinkSync(join(root, 'a'), join(root, 'b'))
  symlinkSync(join(root, 'a/1'), join(root, 'c'))
  assert.deepEqual(await picked(source, ['/b/1']), {})
  await assert.rejects(picked(source, ['/c']), { code: 'unavailable' })
})

test('what filters keep out is not listed, nor read', async (t) => {
  const { root, source } = givenFolder(t, { 'a/1': 'one', 'a/2': 'two', 'b/1': 'three' })
  chmodSync(join(root, 'a/1'), 0)
  assert.deepEqual(await listed(source, { filters: [{ exclude: '/a/1' }] }), ['/', '/a', '/a/2', '/b', '/b/1'])
})

test('a listing tells what it passes over, if it is asked to', async (t) => {
  const { root, source } = givenFolder(t, { 'a/1': 'one' })
  symlinkSync(join(root, 'a/1'), join(root, 'a/2'))
  const notes: string[] = []
  await listed(source, { note: (note) => void notes.push(note) })
  assert.equal(notes.length, 1)
  assert.match(notes[0] ?? '', /"\/a\/2" is passed over/)
})

test('one file by itself is read as it is among others; a folder and what is not there are left out', async (t) => {
  const large = 'large '.repeat(100_000)
  const { root, source } = givenFolder(t, { 'a/1': 'one', 'a/2': large, 'a/3': '' })
  for (const [path, text] of Object.entries({ '/a/1': 'one', '/a/2': large, '/a/3': '' }))
    assert.deepEqual(await picked(source, [path]), { [path]: text })
  for (const path of ['/', '/a', '/a/0', '/a/1/inside', '/b/c']) assert.deepEqual(await picked(source, [path]), {})
  rmSync(root, { recursive: true })
  await assert.rejects(picked(source, ['/a/1']), { code: 'missing' })
})
