import { createHash } from 'node:crypto'
import { ReplicationError } from '../errors.ts'
import { isFolderLine, type Block } from '../resources/listing.ts'
import { segmentBytes } from './compression.ts'
import { headerLine, maxLineBytes } from './manifest-lines.ts'
import type { ManifestHeader, PackageId } from './manifest.ts'
import { giveSegment, takeSegment } from './spare-segments.ts'
import { Spool } from './spool.ts'

const [quotation, comma, lineFeed, zero] = [0x22, 0x2c, 0x0a, 0x30]
const folderStart = Buffer.from('{"type":"folder","path":')
const fileStart = Buffer.from('{"type":"file","path":')
const digestName = Buffer.from(',"digest":')
const sizeName = Buffer.from(',"size":')
const lineEnd = Buffer.from('}\n')

/** Around each line there stands so much more than in the listing. */
const around = 64
const fullBytes = 64 * 1024
const readBytes = 256 * 1024
/** A line that the chunk before has begun stands before them, in the same segment. */
const linesBytes = segmentBytes - maxLineBytes

/** Spells the lines of a listing as those of a manifest, byte by byte: a path stands in both as JSON, and no line costs an object. */
class Spelling {
  entries = 0
  files = 0
  /** Of the contents. */
  bytes = 0
  readonly #write: (bytes: Buffer) => void
  #out = Buffer.allocUnsafe(fullBytes)
  #used = 0

  /** `write` gets the lines, some at a time, in memory that is used again. */
  constructor(write: (bytes: Buffer) => void) {
    this.#write = write
  }

  /** The listing's line from `begin` to the line feed at `feed`. Throws `rejected` for one that has no digest and size. */
  add(listing: Buffer, begin: number, feed: number): void {
    if (this.#used + (feed - begin) + around > this.#out.length) this.#flush(feed - begin + around)
    this.entries++
    if (isFolderLine(listing, feed)) {
      this.#put(folderStart, 0, folderStart.length)
      this.#put(listing, begin + 1, feed - 1)
    } else {
      let beforeSize = feed - 2
      let size = 0
      for (let value = 1; ; value *= 10, beforeSize--) {
        const digit = (listing[beforeSize] as number) - zero
        if (!(digit >= 0 && digit <= 9)) break
        size += digit * value
      }
      // 64 digits in quotation marks.
      const digest = beforeSize - 66
      if (
        listing[beforeSize] !== comma ||
        beforeSize === feed - 2 ||
        listing[digest] !== quotation ||
        listing[digest - 1] !== comma ||
        !Number.isSafeInteger(size)
      )
        throw new ReplicationError('rejected', 'the listing of the source has a line without a digest and a size')
      this.files++
      this.bytes += size
      this.#put(fileStart, 0, fileStart.length)
      this.#put(listing, begin + 1, digest - 1)
      this.#put(digestName, 0, digestName.length)
      this.#put(listing, digest, beforeSize)
      this.#put(sizeName, 0, sizeName.length)
      this.#put(listing, beforeSize + 1, feed - 1)
    }
    this.#put(lineEnd, 0, lineEnd.length)
  }

  /** Hands over what is left. */
  end(): void {
    if (this.#used > 0) this.#write(this.#out.subarray(0, this.#used))
    this.#used = 0
  }

  /** Byte by byte, for to call `copy` takes longer than to copy so few. */
  #put(from: Buffer, begin: number, end: number): void {
    const out = this.#out
    let used = this.#used
    for (let at = begin; at < end; at++) out[used++] = from[at] as number
    this.#used = used
  }

  #flush(next: number): void {
    this.end()
    if (next > this.#out.length) this.#out = Buffer.allocUnsafe(next)
  }
}

/**
 * The manifest that a package of what a listing says would have, made of its lines. What is longer than a MiB waits in the temporary file,
 * which `close` removes.
 */
export class ManifestText {
  readonly #hash = createHash('sha256')
  readonly #spool: Spool
  readonly #spelling: Spelling
  #id: PackageId | undefined

  constructor(header: ManifestHeader, temporary: string) {
    this.#spool = new Spool(temporary)
    this.#hash.update(`${headerLine(header)}\n`)
    this.#spelling = new Spelling((bytes) => {
      this.#hash.update(bytes)
      this.#spool.add(bytes)
    })
  }

  get entries(): number {
    return this.#spelling.entries
  }

  get files(): number {
    return this.#spelling.files
  }

  /** Of the contents. */
  get bytes(): number {
    return this.#spelling.bytes
  }

  /** The listing's line from `begin` to the line feed at `feed`. Throws `rejected` for one that has no digest and size. */
  add(listing: Buffer, begin: number, feed: number): void {
    this.#spelling.add(listing, begin, feed)
  }

  /** What the package's id would be. Nothing can be added any more. */
  get id(): PackageId {
    if (this.#id === undefined) {
      this.#spelling.end()
      this.#id = `sha256-${this.#hash.digest('hex')}` as PackageId
    }
    return this.#id
  }

  /** What it would be with another header. */
  idUnder(header: ManifestHeader): PackageId {
    this.#spelling.end()
    const hash = createHash('sha256').update(`${headerLine(header)}\n`)
    for (const chunk of this.#spool.chunks(readBytes)) hash.update(chunk)
    return `sha256-${hash.digest('hex')}` as PackageId
  }

  /**
   * The lines behind the header, whole ones, less than a MiB at a time, which are there until the next are asked for; any number of times, once
   * nothing is added any more.
   */
  *lines(): Generator<{ readonly bytes: Buffer }, void, void> {
    const bytes = takeSegment()
    try {
      let begun = 0
      for (const chunk of this.#spool.chunks(linesBytes)) {
        bytes.set(chunk, begun)
        const used = begun + chunk.length
        const end = bytes.lastIndexOf(lineFeed, used - 1) + 1
        yield { bytes: bytes.subarray(0, end) }
        bytes.copyWithin(0, end, used)
        begun = used - end
      }
    } finally {
      giveSegment(bytes)
    }
  }

  close(): void {
    this.#spool.close()
  }
}

/** What a package of what is listed has. */
export interface ListingSum {
  /** PackageSummary.listing. */
  readonly listing: string
  readonly entries: number
  /** Of the contents. */
  readonly bytes: number
}

/** `told` gets the lines, whole ones, some at a time, in memory that is used again. Throws as `ManifestText.add` does. */
export async function listingSum(
  blocks: AsyncIterable<Block>,
  told?: (lines: Uint8Array) => void,
): Promise<ListingSum> {
  const hash = createHash('sha256')
  const spelling = new Spelling((bytes) => {
    hash.update(bytes)
    told?.(bytes)
  })
  for await (const { bytes } of blocks) {
    const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const [begin, feed] of linesIn(block)) spelling.add(block, begin, feed)
  }
  spelling.end()
  return { listing: hash.digest('hex'), entries: spelling.entries, bytes: spelling.bytes }
}

/** The lines that a manifest has of what is listed, some at a time. Throws as `ManifestText.add` does. */
export async function* spelledLines(
  blocks: AsyncIterable<Block> | Iterable<Block>,
): AsyncGenerator<{ readonly bytes: Buffer }, void, void> {
  let lines: Buffer[] = []
  const spelling = new Spelling((bytes) => lines.push(Buffer.from(bytes)))
  for await (const { bytes } of blocks) {
    const block = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (const [begin, feed] of linesIn(block)) spelling.add(block, begin, feed)
    spelling.end()
    if (lines.length > 0) yield { bytes: Buffer.concat(lines) }
    lines = []
  }
}

/** Each of some whole lines, of a listing or a manifest: where it begins and where its line feed is. */
export function* linesIn(block: Uint8Array): Generator<readonly [begin: number, feed: number], void, void> {
  for (let begin = 0; begin < block.length;) {
    const feed = block.indexOf(lineFeed, begin)
    yield [begin, feed]
    begin = feed + 1
  }
}
