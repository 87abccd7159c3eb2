import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { mayPack, packed, packedSegment } from './compression.ts'
import { PackedFile, StoredFile, type LargeFile, type Sizes, type Written } from './large-file.ts'
import type { Output } from './output.ts'
import { giveSegment, takeSegment } from './spare-segments.ts'
import type { Spool } from './spool.ts'
import { fileEntry, folderEntry, ZipDirectory, type ZipEntry } from './zip-records.ts'

/** What is larger is written by itself, and not gathered with others. */
const gatheredBytes = 128 * 1024
/** What waits to be written: enough to keep the threads busy that deflate, and not more. */
const maxWaiting = 32
const maxWaitingBytes = 1024 * 1024

/** Content that is being deflated, or whatever came behind it. */
interface Waiting {
  /** Absent until it is known whether it is deflated. */
  entry: ZipEntry | undefined
  bytes: Uint8Array
  readonly size: number
  readonly done: Promise<void>
}

/** Writes the entries of a zip in the order of the calls, as yazl spells them. All functions throw what the disk answered. */
export class ZipWriter {
  readonly #output: Output
  readonly #directory: ZipDirectory
  #buffer: Buffer = takeSegment()
  #used = 0
  #flushed = 0
  readonly #waiting: Waiting[] = []
  #waitingBytes = 0

  /**
   * `spool` takes the central directory until it is due. The entries with the names `ahead` come first there, in this order, wherever in the file
   * they are.
   */
  constructor(output: Output, spool: Spool, ahead: readonly string[] = []) {
    this.#output = output
    this.#directory = new ZipDirectory(spool, ahead)
  }

  /** Whether to `await room()` before anything more is added. */
  get full(): boolean {
    this.#writeReady()
    return this.#waiting.length >= maxWaiting || this.#waitingBytes >= maxWaitingBytes
  }

  async room(): Promise<void> {
    while (this.full) await this.#waiting[0]?.done
  }

  /** Answers when all that was added has been written. */
  async settled(): Promise<void> {
    for (;;) {
      this.#writeReady()
      if (this.#waiting.length === 0) return
      await this.#waiting[0]?.done
    }
  }

  /** A folder; its name ends with a slash. */
  addFolder(name: string): void {
    this.#put(known(folderEntry(name), new Uint8Array(0), 0, 0), new Uint8Array(0))
  }

  /** Content of at most one segment; its memory is its owner's again when this has answered. */
  addFile(name: string, content: Uint8Array): Written {
    const crc = crc32(content)
    const written = { digest: hash('sha256', content), size: content.length }
    if (mayPack(name, content)) this.#pack(name, Buffer.from(content), crc)
    else this.#put(known(fileEntry(name, false), content, crc, content.length), content)
    return written
  }

  /** Content in segments, of which this is the first. It is added like the others. */
  async startFile(name: string, first: Uint8Array): Promise<LargeFile> {
    const start = mayPack(name, first) ? await packedSegment(first) : undefined
    const entry = fileEntry(name, start !== undefined)
    await this.settled()
    this.#begin(entry)
    const append = (bytes: Uint8Array): void => this.#append(bytes)
    const finish = ({ crc, size, packed }: Sizes): void => {
      entry.crc32 = crc
      entry.uncompressedSize = size
      entry.compressedSize = packed
      this.#append(entry.getDataDescriptor())
      this.#directory.add(entry)
    }
    return start === undefined ? new StoredFile(append, finish) : new PackedFile(append, finish, start)
  }

  /** Ends the zip and answers its size in bytes, once all of it is on the disk. */
  async end(): Promise<number> {
    await this.settled()
    this.#directory.end(this.#position, (bytes) => this.#append(bytes))
    this.#flush()
    this.#output.sync()
    return this.#flushed
  }

  /** Also when it was not ended; nothing may be added any more. */
  close(): void {
    giveSegment(this.#buffer)
    this.#buffer = Buffer.alloc(0)
  }

  #pack(name: string, content: Uint8Array, crc: number): void {
    const waiting: Waiting = {
      ...{ entry: undefined, bytes: content, size: content.length },
      done: packed(content).then((bytes) => {
        if (bytes !== undefined) waiting.bytes = bytes
        waiting.entry = known(fileEntry(name, bytes !== undefined), waiting.bytes, crc, content.length)
      }),
    }
    // Whoever waits for it hears of it.
    waiting.done.catch(() => undefined)
    this.#wait(waiting)
  }

  #put(entry: ZipEntry, bytes: Uint8Array): void {
    this.#writeReady()
    if (this.#waiting.length === 0) this.#write(entry, bytes)
    else this.#wait({ entry, bytes: Buffer.from(bytes), size: bytes.length, done: Promise.resolve() })
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting)
    this.#waitingBytes += waiting.size
  }

  #writeReady(): void {
    for (let first = this.#waiting[0]; first?.entry !== undefined; first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#waitingBytes -= first.size
      this.#write(first.entry, first.bytes)
    }
  }

  #write(entry: ZipEntry, bytes: Uint8Array): void {
    this.#begin(entry)
    this.#append(bytes)
    this.#directory.add(entry)
  }

  #begin(entry: ZipEntry): void {
    entry.relativeOffsetOfLocalHeader = this.#position
    this.#append(entry.getLocalFileHeader())
  }

  get #position(): number {
    return this.#flushed + this.#used
  }

  #append(bytes: Uint8Array): void {
    if (bytes.length > gatheredBytes || this.#used + bytes.length > this.#buffer.length) this.#flush()
    if (bytes.length > gatheredBytes) {
      this.#output.write(bytes, this.#flushed)
      this.#flushed += bytes.length
    } else {
      this.#buffer.set(bytes, this.#used)
      this.#used += bytes.length
    }
  }

  #flush(): void {
    if (this.#used > 0) this.#output.write(this.#buffer.subarray(0, this.#used), this.#flushed)
    this.#flushed += this.#used
    this.#used = 0
  }
}

/** An entry whose sizes stand before its content. */
function known(entry: ZipEntry, bytes: Uint8Array, crc: number, size: number): ZipEntry {
  entry.crcAndFileSizeKnown = true
  entry.crc32 = crc
  entry.uncompressedSize = size
  entry.compressedSize = bytes.length
  return entry
}
