import { createHash, hash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { crc32, createInflateRaw, inflateRawSync, type InflateRaw } from 'node:zlib'
import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import { readFrom, type RandomAccess } from './random-access.ts'
import type { ZipEntry } from './zip-directory.ts'
import { stored } from './zip-format.ts'

const chunkBytes = 256 * 1024
/** Of zlib. */
const minChunkBytes = 64
/** In a thread reading never waits, and other work would never have its turn. */
const breathBytes = 16 * 1024 * 1024

/** What the manifest says of a file. */
interface Expected {
  readonly digest: string
  readonly size: number
}

/** Small content, unpacked and checked; a copy. Throws `corrupt`. */
export function unpack(entry: ZipEntry, packed: Buffer, expected: Expected): Buffer {
  const content = entry.method === stored ? Buffer.from(packed) : inflate(entry, packed)
  if (content.length !== expected.size) throw corrupt(entry, `it has ${content.length} bytes, not ${expected.size}`)
  if (hash('sha256', content) !== expected.digest) throw wrongDigest(entry)
  if (crc32(content) !== entry.crc) throw wrongChecksum(entry)
  return content
}

/** Content that is held in memory, unpacked beside the event loop, and checked. Throws `corrupt`. */
export async function unpackAside(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  digest: string,
): Promise<Buffer> {
  // In one chunk, so that nothing need be put together.
  const chunks: Buffer[] = []
  const bytes = Math.max(entry.size + 1, entry.packed)
  for await (const chunk of checkedChunks(access, entry, data, digest, { bytes, reuse: false })) chunks.push(chunk)
  const [first] = chunks
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
}

/** A stream of content that fails with `corrupt` when it is not what the manifest says. */
export type LargeContent = Readable & {
  /**
   * The same for whoever reads it in a thread, instead of reading the stream: into two buffers of his in turn, so that one can be written
   * while the other is filled. Each piece begins where its buffer does, and all but the last fill it.
   */
  readonly pieces: (into: readonly [Buffer, Buffer]) => AsyncGenerator<Buffer, void, void>
}

export function contentStream(access: RandomAccess, entry: ZipEntry, data: number, expected: Expected): LargeContent {
  const chunks = (): AsyncGenerator<Buffer, void, void> => checkedChunks(access, entry, data, expected.digest)
  const pieces = (into: readonly [Buffer, Buffer]): AsyncGenerator<Buffer, void, void> =>
    entry.method === stored ? storedPieces(access, entry, data, expected, into) : gathered(chunks(), into)
  return Object.assign(Readable.from(chunks(), { objectMode: false, highWaterMark: chunkBytes }), { pieces })
}

/** Its checksum is not looked at, for its digest says more. */
async function* storedPieces(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  expected: Expected,
  [first, second]: readonly [Buffer, Buffer],
): AsyncGenerator<Buffer, void, void> {
  const digest = createHash('sha256')
  let [into, other] = [first, second]
  for (let at = 0; at < entry.size;) {
    const piece = into.subarray(0, entry.size - at)
    for (let used = 0; used < piece.length;) {
      const read = await readFrom(access, piece.subarray(used), data + at)
      if (read === 0) throw new ReplicationError('corrupt', 'package: it became shorter while it was read')
      used += read
      at += read
    }
    digest.update(piece)
    yield piece
    ;[into, other] = [other, into]
  }
  if (digest.digest('hex') !== expected.digest) throw wrongDigest(entry)
}

async function* gathered(
  chunks: AsyncIterable<Buffer>,
  [first, second]: readonly [Buffer, Buffer],
): AsyncGenerator<Buffer, void, void> {
  let [into, other] = [first, second]
  let used = 0
  for await (const chunk of chunks)
    for (let rest = chunk; rest.length > 0;) {
      const part = rest.subarray(0, into.length - used)
      into.set(part, used)
      used += part.length
      rest = rest.subarray(part.length)
      if (used < into.length) continue
      yield into
      ;[into, other] = [other, into]
      used = 0
    }
  if (used > 0) yield into.subarray(0, used)
}

/** Reads large content only to check it. Throws `corrupt`. */
export async function checkContent(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  expected: Expected,
  signal: AbortSignal | undefined,
): Promise<void> {
  let since = 0
  for await (const { length } of checkedChunks(access, entry, data, expected.digest, { reuse: true })) {
    since += length
    if (since < breathBytes) continue
    since = 0
    await setImmediate()
    signal?.throwIfAborted()
  }
}

async function* checkedChunks(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  digest: string,
  chunks?: Chunks,
): AsyncGenerator<Buffer, void, void> {
  const sum = createHash('sha256')
  for await (const chunk of unpacked(access, entry, data, chunks)) {
    sum.update(chunk)
    yield chunk
  }
  if (sum.digest('hex') !== digest) throw wrongDigest(entry)
}

interface Chunks {
  /** The most that one has, of what is read and of what is unpacked. */
  readonly bytes?: number
  /** One is valid only until the next is asked for, where that saves memory. */
  readonly reuse: boolean
}

/** The content of an entry, exactly as the central directory says. Throws `corrupt`. */
export async function* unpacked(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  { bytes = chunkBytes, reuse }: Chunks = { reuse: false },
): AsyncGenerator<Buffer, void, void> {
  let size = 0
  let crc = 0
  for await (const chunk of entry.method === stored
    ? range(access, data, entry.packed, { bytes, reuse })
    : inflated(access, entry, data, bytes)) {
    size += chunk.length
    if (size > entry.size) throw corrupt(entry, `it has more than the ${entry.size} bytes that it says`)
    crc = crc32(chunk, crc)
    yield chunk
  }
  if (size < entry.size) throw corrupt(entry, `it has ${size} bytes, not ${entry.size}`)
  if (crc !== entry.crc) throw wrongChecksum(entry)
}

async function* inflated(
  access: RandomAccess,
  entry: ZipEntry,
  data: number,
  bytes: number,
): AsyncGenerator<Buffer, void, void> {
  // A manifest is mostly small, and a byte more tells without another buffer that nothing follows.
  const unpacking = createInflateRaw({ chunkSize: Math.min(bytes, Math.max(minChunkBytes, entry.size + 1)) })
  const fed = pipeline(range(access, data, entry.packed, { bytes, reuse: false }), unpacking)
  // Its failure is also that of the stream, which is where it is looked at.
  fed.catch(() => {})
  try {
    for await (const chunk of unpacking) yield chunk as Buffer
    if (unpacking.bytesWritten !== entry.packed) throw corrupt(entry, 'there is something behind its content')
  } catch (cause) {
    throw cause instanceof ReplicationError ? cause : corrupt(entry, 'it cannot be unpacked', cause)
  } finally {
    unpacking.destroy()
  }
}

async function* range(
  access: RandomAccess,
  start: number,
  length: number,
  { bytes, reuse }: Required<Chunks>,
): AsyncGenerator<Buffer, void, void> {
  let chunk: Buffer | undefined
  for (let at = 0; at < length;) {
    if (!reuse || chunk === undefined) chunk = Buffer.allocUnsafeSlow(Math.min(bytes, length - at))
    const read = await readFrom(access, chunk.subarray(0, length - at), start + at)
    if (read === 0) throw new ReplicationError('corrupt', 'package: it became shorter while it was read')
    at += read
    yield chunk.subarray(0, read)
  }
}

function inflate(entry: ZipEntry, packed: Buffer): Buffer {
  let result: { readonly buffer: Buffer; readonly engine: InflateRaw }
  try {
    // One byte more than it should have: zlib then sees that it is at the end, and we that it is too long.
    const options = { maxOutputLength: entry.size + 1, chunkSize: Math.max(64, entry.size + 1), info: true }
    result = inflateRawSync(packed, options) as unknown as typeof result
  } catch (cause) {
    throw corrupt(entry, 'it cannot be unpacked to its size', cause)
  }
  if (result.engine.bytesWritten !== packed.length) throw corrupt(entry, 'there is something behind its content')
  return result.buffer
}

function wrongDigest(entry: ZipEntry): ReplicationError {
  return corrupt(entry, 'its content is not that of its digest')
}

function wrongChecksum(entry: ZipEntry): ReplicationError {
  return corrupt(entry, 'its checksum is wrong')
}

function corrupt(entry: ZipEntry, what: string, cause?: unknown): ReplicationError {
  const message = `package entry ${quote(entry.name.toString())}: ${what}; export it again`
  return new ReplicationError('corrupt', message, cause === undefined ? {} : { cause })
}
