/**
 * The records of a zip as we write them (APPNOTE.TXT 6.3.10): names in UTF-8, sizes in the local header (no data
 * descriptors), one fixed time, and zip64 fields where a value needs them.
 */
export const stored = 0
export const deflated = 8

export const signatures = {
  local: 0x04034b50,
  central: 0x02014b50,
  end: 0x06054b50,
  zip64End: 0x06064b50,
  zip64Locator: 0x07064b50,
  descriptor: 0x08074b50,
} as const

export const zip64Field = 0x0001
export const utf8Flag = 0x0800
export const max16 = 0xffff
export const max32 = 0xffffffff

/** 1980-01-01 00:00:00, the first that the format has; it knows no time zone, and readers take it for local time. */
const dosTime = 0
const dosDate = 0x0021
/** Unix, 6.3: the upper half of the external attributes is a file mode. */
const madeBy = (3 << 8) | 63
const fileAttributes = (0o100644 << 16) >>> 0
/** The lower bit says folder to DOS. */
const folderAttributes = ((0o040755 << 16) | 0x10) >>> 0

/** One entry, as it stands in its local header and in the central directory. */
export interface ZipRecord {
  readonly name: Buffer
  readonly method: typeof stored | typeof deflated
  readonly crc: number
  readonly packed: number
  readonly size: number
  /** Of the local header. */
  readonly offset: number
  /** Whether the local header keeps room for sizes of 8 bytes: content in several pieces has no size when it begins. */
  readonly wide: boolean
}

export function localHeader({ name, method, crc, packed, size, wide }: ZipRecord): Buffer {
  const extra = wide ? 20 : 0
  const header = Buffer.alloc(30 + name.length + extra)
  header.writeUInt32LE(signatures.local, 0)
  header.writeUInt16LE(wide ? 45 : 20, 4)
  header.writeUInt16LE(utf8Flag, 6)
  header.writeUInt16LE(method, 8)
  header.writeUInt16LE(dosTime, 10)
  header.writeUInt16LE(dosDate, 12)
  header.writeUInt32LE(crc, 14)
  header.writeUInt32LE(wide ? max32 : packed, 18)
  header.writeUInt32LE(wide ? max32 : size, 22)
  header.writeUInt16LE(name.length, 26)
  header.writeUInt16LE(extra, 28)
  name.copy(header, 30)
  if (wide) writeZip64(header, 30 + name.length, [size, packed])
  return header
}

export function centralRecord({ name, method, crc, packed, size, offset, wide }: ZipRecord): Buffer {
  const far = offset >= max32
  const values = [...(wide ? [size, packed] : []), ...(far ? [offset] : [])]
  const extra = values.length === 0 ? 0 : 4 + 8 * values.length
  const record = Buffer.alloc(46 + name.length + extra)
  record.writeUInt32LE(signatures.central, 0)
  record.writeUInt16LE(madeBy, 4)
  record.writeUInt16LE(extra === 0 ? 20 : 45, 6)
  record.writeUInt16LE(utf8Flag, 8)
  record.writeUInt16LE(method, 10)
  record.writeUInt16LE(dosTime, 12)
  record.writeUInt16LE(dosDate, 14)
  record.writeUInt32LE(crc, 16)
  record.writeUInt32LE(wide ? max32 : packed, 20)
  record.writeUInt32LE(wide ? max32 : size, 24)
  record.writeUInt16LE(name.length, 28)
  record.writeUInt16LE(extra, 30)
  record.writeUInt32LE(name.at(-1) === 0x2f ? folderAttributes : fileAttributes, 38)
  record.writeUInt32LE(far ? max32 : offset, 42)
  name.copy(record, 46)
  if (extra > 0) writeZip64(record, 46 + name.length, values)
  return record
}

/** What ends the file, behind the central directory. */
export function endRecords(count: number, size: number, offset: number): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(signatures.end, 0)
  end.writeUInt16LE(Math.min(count, max16), 8)
  end.writeUInt16LE(Math.min(count, max16), 10)
  end.writeUInt32LE(Math.min(size, max32), 12)
  end.writeUInt32LE(Math.min(offset, max32), 16)
  if (count < max16 && size < max32 && offset < max32) return end
  const wide = Buffer.alloc(56 + 20)
  wide.writeUInt32LE(signatures.zip64End, 0)
  wide.writeBigUInt64LE(44n, 4)
  wide.writeUInt16LE(madeBy, 12)
  wide.writeUInt16LE(45, 14)
  wide.writeBigUInt64LE(BigInt(count), 24)
  wide.writeBigUInt64LE(BigInt(count), 32)
  wide.writeBigUInt64LE(BigInt(size), 40)
  wide.writeBigUInt64LE(BigInt(offset), 48)
  wide.writeUInt32LE(signatures.zip64Locator, 56)
  wide.writeBigUInt64LE(BigInt(offset + size), 64)
  wide.writeUInt32LE(1, 72)
  return Buffer.concat([wide, end])
}

function writeZip64(record: Buffer, at: number, values: readonly number[]): void {
  record.writeUInt16LE(zip64Field, at)
  record.writeUInt16LE(8 * values.length, at + 2)
  for (const [i, value] of values.entries()) record.writeBigUInt64LE(BigInt(value), at + 4 + 8 * i)
}
