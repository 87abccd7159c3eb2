/** Everything that can fail is made to fail, the first time, the second, and so on until a run succeeds. */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ReplicationError } from '../../src/errors.ts'
import { defaultLimits } from '../../src/packages/limits.ts'
import type { Output } from '../../src/packages/output.ts'
import { piecesOf } from '../../src/packages/pieces.ts'
import type { RandomAccess } from '../../src/packages/random-access.ts'
import { readPackage } from '../../src/packages/read.ts'
import { storageError } from '../../src/packages/storage-error.ts'
import { build } from '../../src/packages/write-thread.ts'
import { bytesAccess } from '../../src/packages/random-access.ts'
import { drain } from './drain.ts'
import { changesOf, headerOf, never, noise, origin, packed, temporaryFolder, type Tree } from './trees.ts'

const folder = await temporaryFolder()

const small: Tree = {
  '/a': null,
  '/a/1': 'one',
  '/a/2': Buffer.from(Array.from({ length: 400_000 }, (_, i) => `${(i * 7919) % 10_007}`).join(',')),
  '/b': 'two',
}

test('a read that fails, whichever it is, fails the reading as unavailable, and closes the file', async () => {
  const file = join(folder, 'read.zip')
  await packed(file, small)
  const bytes = await readFile(file)
  const expected = ['folder /a', 'put /a/1 3', `put /a/2 ${(small['/a/2'] as Buffer).length}`, 'put /b 3']
  let failures = 0
  for (let n = 0; ; n++) {
    const access = failing(bytes, n)
    let pkg
    try {
      pkg = await readPackage(access)
      assert.deepEqual(await drain(pkg), expected)
      break
    } catch (error) {
      assert.ok(error instanceof ReplicationError && error.code === 'unavailable', `read ${n}: ${String(error)}`)
      assert.deepEqual(error.cause, new Error(`read ${n} failed`))
      failures++
    } finally {
      await pkg?.close()
      assert.equal(access.closed, 1, `read ${n}`)
    }
  }
  assert.ok(failures > 10, `only ${failures} reads`)
})

test('a file that ends sooner than it said is corrupt, wherever that is noticed', async () => {
  const file = join(folder, 'short.zip')
  await packed(file, small)
  const bytes = await readFile(file)
  for (let n = 0; ; n++) {
    const access = failing(bytes, Number.POSITIVE_INFINITY)
    let reads = 0
    const { read } = access
    const shorter = { ...access, read: async (into: Uint8Array, at: number) => (reads++ >= n ? 0 : read(into, at)) }
    try {
      const pkg = await readPackage(shorter)
      await drain(pkg)
      assert.ok(reads <= n)
      return
    } catch (error) {
      assert.ok(error instanceof ReplicationError && error.code === 'corrupt', `read ${n}: ${String(error)}`)
    }
  }
})

test('a write that fails, whichever it is, fails the writing with what the disk said', async () => {
  const whole: Buffer[] = []
  let failures = 0
  for (let n = 0; ; n++) {
    const output = full(n)
    const order = { header: headerOf('/'), origin, limits: defaultLimits, file: join(folder, 'write') }
    const tree = { ...small, '/c': noise(2_500_000) }
    try {
      const summary = await build(order, output, piecesOf(changesOf(tree), never))
      const pkg = await readPackage(bytesAccess(output.bytes.subarray(0, summary.zipBytes)))
      assert.equal(pkg.id, summary.id)
      await drain(pkg)
      whole.push(output.bytes)
      break
    } catch (error) {
      const translated = storageError(error, 'writing a package')
      assert.ok(translated instanceof ReplicationError && translated.code === 'unavailable', String(error))
      assert.match(translated.message, /^writing a package failed: the disk is full; free some space$/)
      assert.equal(translated.transient, true)
      failures++
    }
  }
  assert.ok(failures > 3, `only ${failures} writes`)
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.startsWith('write')),
    [],
  )
})

function failing(bytes: Buffer, nth: number): RandomAccess & { closed: number } {
  const { size, read } = bytesAccess(bytes)
  let reads = 0
  return {
    size,
    closed: 0,
    // Short reads, as a file may give them.
    read: async (into, position) => {
      if (reads++ === nth) throw new Error(`read ${nth} failed`)
      return read(into.subarray(0, 70_000), position)
    },
    async close() {
      this.closed++
    },
  }
}

function full(nth: number): Output & { bytes: Buffer } {
  let writes = 0
  return {
    bytes: Buffer.alloc(4_000_000),
    write(bytes, position) {
      if (writes++ === nth) throw noSpace('write')
      this.bytes.set(bytes, position)
    },
    sync() {
      if (writes++ === nth) throw noSpace('fsync')
    },
    close: () => {},
  }
}

function noSpace(syscall: string): Error {
  return Object.assign(new Error(`ENOSPC: no space left on device, ${syscall}`), {
    code: 'ENOSPC',
    errno: -28,
    syscall,
  })
}

test('what has been written is let go, however much it is', async () => {
  const content = noise(1_000_000)
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`/${i}`, content]))
  const before = process.memoryUsage().arrayBuffers
  let most = 0
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as () => void
  let writes = 0
  const output: Output = {
    write: () => {
      if (writes++ % 50 !== 0) return
      gc()
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
    },
    sync: () => {},
    close: () => {},
  }
  const order = { header: headerOf('/'), origin, limits: defaultLimits, file: join(folder, 'much') }
  const { zipBytes } = await build(order, output, piecesOf(turns(changesOf(many)), never))
  assert.ok(zipBytes > 400_000_000)
  assert.ok(most < 100_000_000, `${most} bytes at once`)
})

/** Whoever sends pieces from another thread lets others have their turn. */
async function* turns<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  for await (const item of items) {
    await setImmediate()
    yield item
  }
}
