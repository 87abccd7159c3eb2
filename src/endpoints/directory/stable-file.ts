/**
 * Reads files whole or not at all: what changes while it is read is `unavailable`, never torn.
 *
 * Looking at a file before and after tells, by its change time, whether it was written between, except within one tick
 * of the clock that stamps it. A file that changed so lately is waited for, until a further write shows. What this does
 * not see: a file that rests half-written for longer than that, or is written through a memory map; whoever writes so
 * should write beside it and rename.
 */
import { createHash, hash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'
import type { ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { changed, readFault } from './faults.ts'
import { asFile, openBelow, type FolderIdentity } from './held-folders.ts'

/** Twice the longest tick (CONFIG_HZ=100) of a kernel. */
const tickMs = 20

const chunkBytes = 256 * 1024

/**
 * Puts the file's bytes into `into` from `at` on, and answers how many they are; undefined when there are more than
 * `limit`, and then nothing was read. `place` reaches the file, `path` names it in errors; `look` is shown what was read.
 */
export function readWhole(
  place: string,
  path: ResourcePath,
  into: Uint8Array,
  at: number,
  limit: number,
  look?: (stats: Stats) => void,
): number | undefined {
  return withFile(place, path, (fd, before) => {
    if (before.size > limit) return undefined
    let read = 0
    while (read < before.size) {
      const got = readSync(fd, into, at + read, before.size - read, null)
      if (got === 0) break
      read += got
    }
    if (read !== before.size || differs(before, fstatSync(fd))) throw changed(path)
    look?.(before)
    return read
  })
}

/** The file's digest and what it was then. `scratch` is what it is read through; what fits in it is hashed in one go. */
export async function stateOf(
  place: string,
  path: ResourcePath,
  scratch: Uint8Array,
  breath: Breath,
): Promise<{ digest: string; stats: Stats }> {
  let stats: Stats | undefined
  const size = readWhole(place, path, scratch, 0, scratch.length, (seen) => void (stats = seen))
  if (size !== undefined && stats !== undefined) return { digest: hash('sha256', scratch.subarray(0, size)), stats }
  const hashing = createHash('sha256')
  let fd: number | undefined
  try {
    fd = openSync(place, asFile)
    const before = settled(fd, path)
    let read = 0
    for (let got = readSync(fd, scratch); got > 0; got = readSync(fd, scratch)) {
      read += got
      hashing.update(scratch.subarray(0, got))
      if (breath.due) await breath.take()
    }
    if (read !== before.size || differs(before, fstatSync(fd))) throw changed(path)
    return { digest: hashing.digest('hex'), stats: before }
  } catch (error) {
    throw readFault(error, path)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/**
 * The file's bytes, whole; of more than `limit` none are read. Throws the errors of node:fs where there is nothing. For the event loop.
 */
export async function smallContent(
  root: string,
  identity: FolderIdentity,
  path: ResourcePath,
  limit: number,
): Promise<Buffer | 'large' | 'folder'> {
  const file = await openBelow(root, identity, path)
  try {
    const before = await settledLater(file)
    if (before.isDirectory()) return 'folder'
    if (!before.isFile()) throw changed(path)
    if (before.size > limit) return 'large'
    // With room for one more, which would show that it has grown.
    const bytes = Buffer.allocUnsafeSlow(before.size + 1)
    let read = 0
    for (;;) {
      const { bytesRead } = await file.read(bytes, read, bytes.length - read, null)
      if (bytesRead === 0) break
      read += bytesRead
      if (read > before.size) break
    }
    if (read !== before.size || differs(before, await file.stat())) throw changed(path)
    return bytes.subarray(0, read)
  } finally {
    await file.close()
  }
}

/** The file's bytes as a stream that opens it when it is first read. For the event loop. */
export function streamOf(root: string, identity: FolderIdentity, path: ResourcePath, signal: AbortSignal): Readable {
  return Readable.from(chunks(root, identity, path, signal), { objectMode: false, highWaterMark: chunkBytes })
}

async function* chunks(
  root: string,
  identity: FolderIdentity,
  path: ResourcePath,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void, void> {
  let file: FileHandle | undefined
  try {
    file = await openBelow(root, identity, path)
    const before = await settledLater(file)
    if (!before.isFile()) throw changed(path)
    let read = 0
    for (;;) {
      signal.throwIfAborted()
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(chunkBytes), 0, chunkBytes, null)
      if (bytesRead === 0) break
      read += bytesRead
      // The last chunk leaves only after the look at the file, or a reader that counts would take a torn file for whole.
      if (read >= before.size && (read > before.size || differs(before, await file.stat()))) throw changed(path)
      yield buffer.subarray(0, bytesRead)
    }
    if (read !== before.size) throw changed(path)
  } catch (error) {
    throw signal.aborted ? error : readFault(error, path)
  } finally {
    await file?.close()
  }
}

function withFile<T>(place: string, path: ResourcePath, use: (fd: number, before: Stats) => T): T {
  let fd: number | undefined
  try {
    fd = openSync(place, asFile)
    return use(fd, settled(fd, path))
  } catch (error) {
    throw readFault(error, path)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

/** What the open file is, once it has not changed for as long as the clock cannot tell. */
export function settled(fd: number, path: ResourcePath): Stats {
  let stats = fstatSync(fd)
  if (isHot(stats)) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, tickMs)
    stats = fstatSync(fd)
  }
  if (!stats.isFile()) throw changed(path)
  return stats
}

/** The same for the event loop; it need not be a file. */
async function settledLater(file: FileHandle): Promise<Stats> {
  const stats = await file.stat()
  if (!isHot(stats)) return stats
  await setTimeout(tickMs)
  return file.stat()
}

/** A time that lies ahead is another machine's, or the clock was set back: waiting would not help. */
function isHot(stats: Stats): boolean {
  const ageMs = Date.now() - stats.ctimeMs
  return ageMs < tickMs && ageMs > -1000
}

export function differs(a: Stats, b: Stats): boolean {
  return a.size !== b.size || a.mtimeMs !== b.mtimeMs || a.ctimeMs !== b.ctimeMs || a.ino !== b.ino
}
