/** Zips made by hand, byte by byte, so that any field can lie. Knows nothing of src/packages. */
import { crc32, deflateRawSync } from 'node:zlib'

export interface Item {
  readonly name: string | Buffer
  readonly content?: Buffer
  /** 0: stored, which is the default; 8: deflated. */
  readonly method?: number
  /** The bytes in the zip, if they are not those of the content. */
  readonly packed?: Buffer
  /** What both headers say; each may say something else of its own. */
  readonly says?: Partial<Says>
  readonly local?: Partial<Says>
  readonly central?: Partial<Says>
  /** Bytes before the local header. */
  readonly before?: Buffer
  /** Bytes behind the content. */
  readonly behind?: Buffer
}

export interface Says {
  readonly signature: number
  readonly name: Buffer
  readonly flags: number
  readonly method: number
  readonly crc: number
  readonly packed: number
  readonly size: number
  readonly extra: Buffer
  readonly comment: Buffer
  readonly attributes: number
  readonly offset: number
}

export interface End {
  readonly disk: number
  readonly count: number
  readonly size: number
  readonly start: number
  readonly comment: Buffer
  /** Bytes between the central directory and the end. */
  readonly before: (at: { count: number; size: number; start: number }) => Buffer
}

/** `order`: the central directory, as indices of items; by default as they are in the file. */
export function zipOf(
  items: readonly Item[],
  order: readonly number[] = [...items.keys()],
  end: Partial<End> = {},
): Buffer {
  const chunks: Buffer[] = []
  let at = 0
  const add = (bytes: Buffer): void => {
    chunks.push(bytes)
    at += bytes.length
  }
  const records = items.map((item) => {
    if (item.before !== undefined) add(item.before)
    const offset = at
    const packed = packedOf(item)
    add(localHeader({ ...saysOf(item, offset), ...item.says, ...item.local }))
    add(packed)
    if (item.behind !== undefined) add(item.behind)
    return centralRecord({ ...saysOf(item, offset), ...item.says, ...item.central })
  })
  const start = at
  for (const i of order) add(records[i] as Buffer)
  const truth = { count: order.length, size: at - start, start }
  if (end.before !== undefined) add(end.before(truth))
  add(endRecord({ disk: 0, comment: Buffer.alloc(0), ...truth, ...end }))
  return Buffer.concat(chunks)
}

export function zip64End(says: {
  count: number
  size: number
  start: number
  offset?: number
  record?: number
}): Buffer {
  const bytes = Buffer.alloc(76)
  bytes.writeUInt32LE(0x06064b50, 0)
  bytes.writeBigUInt64LE(44n, 4)
  bytes.writeUInt16LE(45, 12)
  bytes.writeUInt16LE(45, 14)
  bytes.writeBigUInt64LE(BigInt(says.count), 24)
  bytes.writeBigUInt64LE(BigInt(says.count), 32)
  bytes.writeBigUInt64LE(BigInt(says.size), 40)
  bytes.writeBigUInt64LE(BigInt(says.start), 48)
  bytes.writeUInt32LE(0x07064b50, 56)
  bytes.writeBigUInt64LE(BigInt(says.record ?? says.start + says.size), 64)
  bytes.writeUInt32LE(1, 72)
  return bytes
}

export function packedOf({ content = Buffer.alloc(0), method = 0, packed }: Item): Buffer {
  return packed ?? (method === 8 ? deflateRawSync(content) : content)
}

export function saysOf(item: Item, offset: number): Says {
  const { content = Buffer.alloc(0), method = 0 } = item
  const name = Buffer.from(item.name)
  const mode = name.at(-1) === 0x2f ? 0o040755 : 0o100644
  return {
    signature: 0,
    name,
    flags: 0x0800,
    method,
    crc: crc32(content),
    packed: packedOf(item).length,
    size: content.length,
    extra: Buffer.alloc(0),
    comment: Buffer.alloc(0),
    attributes: (mode << 16) >>> 0,
    offset,
  }
}

export function localHeader(says: Says): Buffer {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(says.signature || 0x04034b50, 0)
  header.writeUInt16LE(20, 4)
  header.writeUInt16LE(says.flags, 6)
  header.writeUInt16LE(says.method, 8)
  header.writeUInt16LE(0x21, 12)
  header.writeUInt32LE(says.crc, 14)
  header.writeUInt32LE(says.packed, 18)
  header.writeUInt32LE(says.size, 22)
  header.writeUInt16LE(says.name.length, 26)
  header.writeUInt16LE(says.extra.length, 28)
  return Buffer.concat([header, says.name, says.extra])
}

export function centralRecord(says: Says): Buffer {
  const record = Buffer.alloc(46)
  record.writeUInt32LE(says.signature || 0x02014b50, 0)
  record.writeUInt16LE((3 << 8) | 63, 4)
  record.writeUInt16LE(20, 6)
  record.writeUInt16LE(says.flags, 8)
  record.writeUInt16LE(says.method, 10)
  record.writeUInt16LE(0x21, 14)
  record.writeUInt32LE(says.crc, 16)
  record.writeUInt32LE(says.packed, 20)
  record.writeUInt32LE(says.size, 24)
  record.writeUInt16LE(says.name.length, 28)
  record.writeUInt16LE(says.extra.length, 30)
  record.writeUInt16LE(says.comment.length, 32)
  record.writeUInt32LE(says.attributes, 38)
  record.writeUInt32LE(says.offset, 42)
  return Buffer.concat([record, says.name, says.extra, says.comment])
}

export function endRecord({ disk, count, size, start, comment }: Omit<End, 'before'>): Buffer {
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(disk, 4)
  end.writeUInt16LE(disk, 6)
  end.writeUInt16LE(count, 8)
  end.writeUInt16LE(count, 10)
  end.writeUInt32LE(size, 12)
  end.writeUInt32LE(start, 16)
  end.writeUInt16LE(comment.length, 20)
  return Buffer.concat([end, comment])
}
