import { open, type FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { readFrame } from './frame.ts'
import type { PackageLimits } from './limits.ts'
import type { PackageOrigin } from './manifest.ts'
import { metaNames, originJson } from './meta-files.ts'
import { fileAccess, readFrom, Window, type RandomAccess } from './random-access.ts'
import { max16, max32, signatures, utf8Flag, zip64Field } from './zip-format.ts'

const chunkBytes = 1024 * 1024
const centralSignature = 0x02014b50
/** Unix, 6.3, as yazl says. */
const madeBy = (3 << 8) | 63
const dosDate = 0x21

/**
 * Writes the package in `from` to the new file `to` with another origin, which then is the last entry of the file; all other bytes
 * are the same, and so are the manifest and the id. Answers once it is on the disk. Throws what `openPackage` does.
 */
export async function rewriteOrigin(
  from: string,
  to: string,
  origin: PackageOrigin,
  limits: PackageLimits,
): Promise<void> {
  const access = await fileAccess(from)
  try {
    const { end, extents, origin: before } = await readFrame(access, limits)
    // In the directory it is the second, where there is one.
    const was = before === undefined ? undefined : extents[1]
    const output = new Appender(await open(to, 'wx', 0o600))
    try {
      await copy(access, output, 0, was?.start ?? end.start)
      if (was !== undefined) await copy(access, output, was.end, end.start)
      const content = Buffer.from(originJson(origin))
      const offset = output.size
      await output.add(localHeader(content))
      await output.add(content)
      const start = output.size
      const gone = { from: was?.start ?? end.start, bytes: was === undefined ? 0 : was.end - was.start }
      const window = new Window(access, 64 * 1024)
      for (let at = end.start, i = 0; at < end.end; i++) {
        const fixed = await window.load(at, 46)
        const length = 46 + fixed.readUInt16LE(28) + fixed.readUInt16LE(30) + fixed.readUInt16LE(32)
        const record = Buffer.from(await window.load(at, length))
        if (i !== 1 || was === undefined) await output.add(moved(record, gone))
        if (i === 0) await output.add(centralRecord(content, offset))
        at += length
      }
      await output.add(endOf(end.count + (was === undefined ? 1 : 0), start, output.size))
      await output.end()
    } finally {
      await output.close()
    }
  } finally {
    await access.close()
  }
}

class Appender {
  readonly #handle: FileHandle
  #waiting: Buffer[] = []
  #waitingBytes = 0
  size = 0

  constructor(handle: FileHandle) {
    this.#handle = handle
  }

  async add(bytes: Buffer): Promise<void> {
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    this.size += bytes.length
    if (this.#waitingBytes >= chunkBytes) await this.#flush()
  }

  async end(): Promise<void> {
    await this.#flush()
    await this.#handle.sync()
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  async #flush(): Promise<void> {
    await this.#handle.appendFile(Buffer.concat(this.#waiting))
    this.#waiting = []
    this.#waitingBytes = 0
  }
}

async function copy(access: RandomAccess, output: Appender, start: number, end: number): Promise<void> {
  for (let at = start; at < end;) {
    const chunk = Buffer.allocUnsafe(Math.min(chunkBytes, end - at))
    const read = await readFrom(access, chunk, at)
    if (read === 0) throw new Error('a package became shorter while it was copied')
    await output.add(chunk.subarray(0, read))
    at += read
  }
}

/** The record of an entry that is now so many bytes further ahead, if it was behind what is gone. */
function moved(record: Buffer, gone: { readonly from: number; readonly bytes: number }): Buffer {
  const short = record.readUInt32LE(42)
  if (short !== max32) {
    if (short > gone.from) record.writeUInt32LE(short - gone.bytes, 42)
    return record
  }
  const name = record.readUInt16LE(28)
  for (let at = 46 + name; at + 4 <= record.length; at += 4 + record.readUInt16LE(at + 2)) {
    if (record.readUInt16LE(at) !== zip64Field) continue
    const before = [24, 20].filter((field) => record.readUInt32LE(field) === max32).length
    const place = at + 4 + 8 * before
    const long = Number(record.readBigUInt64LE(place))
    if (long > gone.from) record.writeBigUInt64LE(BigInt(long - gone.bytes), place)
  }
  return record
}

function localHeader(content: Buffer): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(signatures.local, 0)
  writeShared(header.subarray(4), content)
  return Buffer.concat([header, Buffer.from(metaNames.origin)])
}

function centralRecord(content: Buffer, offset: number): Buffer {
  const record = Buffer.alloc(46)
  record.writeUInt32LE(centralSignature, 0)
  record.writeUInt16LE(madeBy, 4)
  writeShared(record.subarray(6), content)
  record.writeUInt32LE((0o100644 << 16) >>> 0, 38)
  if (offset < max32) {
    record.writeUInt32LE(offset, 42)
    return Buffer.concat([record, Buffer.from(metaNames.origin)])
  }
  const extra = Buffer.alloc(12)
  extra.writeUInt16LE(zip64Field, 0)
  extra.writeUInt16LE(8, 2)
  extra.writeBigUInt64LE(BigInt(offset), 4)
  record.writeUInt16LE(45, 6)
  record.writeUInt16LE(extra.length, 30)
  record.writeUInt32LE(max32, 42)
  return Buffer.concat([record, Buffer.from(metaNames.origin), extra])
}

/** What both headers have, from the version on: stored, at the first time that a zip knows. */
function writeShared(into: Buffer, content: Buffer): void {
  into.writeUInt16LE(20, 0)
  into.writeUInt16LE(utf8Flag, 2)
  into.writeUInt16LE(dosDate, 8)
  into.writeUInt32LE(crc32(content), 10)
  into.writeUInt32LE(content.length, 14)
  into.writeUInt32LE(content.length, 18)
  into.writeUInt16LE(metaNames.origin.length, 22)
}

function endOf(count: number, start: number, at: number): Buffer {
  const size = at - start
  const end = Buffer.alloc(22)
  end.writeUInt32LE(signatures.end, 0)
  end.writeUInt16LE(Math.min(count, max16), 8)
  end.writeUInt16LE(Math.min(count, max16), 10)
  end.writeUInt32LE(Math.min(size, max32), 12)
  end.writeUInt32LE(Math.min(start, max32), 16)
  if (count < max16 && size < max32 && start < max32) return end
  const wide = Buffer.alloc(56 + 20)
  wide.writeUInt32LE(signatures.zip64End, 0)
  wide.writeBigUInt64LE(44n, 4)
  wide.writeUInt16LE(madeBy, 12)
  wide.writeUInt16LE(45, 14)
  wide.writeBigUInt64LE(BigInt(count), 24)
  wide.writeBigUInt64LE(BigInt(count), 32)
  wide.writeBigUInt64LE(BigInt(size), 40)
  wide.writeBigUInt64LE(BigInt(start), 48)
  wide.writeUInt32LE(signatures.zip64Locator, 56)
  wide.writeBigUInt64LE(BigInt(at), 64)
  wide.writeUInt32LE(1, 72)
  return Buffer.concat([wide, end])
}
