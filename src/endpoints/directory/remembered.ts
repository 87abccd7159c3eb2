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
import { hash } from 'node:crypto'
import { readdirSync, rmSync, statSync, utimesSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { stateOf, type BlockWriter } from '../../resources/listing.ts'
import { comparePaths, isWithin, type ResourcePath } from '../../resources/path.ts'
import { FrameReader, FrameWriter } from './digest-file.ts'

/** The coarsest clock of a file system in use (FAT). */
const grainMs = 2000
const numbersBytes = 36
const unusedMs = 30 * 24 * 3_600_000

export interface RememberOptions {
  readonly folder: string
  readonly root: string
  readonly dev: number
  /** Where the walk begins: what is remembered of other places stays. */
  readonly start: ResourcePath
  /** Nothing that is remembered counts. */
  readonly verify: boolean
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
      this.#drop()
    }
    return false
  }

  /** Ends the line as it is remembered, if the file is what it was then. The record is there: `has` has said so. */
  endLine(stats: Stats, lines: BlockWriter): boolean {
    const { dev, verify } = this.#options
    const [frame, at] = [this.#frame, this.#record]
    if (
      verify ||
      !stats.isFile() ||
      stats.dev !== dev ||
      frame.readDoubleLE(at) !== stats.ino ||
      frame.readDoubleLE(at + 8) !== stats.size ||
      frame.readDoubleLE(at + 16) !== stats.mtimeMs ||
      frame.readDoubleLE(at + 24) !== stats.ctimeMs
    )
      return false
    lines.endAs(frame, at + numbersBytes, this.#end)
    this.#keep()
    return true
  }

  /** The file was read, at that time by the clock of this machine, and its line is written; the record that it had goes. */
  put(path: ResourcePath, stats: Stats, readAtMs: number, lines: BlockWriter): void {
    if (this.has(path, lines)) this.#drop()
    if (stats.dev !== this.#options.dev || readAtMs - Math.max(stats.mtimeMs, stats.ctimeMs) <= grainMs) return
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
    while (this.#more && (this.#writer !== undefined || isWithin(this.#path, this.#options.start)))
      if (isWithin(this.#path, this.#options.start)) this.#drop()
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

function fileOf(folder: string, root: string): string {
  return join(folder, `${hash('sha256', root).slice(0, 32)}.digests`)
}

function removeUnused(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const found = statSync(file, { throwIfNoEntry: false })
    if (found !== undefined && found.mtimeMs < Date.now() - unusedMs) rmSync(file, { force: true })
  }
}
