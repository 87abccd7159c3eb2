import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { ReplicationError } from '../../src/errors.ts'
import { parsePath } from '../../src/resources/path.ts'
import { bytesOf, makeFolder, never, pathsIn, readAll } from './trees.ts'

const large = 300_000

test('siblings come by the bytes of their names, and what a folder holds right behind it', async (t) => {
  const root = await makeFolder(t)
  for (const folder of ['a', 'a!', 'Z']) mkdirSync(join(root, folder))
  for (const file of ['a/b', 'a!/b', 'Z/b', 'a.b', '\u{1F600}', '\uff5e', 'e\u0301', '\u00e9', 'a\nb'])
    writeFileSync(join(root, file), file)
  assert.deepEqual(await pathsIn(directorySource(root)), [
    '/',
    '/Z',
    '/Z/b',
    '/a',
    '/a/b',
    '/a\nb',
    '/a!',
    '/a!/b',
    '/a.b',
    '/e\u0301',
    '/\u00e9',
    '/\uff5e',
    '/\u{1F600}',
  ])
})

test('folders of more files than one batch come whole and in order', async (t) => {
  const root = await makeFolder(t)
  const names = Array.from({ length: 1500 }, (_, i) => `file-${String(i).padStart(5, '0')}`)
  for (const name of names) writeFileSync(join(root, name), name.repeat(100))
  const held = await readAll(directorySource(root))
  assert.deepEqual(
    held.slice(1),
    names.map((name) => [`/${name}`, Buffer.from(name.repeat(100))]),
  )
  const even = await readAll(directorySource(root), undefined, { includes: (path) => /[02468]$/.test(path) })
  assert.deepEqual(
    even.map(([path]) => path),
    names.filter((_, i) => i % 2 === 0).map((name) => `/${name}`),
  )
})

test('a large file comes as a stream, each time that its content is asked for', async (t) => {
  const root = await makeFolder(t)
  const bytes = Buffer.alloc(large, 'large')
  writeFileSync(join(root, 'large'), bytes)
  for await (const resource of directorySource(root).read(parsePath('/large'), { deep: true, signal: never })) {
    assert.ok(resource.content?.() instanceof Readable)
    assert.deepEqual(await bytesOf(resource), bytes)
    assert.deepEqual(await bytesOf(resource), bytes)
  }
})

test('names that are not UTF-8 end the reading, and the first ten are named', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'deep'))
  writeFileSync(join(root, 'good'), '')
  for (let i = 0; i < 12; i++)
    writeFileSync(Buffer.concat([Buffer.from(`${root}/deep/`), Buffer.from([0x63, 0xe9, 0x41 + i])]), '')
  await assert.rejects(readAll(directorySource(root)), (error) => {
    assert.ok(error instanceof ReplicationError)
    assert.equal(error.code, 'invalid')
    assert.ok(error.message.includes('"/deep/c\\xe9A", "/deep/c\\xe9B"'), error.message)
    assert.ok(error.message.includes('"/deep/c\\xe9J" and 2 more'), error.message)
    return true
  })
})

test('links, fifos and sockets are passed over, with a note each', { timeout: 20_000 }, async (t) => {
  const root = await makeFolder(t)
  const outside = await makeFolder(t)
  writeFileSync(join(outside, 'secret'), 'secret')
  symlinkSync(join(outside, 'secret'), join(root, 'a-link'))
  symlinkSync(outside, join(root, 'b-link'))
  symlinkSync('nowhere', join(root, 'c-link'))
  execFileSync('mkfifo', [join(root, 'fifo')])
  writeFileSync(join(root, 'file'), 'file')
  const notes: string[] = []
  assert.deepEqual(await pathsIn(directorySource(root), undefined, { note: (text) => notes.push(text) }), [
    '/',
    '/file',
  ])
  assert.deepEqual(notes, [
    '"/a-link" is passed over: it is a symbolic link',
    '"/b-link" is passed over: it is a symbolic link',
    '"/c-link" is passed over: it is a symbolic link',
    '"/fifo" is passed over: it is a special file',
  ])
  for (const path of ['/a-link', '/b-link', '/b-link/secret', '/fifo', '/file/below', '/none'].map(parsePath))
    await assert.rejects(readAll(directorySource(root), path), { name: 'ReplicationError', code: 'missing' })
})

test('the root itself may be reached through a link', async (t) => {
  const folder = await makeFolder(t)
  mkdirSync(join(folder, 'release'))
  writeFileSync(join(folder, 'release/file'), 'file')
  writeFileSync(join(folder, 'release/large'), Buffer.alloc(large))
  symlinkSync('release', join(folder, 'current'))
  const held = await readAll(directorySource(join(folder, 'current')))
  assert.deepEqual(
    held.map(([path, content]) => [path, content?.length]),
    [
      ['/', undefined],
      ['/file', 4],
      ['/large', large],
    ],
  )
})

test('a folder that is not there is missing, and a file in its place invalid', async (t) => {
  const folder = await makeFolder(t)
  writeFileSync(join(folder, 'file'), '')
  await assert.rejects(readAll(directorySource(join(folder, 'none'))), { name: 'ReplicationError', code: 'missing' })
  await assert.rejects(readAll(directorySource(join(folder, 'file'))), { name: 'ReplicationError', code: 'invalid' })
  await assert.rejects(readAll(directorySource(join(folder, 'file/x'))), { name: 'ReplicationError', code: 'invalid' })
})

test("the server's own folder is not read, one of that name elsewhere is", async (t) => {
  const root = await makeFolder(t)
  for (const folder of ['.trebuchet', 'a', 'a/.trebuchet']) mkdirSync(join(root, folder))
  assert.deepEqual(await pathsIn(directorySource(root)), ['/', '/a', '/a/.trebuchet'])
  await assert.rejects(readAll(directorySource(root), parsePath('/.trebuchet/x')), { code: 'invalid' })
})

test('what the filter keeps out is never opened', async (t) => {
  const root = await makeFolder(t)
  const [wanted, unwanted] = [join(root, 'wanted'), join(root, 'unwanted')]
  for (const file of [wanted, unwanted]) {
    writeFileSync(file, 'bytes')
    // A file system with relatime notes the next reading of a file that was written after it was read.
    utimesSync(file, 1000, 2000)
  }
  await readAll(directorySource(root), undefined, { includes: (path) => path !== '/unwanted' })
  if (statSync(wanted).atimeMs === 1_000_000) return t.skip('this file system does not note when a file was read')
  assert.equal(statSync(unwanted).atimeMs, 1_000_000)
})

test('below a folder that the filter keeps out, what it lets in is read', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'a/b'), { recursive: true })
  writeFileSync(join(root, 'a/b/c'), '')
  assert.deepEqual(await pathsIn(directorySource(root), undefined, { includes: (path) => path.endsWith('c') }), [
    '/a/b/c',
  ])
})

test('without deep, the named resource comes alone', async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'a/b'), { recursive: true })
  assert.deepEqual(await pathsIn(directorySource(root), parsePath('/a'), { deep: false }), ['/a'])
})

test('reading stops when its signal aborts, and throws its reason', async (t) => {
  const root = await makeFolder(t)
  for (let i = 0; i < 1000; i++) writeFileSync(join(root, `file-${i}`), '')
  const abort = new AbortController()
  const reason = new Error('enough')
  let read = 0
  await assert.rejects(async () => {
    for await (const _ of directorySource(root).read(parsePath('/'), { deep: true, signal: abort.signal }))
      if (++read === 10) abort.abort(reason)
  }, reason)
  assert.equal(read, 10)
})

test('whatever was opened is closed when reading is left early', { skip: process.platform !== 'linux' }, async (t) => {
  const root = await makeFolder(t)
  mkdirSync(join(root, 'a/b/c'), { recursive: true })
  for (let i = 0; i < 1000; i++)
    writeFileSync(join(root, 'a/b/c', `file-${i}`), Buffer.alloc(i % 100 === 0 ? large : 10))
  const leave = async (includes?: () => boolean): Promise<void> => {
    for await (const resource of directorySource(root).read(parsePath('/'), {
      ...{ deep: true, signal: never },
      ...(includes && { includes }),
    }))
      if (resource.path.includes('file')) {
        const content = resource.content?.()
        if (content instanceof Readable) for await (const _ of content) break
        break
      }
  }
  const open = (): number => readdirSync('/proc/self/fd').length
  await leave()
  const before = open()
  for (let i = 0; i < 5; i++) await leave(i % 2 === 0 ? undefined : () => true)
  // A stream that is left closes its file when the reading under way is through.
  for (const from = performance.now(); open() > before && performance.now() - from < 10_000;) await setTimeout(5)
  assert.ok(open() <= before, `${open() - before} more are open`)
})
