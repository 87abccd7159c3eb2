import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import type { Window } from './random-access.ts'
import { admittedFields, type ZipEntry } from './zip-directory.ts'
import { max32, signatures, zip64Field } from './zip-format.ts'

const sizesBehind = 0x0008

/** Where an entry is in the file: `start` of its local header, `data` of its content, `end` of all that belongs to it. */
export interface Extent {
  readonly start: number
  readonly data: number
  readonly end: number
}

/**
 * Reads the local header, which must say what the central directory says: tools that read a zip as a stream see only this
 * one. Throws `corrupt`.
 */
export async function locate(window: Window, entry: ZipEntry): Promise<Extent> {
  const { offset: start, name, packed } = entry
  const fixed = window.view(start, 30) ?? (await window.load(start, 30))
  const extraBytes = fixed.readUInt16LE(28)
  const headerBytes = 30 + fixed.readUInt16LE(26) + extraBytes
  const header = window.view(start, headerBytes) ?? (await window.load(start, headerBytes))
  const contradicts = (what: string): ReplicationError =>
    new ReplicationError('corrupt', `package entry ${quote(name.toString())}: its two headers differ in ${what}`)
  if (header.readUInt32LE(0) !== signatures.local)
    throw new ReplicationError(
      'corrupt',
      `package entry ${quote(name.toString())}: there is no entry where it should be`,
    )
  if (!header.subarray(30, headerBytes - extraBytes).equals(name)) throw contradicts('the name')
  if (header.readUInt16LE(6) !== entry.flags) throw contradicts('the flags')
  if (header.readUInt16LE(8) !== entry.method) throw contradicts('the method')
  const wide = wideSizes(header.subarray(headerBytes - extraBytes), name)
  const said = { crc: header.readUInt32LE(14), packed: header.readUInt32LE(18), size: header.readUInt32LE(22) }
  const data = start + headerBytes
  if ((entry.flags & sizesBehind) !== 0) return { start, data, end: await descriptorEnd(window, entry, data + packed) }
  if (said.crc !== entry.crc) throw contradicts('the checksum')
  if ((said.packed === max32 ? wide?.packed : said.packed) !== packed) throw contradicts('the packed size')
  if ((said.size === max32 ? wide?.size : said.size) !== entry.size) throw contradicts('the size')
  return { start, data, end: data + packed }
}

function wideSizes(extra: Buffer, name: Buffer): { readonly size: number; readonly packed: number } | undefined {
  for (let at = 0; at < extra.length;) {
    const length = at + 4 <= extra.length ? extra.readUInt16LE(at + 2) : extra.length
    if (at + 4 + length > extra.length || !admittedFields.has(extra.readUInt16LE(at)))
      throw new ReplicationError(
        'corrupt',
        `package entry ${quote(name.toString())}: its local header has a strange field`,
      )
    if (extra.readUInt16LE(at) === zip64Field && length >= 16)
      return { size: Number(extra.readBigUInt64LE(at + 4)), packed: Number(extra.readBigUInt64LE(at + 12)) }
    at += 4 + length
  }
  return undefined
}

/** Behind content whose sizes were not known before it: checksum and sizes, with or without a signature, short or long. */
async function descriptorEnd(window: Window, { name, crc, packed, size }: ZipEntry, at: number): Promise<number> {
  // The long ones first: a record follows, so that a short one is never taken for long, while an empty long one begins as
  // an empty short one does.
  for (const wide of [true, false])
    for (const signed of [true, false]) {
      const expected = Buffer.alloc((signed ? 4 : 0) + (wide ? 20 : 12))
      if (!wide && (packed > max32 || size > max32)) continue
      let end = signed ? expected.writeUInt32LE(signatures.descriptor, 0) : 0
      end = expected.writeUInt32LE(crc, end)
      for (const value of [packed, size])
        end = wide ? expected.writeBigUInt64LE(BigInt(value), end) : expected.writeUInt32LE(value, end)
      // The end of the zip follows at least, so there are always so many bytes.
      if ((await window.load(at, end)).equals(expected)) return at + end
    }
  throw new ReplicationError('corrupt', `package entry ${quote(name.toString())}: its sizes behind it are not its own`)
}

/**
 * Whether the entries, one behind the other, fill the file from its beginning to the central directory: then none lies on
 * another, and nothing is hidden between them.
 */
export class Layout {
  #end = 0
  /** Of the files beside the content, which may lie before, between and behind it. */
  readonly #others: Map<number, Extent>

  constructor(others: readonly Extent[]) {
    this.#others = new Map(others.map((extent) => [extent.start, extent]))
  }

  /** Called for the content in its order. Throws `corrupt`. */
  add({ start, end }: Extent, name: Buffer): void {
    this.#skipOthers()
    if (start !== this.#end)
      throw new ReplicationError(
        'corrupt',
        `package entry ${quote(name.toString())}: it ${start < this.#end ? 'overlaps what is before it' : 'does not follow what is before it'}`,
      )
    this.#end = end
  }

  /** Throws `corrupt` when there is anything left, up to `start` of the central directory. */
  finish(start: number): void {
    this.#skipOthers()
    if (this.#end !== start || this.#others.size > 0)
      throw new ReplicationError('corrupt', 'package: its entries overlap, or there are bytes between them')
  }

  #skipOthers(): void {
    for (;;) {
      const other = this.#others.get(this.#end)
      if (other === undefined) return
      this.#others.delete(other.start)
      this.#end = other.end
    }
  }
}
