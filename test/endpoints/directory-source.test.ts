import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
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

test('a root that leads elsewhere meanwhile is never mixed with what it was', async (t) => {
  const folder = await makeFolder(t)
  for (const release of ['one', 'two']) {
    mkdirSync(join(folder, release))
    writeFileSync(join(folder, release, 'large'), Buffer.alloc(large, release))
  }
  symlinkSync('one', join(folder, 'current'))
  for await (const resource of directorySource(join(folder, 'current')).read(parsePath('/'), {
    deep: true,
    signal: never,
  })) {
    if (resource.content === undefined) continue
    rmSync(join(folder, 'current'))
    symlinkSync('two', join(folder, 'current'))
    await assert.rejects(bytesOf(resource), { name: 'ReplicationError', code: 'unavailable', transient: true })
  }
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

for (const [how, change] of [
  ['written', (file: string) => writeFileSync(file, Buffer.alloc(large, 'b'))],
  ['appended to', (file: string) => writeFileSync(file, 'more', { flag: 'a' })],
  ['cut short', (file: string) => truncateSync(file, 200_000)],
  ['removed', (file: string) => rmSync(file)],
  ['replaced', (file: string) => renameSync(`${file}.next`, file)],
] as const)
  test(`a large file that is ${how} while it is read fails for a passing reason, and never looks whole`, async (t) => {
    const root = await makeFolder(t)
    mkdirSync(join(root, 'folder'))
    const file = join(root, 'folder/file')
    writeFileSync(file, Buffer.alloc(large * 4, 'a'))
    writeFileSync(`${file}.next`, Buffer.alloc(large * 4, 'b'))
    for await (const resource of directorySource(root).read(parsePath('/folder/file'), {
      deep: false,
      signal: never,
    })) {
      let got = 0
      await assert.rejects(
        async () => {
          for await (const chunk of (resource.content as () => Readable)()) {
            if (got === 0) change(file)
            got += (chunk as Buffer).length
          }
        },
        { name: 'ReplicationError', code: 'unavailable', transient: true, message: /^"\/folder\/file" changed while/ },
      )
      assert.ok(got > 0 && got < large * 4, `${got} bytes came`)
    }
  })

test('a small file that is written again and again is read as it was at one moment, or not at all', async (t) => {
  const root = await makeFolder(t)
  const file = join(root, 'file')
  writeFileSync(file, Buffer.alloc(60_000))
  // Each round is written from the beginning on, so at any moment the file is of one round up to somewhere, and of the
  // one before from there on. (The writer itself may be held up in the middle for as long as the machine likes.)
  const writer = new Worker(
    `const { openSync, writeSync } = require('node:fs')
     const { workerData } = require('node:worker_threads')
     const fd = openSync(workerData, 'r+')
     const wait = new Int32Array(new SharedArrayBuffer(4))
     for (let round = 1; ; round++) {
       const bytes = Buffer.from(new Uint32Array(15_000).fill(round).buffer)
       for (let at = 0; at < bytes.length; at += 10_000) writeSync(fd, bytes, at, 10_000, at)
       if (round % 400 === 0) Atomics.wait(wait, 0, 0, 80)
     }`,
    { eval: true, workerData: file },
  )
  try {
    let [read, refused] = [0, 0]
    while (read < 2 || refused < 2) {
      const held = await readAll(directorySource(root), parsePath('/file')).catch((error: unknown) => {
        assert.ok(error instanceof ReplicationError && error.code === 'unavailable', String(error))
        return undefined
      })
      if (held === undefined) refused++
      else {
        read++
        const bytes = new Uint8Array(held[0]?.[1] ?? [])
        const rounds = new Uint32Array(bytes.buffer)
        assert.equal(rounds.length, 15_000)
        const [first = 0, last = 0] = [rounds[0], rounds.at(-1)]
        assert.ok(first - last <= 1, `it came torn: it has rounds ${first} and ${last}`)
        assert.ok(
          rounds.every((round, i) => i === 0 || round <= (rounds[i - 1] ?? 0)),
          'it came torn',
        )
      }
    }
  } finally {
    await writer.terminate()
  }
})

test('a folder swapped for a link while it is read never shows what is outside', { timeout: 60_000 }, async (t) => {
  const folder = await makeFolder(t)
  const [root, outside] = [join(folder, 'root'), join(folder, 'outside')]
  for (const [parent, text] of [
    [join(root, 'a'), 'inside'],
    [outside, 'outside'],
  ] as const) {
    mkdirSync(join(parent, 'b'), { recursive: true })
    for (let i = 0; i < 20; i++) writeFileSync(join(parent, 'b', `small-${i}`), text)
    writeFileSync(join(parent, 'b/large'), text.repeat(20_000))
  }
  const swapper = new Worker(
    `const { renameSync, symlinkSync, unlinkSync } = require('node:fs')
     const { root, outside } = require('node:worker_threads').workerData
     const wait = new Int32Array(new SharedArrayBuffer(4))
     for (;;) {
       renameSync(root + '/a', root + '/was')
       symlinkSync(outside, root + '/a')
       unlinkSync(root + '/a')
       renameSync(root + '/was', root + '/a')
       Atomics.wait(wait, 0, 0, 1)
     }`,
    { eval: true, workerData: { root, outside } },
  )
  try {
    let [whole, refused] = [0, 0]
    for (let i = 0; i < 2000 && (whole < 10 || refused < 10); i++) {
      await readAll(directorySource(root), parsePath('/a')).then(
        (held) => {
          whole++
          for (const [, content] of held) assert.ok(content?.includes('outside') !== true, 'what is outside was read')
        },
        (error: unknown) => {
          refused++
          assert.ok(error instanceof ReplicationError, String(error))
          assert.ok(['unavailable', 'missing'].includes(error.code), error.message)
        },
      )
    }
    t.diagnostic(`${whole} readings were whole, ${refused} were refused`)
    assert.ok(whole > 0 && refused > 0)
  } finally {
    await swapper.terminate()
  }
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
