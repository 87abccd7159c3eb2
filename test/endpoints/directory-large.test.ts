import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { Breath } from '../../src/endpoints/directory/breath.ts'
import { LargeWriter } from '../../src/endpoints/directory/large-writer.ts'
import { directoryTarget } from '../../src/endpoints/directory/target.ts'
import type { LargeContent } from '../../src/packages/content.ts'
import { deliveryOf, pack, puts } from './deliveries.ts'
import { makeFolder, never } from './trees.ts'

const MiB = 2 ** 20

/** About the sizes from which contents come in pieces, and are written past the page cache. */
const sizes = [MiB, MiB + 1, 3 * MiB, 16 * MiB - 1, 16 * MiB, 16 * MiB + 4096, 17 * MiB + 5000]
const packedSizes = [MiB + 1, 3 * MiB, 16 * MiB + 1]

test('contents of every size come as they are, whether they pack or not', async (t) => {
  const root = await makeFolder(t)
  const noise = sizes.map((size, i) => [`/noise-${i}`, randomBytes(size)] as const)
  // Packs by a quarter.
  const text = packedSizes.map((size, i) => {
    const bytes = randomBytes(Math.ceil(size * 0.75))
    return [`/text-${i}`, Buffer.from(bytes.toString('base64').slice(0, size))] as const
  })
  const tree = Object.fromEntries([...noise, ...text])
  const pkg = await pack(t, puts(tree))
  const writtenBytes = [...sizes, ...packedSizes].reduce((sum, size) => sum + size, 0)
  assert.ok(statSync(pkg.file).size < writtenBytes - 4 * MiB)
  const { detail } = await directoryTarget(root).apply(deliveryOf(pkg), never)
  assert.deepEqual(detail, { written: sizes.length + packedSizes.length, writtenBytes })
  for (const [path, content] of Object.entries(tree))
    assert.ok(readFileSync(join(root, path)).equals(content), `${path} is another`)
})

test('what the file system does not take past the page cache is written through it', async (t) => {
  const folder = await makeFolder(t)
  const content = randomBytes(16 * MiB + 4097)
  // No disk reads from an odd place in memory.
  const [one, other] = [oddBuffer(), oddBuffer()]
  const given = contentOf(async function* () {
    for (let at = 0; at < content.length; at += MiB) {
      const into = at % (2 * MiB) === 0 ? one : other
      yield into.subarray(0, content.copy(into, 0, at, at + MiB))
    }
  })
  const writer = new LargeWriter(new Breath(never))
  assert.equal(await writer.write(given, content.length, join(folder, 'file')), content.length)
  assert.ok(readFileSync(join(folder, 'file')).equals(content))
})

test('a process with a limit to its addresses writes large contents too', async (t) => {
  const file = join(await makeFolder(t), 'file')
  const modules = [new URL('../../src/endpoints/directory/large-writer.js', import.meta.url).href, file]
  const script = `
    const [, module, file] = process.argv
    const { LargeWriter } = await import(module)
    async function* pieces([into]) {
      for (let i = 0; i < 17; i++) yield into.fill('a')
    }
    await new LargeWriter({ due: false }).write({ pieces }, 17 * ${MiB}, file)`
  const args = [process.execPath, '--input-type=module', '-e', script, ...modules]
  execFileSync('sh', ['-c', 'ulimit -v 12000000 && exec "$@"', 'sh', ...args], { stdio: 'pipe' })
  assert.equal(hash('sha256', readFileSync(file)), hash('sha256', Buffer.alloc(17 * MiB, 'a')))
})

test('content that fails on its way leaves no open file behind', async (t) => {
  const folder = await makeFolder(t)
  const broken = contentOf(async function* ([into]) {
    yield into.fill('a')
    throw new Error('broken')
  })
  const before = readdirSync('/proc/self/fd').length
  await assert.rejects(new LargeWriter(new Breath(never)).write(broken, 32 * MiB, join(folder, 'file')), /broken/)
  assert.equal(readdirSync('/proc/self/fd').length, before)
})

function oddBuffer(): Buffer {
  return Buffer.allocUnsafeSlow(MiB + 1).subarray(1)
}

function contentOf(pieces: LargeContent['pieces']): LargeContent {
  return Object.assign(Readable.from([]), { pieces })
}
