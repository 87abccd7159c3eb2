/**
 * The digests of files that have not changed since they were read, so that a listing need not read them again. There is a file of them
 * for each root, in path order, read along with the walk and written anew where the walk finds something else. A record says:
 * what had this inode, size, mtime and ctime had this line in the listing. Whatever is wrong with the file, it is passed over: all
 * is read then.
 *
 * A file that was changed within the clock's grain before it was read is not remembered, since it may have been changed again
 * without another time (git calls that racily clean); nor one with times that lie ahead, nor one on another device than the root.
 * Whoever writes without the change time telling, through a device below the file system or by setting the clock back, is not
 * seen: `verify` reads all.
 */
import { utimesSync, type Stats } from 'node:fs'
import { stateOf, type BlockWriter } from '../../resources/listing.ts'
import { comparePaths, isWithin, type ResourcePath } from '../../resources/path.ts'
import { FrameReader, FrameWriter, removeUnused } from './digest-file.ts'
import { fileOf, firstOf, numbersBytes } from './digest-records.ts'

/** The coarsest clock of a file system in use (FAT). */
const grainMs = 2000
/** For each entry that is asked about a file of digests may have so many bytes to be written anew: some 32 records. */
const worthBytes = 4096

export interface RememberOptions {
  readonly folder: string
  readonly root: string
  readonly dev: number
  /** Where the walk begins: what is remembered of other places stays. */
  readonly start: ResourcePath
  /** Nothing that is remembered counts. */
  readonly verify: boolean
  /**
   * Not all that is there is asked about, only so many, more or less: what is passed over stays. What is read is remembered where that
   * costs no more than to read it again.
   */
  readonly passing?: { readonly entries: number }
}

/** One file's records along one walk. No error of the file system comes out of it. */
export class Remembered {
  readonly #options: RememberOptions
  readonly #file: string
  readonly #header: Buffer
  #reader: FrameReader | undefined
  #writer: FrameWriter | undefined
  #failed = false
  /** There is a record that was neither kept nor dropped. */
  #more = false
  /** The frame that is read; where it begins in the file; the record in it, its line, and the end of both. */
  #frame: Buffer = Buffer.alloc(0)
  #frameAt = 0
  #record = 0
  #end = 0
  /** With what the next frame begins. */
  #following: ResourcePath | undefined

  constructor(options: RememberOptions) {
    this.#options = options
    const { folder, root, dev } = options
    this.#file = fileOf(folder, root)
    this.#header = Buffer.from(JSON.stringify({ format: 'trebuchet-digests', version: 1, root, dev }))
    try {
      this.#reader = new FrameReader(this.#file)
      const header = this.#reader.next()
      if (typeof header !== 'string' && header.equals(this.#header)) this.#nextFrame()
      else this.#leave()
    } catch {
      this.#leave()
    }
    this.#leap(options.start)
    while (this.#more && comparePaths(this.#path, options.start) < 0) this.#keep()
  }

  /** Whether nothing is known of what is walked through. */
  get isEmpty(): boolean {
    return !this.#more || !isWithin(this.#path, this.#options.start)
  }

  /** Whether there is a record of this path, whose line was begun. Those before it are dropped. To be asked in path order. */
  has(path: ResourcePath, lines: BlockWriter): boolean {
    while (this.#more) {
      if (this.#isOf(lines)) return true
      if (comparePaths(this.#path, path) >= 0) return false
      if (this.#options.passing === undefined) this.#drop()
      else if (!this.#leap(path)) this.#keep()
    }
    return false
  }

  /** Whether that record has the line, now that it has ended; undefined when the file is not what it was then. */
  isLine(stats: Stats, { bytes, lineStart, lineEnd }: BlockWriter): boolean | undefined {
    if (!this.#isStill(stats)) return undefined
    return bytes.compare(this.#frame, this.#record + numbersBytes, this.#end, lineStart, lineEnd) === 0
  }

  /** What is remembered of the path stays, unseen. To be asked in path order. */
  pass(path: ResourcePath, lines: BlockWriter): void {
    lines.begin(path)
    if (this.has(path, lines)) this.#keep()
    lines.forget()
  }

  /** Ends the line as it is remembered, if the file is what it was then. The record is there: `has` has said so. */
  endLine(stats: Stats, lines: BlockWriter): boolean {
    if (!this.#isStill(stats)) return false
    lines.endAs(this.#frame, this.#record + numbersBytes, this.#end)
    this.#keep()
    return true
  }

  /** The file was read, at that time by the clock of this machine, and its line is written; the record that it had goes. */
  put(path: ResourcePath, stats: Stats, readAtMs: number, lines: BlockWriter): void {
    const isSettled = stats.dev === this.#options.dev && readAtMs - Math.max(stats.mtimeMs, stats.ctimeMs) > grainMs
    if (this.#options.passing !== undefined && !(isSettled && this.#isWorth(stats.size))) return
    if (this.has(path, lines) && isSettled && this.isLine(stats, lines) === true) return this.#keep()
    if (this.#more && this.#path === path) this.#drop()
    if (!isSettled) return
    const length = lines.lineEnd - lines.lineStart
    const record = Buffer.allocUnsafe(numbersBytes + length)
    record.writeDoubleLE(stats.ino, 0)
    record.writeDoubleLE(stats.size, 8)
    record.writeDoubleLE(stats.mtimeMs, 16)
    record.writeDoubleLE(stats.ctimeMs, 24)
    record.writeUInt32LE(length, 32)
    record.set(lines.bytes.subarray(lines.lineStart, lines.lineEnd), numbersBytes)
    this.#write((writer) => writer.add(record))
  }

  /** The walk has come to its end: what it has not found is gone. */
  end(): void {
    const { start, passing } = this.#options
    const isGone = (): boolean => passing === undefined && isWithin(this.#path, start)
    while (this.#more && (this.#writer !== undefined || isGone()))
      if (isGone()) this.#drop()
      else this.#keep()
    const writer = this.#writer
    this.#writer = undefined
    try {
      writer?.end()
      if (writer === undefined) utimesSync(this.#file, new Date(), new Date())
      else removeUnused(this.#options.folder)
    } catch {
      // It is made again by the next listing.
    }
  }

  /** Without effect when it has ended. */
  close(): void {
    this.#leave()
    this.#abandon()
  }

  get #path(): ResourcePath {
    return stateOf(this.#frame, this.#record + numbersBytes, this.#end).path
  }

  #isStill(stats: Stats): boolean {
    const { dev, verify } = this.#options
    const [frame, at] = [this.#frame, this.#record]
    return (
      !verify &&
      stats.isFile() &&
      stats.dev === dev &&
      frame.readDoubleLE(at) === stats.ino &&
      frame.readDoubleLE(at + 8) === stats.size &&
      frame.readDoubleLE(at + 16) === stats.mtimeMs &&
      frame.readDoubleLE(at + 24) === stats.ctimeMs
    )
  }

  /** To read some bytes again costs more than to write the file anew, or so many are read that it does. */
  #isWorth(bytes: number): boolean {
    const size = this.#reader?.size ?? 0
    return this.#writer !== undefined || Math.max(bytes, (this.#options.passing?.entries ?? 0) * worthBytes) >= size
  }

  /** Goes on at the last frame that does not begin behind the path, if that is not this one. */
  #leap(path: ResourcePath): boolean {
    const reader = this.#reader
    if (reader === undefined || this.#writer !== undefined) return false
    let to: number | undefined
    for (;;) {
      const begun = this.#following
      if (begun === undefined || comparePaths(begun, path) > 0) break
      to = reader.at
      reader.skip()
      this.#following = firstOf(reader)
    }
    if (to === undefined) return false
    reader.at = to
    this.#nextFrame()
    return true
  }

  /** A line of another path differs before the first of them ends. */
  #isOf({ bytes, lineStart, lineEnd }: BlockWriter): boolean {
    const at = this.#record + numbersBytes
    return bytes.compare(this.#frame, at, Math.min(at + lineEnd - lineStart, this.#end), lineStart, lineEnd) === 0
  }

  #keep(): void {
    if (this.#writer !== undefined) {
      const record = this.#frame.subarray(this.#record, this.#end)
      this.#write((writer) => writer.add(record))
    }
    this.#next()
  }

  #drop(): void {
    this.#write(() => undefined)
    this.#next()
  }

  #next(): void {
    this.#record = this.#end
    if (this.#record === this.#frame.length) this.#nextFrame()
    else this.#bound()
  }

  #nextFrame(): void {
    if (this.#reader === undefined) return
    this.#frameAt = this.#reader.at
    let frame: Buffer | 'end' | 'broken'
    try {
      frame = this.#reader.next()
    } catch {
      frame = 'broken'
    }
    this.#record = 0
    this.#more = typeof frame !== 'string'
    if (typeof frame !== 'string') {
      this.#frame = frame
      this.#bound()
      this.#following = firstOf(this.#reader)
      // What is broken is not in the next.
    } else if (frame === 'broken') this.#write(() => undefined)
  }

  #bound(): void {
    this.#end = this.#record + numbersBytes + this.#frame.readUInt32LE(this.#record + 32)
  }

  /** Begins to write where that has not begun: with all that was kept so far. */
  #write(add: (writer: FrameWriter) => void): void {
    if (this.#failed) return
    try {
      this.#writer ??= this.#begin()
      add(this.#writer)
    } catch {
      this.#abandon()
    }
  }

  #begin(): FrameWriter {
    const writer = new FrameWriter(this.#file)
    // So that it is given up if this fails.
    this.#writer = writer
    if (this.#reader === undefined) {
      writer.add(this.#header)
      writer.endFrame()
    } else {
      writer.copy(this.#reader.before(this.#frameAt))
      if (this.#record > 0) writer.add(this.#frame.subarray(0, this.#record))
    }
    return writer
  }

  #abandon(): void {
    this.#failed = true
    const writer = this.#writer
    this.#writer = undefined
    try {
      writer?.abandon()
    } catch {
      // The remains go with what is unused.
    }
  }

  #leave(): void {
    try {
      this.#reader?.close()
    } catch {
      // It was only read.
    }
    this.#reader = undefined
  }
}
