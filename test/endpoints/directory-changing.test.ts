import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { ReplicationError } from '../../src/errors.ts'
import { parsePath } from '../../src/resources/path.ts'
import { bytesOf, makeFolder, never, readAll } from './trees.ts'

const large = 300_000

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
    assert.deepEqual(await bytesOf(resource), Buffer.alloc(large, 'one'))
  }
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
