/**
 * The digests of files that have not changed since they were read, so that a listing need not read them again. They are in segments, in path
 * order, read along with the walk, of which those are written anew where the walk finds something else. A record says: what had this
 * inode, size, mtime and ctime had this line in the listing. Whatever is wrong with a segment, it is passed over: all that it was of is read then.
 *
 * A file that was changed within the clock's grain before it was read is not remembered, since it may have been changed again
 * without another time (git calls that racily clean); nor one with times that lie ahead, nor one on another device than the root.
 * Whoever writes without the change time telling, through a device below the file system or by setting the clock back, is not
 * seen: `verify` reads all.
 */
import type { Stats } from 'node:fs'
import type { BlockWriter } from '../../resources/listing.ts'
import { comparePaths, isWithin, rootPath, type ResourcePath } from '../../resources/path.ts'
import { endOf, isSame, numbersBytes, pathOf } from './digest-records.ts'
import { DigestSegments, type Segment } from './digest-segments.ts'
import { maxSegmentBytes, SegmentWriter } from './segment-writer.ts'

/** The coarsest clock of a file system in use (FAT). */
const grainMs = 2000
/** What it costs to open a file, in bytes that are written. */
const openBytes = 4096

export interface RememberOptions {
  readonly folder: string
  readonly root: string
  readonly dev: number
  /** Where the walk begins: what is remembered of other places stays. */
  readonly start: ResourcePath
  /** Nothing that is remembered counts. */
  readonly verify: boolean
  /**
   * Not all that is there is asked about: what is passed over stays, and what is read is remembered where a segment costs no more
   * to write than that costs to read again.
   */
  readonly passing?: true
}

/** What is remembered of one root, along one walk. No error of the file system comes out of it. */
export class Remembered {
  readonly #options: RememberOptions
  readonly #segments: DigestSegments
  readonly #known: readonly Segment[]
  /** What there will be of those so far. */
  readonly #kept: Segment[] = []
  readonly #records = Buffer.allocUnsafeSlow(maxSegmentBytes)
  /** Which of the known is read, how many bytes its records have; where the record in it begins, and ends. */
  #at = -1
  #length = 0
  #record = 0
  #end = 0
  #writer: SegmentWriter | undefined
  /** Something in the segment has changed: all of its records go to the writer. */
  #isWriting = false
  /** What it costs to read again what was added, in bytes. */
  #worth = 0
  #failed = false

  constructor(options: RememberOptions) {
    const { folder, root, dev, start } = options
    this.#options = options
    this.#segments = new DigestSegments(folder, root, dev)
    this.#known = this.#segments.known()
    if (start === rootPath) return
    this.#pass(start)
    while (this.#more && comparePaths(this.#path, start) < 0) this.#keep()
  }

  /** Whether nothing is known of what is walked through. */
  get isEmpty(): boolean {
    const path = this.#more ? this.#path : this.#following
    return path === undefined || !isWithin(path, this.#options.start)
  }

  /** Whether there is a record of this path, whose line was begun. Those before it are dropped. To be asked in path order. */
  has(path: ResourcePath, lines: BlockWriter): boolean {
    if (this.#more && this.#isOf(lines)) return true
    const isPassing = this.#options.passing === true
    if (isPassing) this.#pass(path)
    else
      while (this.#isBehind(path)) {
        this.#dropAll()
        this.#goOn()
      }
    while (this.#more) {
      if (this.#isOf(lines)) return true
      if (comparePaths(this.#path, path) >= 0) return false
      if (isPassing) this.#keep()
      else this.#drop()
    }
    return false
  }

  /** Whether that record has the line, now that it has ended; undefined when the file is not what it was then. */
  isLine(stats: Stats, { bytes, lineStart, lineEnd }: BlockWriter): boolean | undefined {
    if (!this.#isStill(stats)) return undefined
    return bytes.compare(this.#records, this.#record + numbersBytes, this.#end, lineStart, lineEnd) === 0
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
    lines.endAs(this.#records, this.#record + numbersBytes, this.#end)
    this.#keep()
    return true
  }

  /** The file was read, at that time by the clock of this machine, and its line is written; the record that it had goes. */
  put(path: ResourcePath, stats: Stats, readAtMs: number, lines: BlockWriter): void {
    const isSettled = stats.dev === this.#options.dev && readAtMs - Math.max(stats.mtimeMs, stats.ctimeMs) > grainMs
    if (this.#options.passing === true && !isSettled) return
    if (this.has(path, lines)) {
      if (isSettled && this.isLine(stats, lines) === true) return this.#keep()
      this.#drop()
    }
    if (!isSettled) return
    this.#worth += openBytes + stats.size
    this.#write((writer) => writer.add(stats, lines.bytes.subarray(lines.lineStart, lines.lineEnd)))
  }

  /** The walk has come to its end: what it has not found is gone. */
  end(): void {
    if (this.#options.passing !== true) this.#dropWithin(this.#options.start)
    this.#leave()
    this.#kept.push(...this.#known.slice(this.#at + 1))
    if (this.#failed) return
    try {
      const [kept, known] = [this.#kept, this.#known]
      if (kept.length === known.length && kept.every(({ name }, i) => name === known[i]?.name)) this.#segments.keep()
      else this.#segments.replaceAll(kept)
    } catch {
      // It is made again by the next listing.
    }
  }

  get #more(): boolean {
    return this.#record < this.#length
  }

  get #path(): ResourcePath {
    return pathOf(this.#records, this.#record)
  }

  /** With what the next segment begins. */
  get #following(): ResourcePath | undefined {
    return this.#known[this.#at + 1]?.first
  }

  #isStill(stats: Stats): boolean {
    const { dev, verify } = this.#options
    return !verify && stats.isFile() && stats.dev === dev && isSame(this.#records, this.#record, stats)
  }

  /** A line of another path differs before the first of them ends. */
  #isOf({ bytes, lineStart, lineEnd }: BlockWriter): boolean {
    const at = this.#record + numbersBytes
    return bytes.compare(this.#records, at, Math.min(at + lineEnd - lineStart, this.#end), lineStart, lineEnd) === 0
  }

  /** Whether the path, if there is anything of it, is not in this segment but in one behind it. What is before all is in the first. */
  #isBehind(path: ResourcePath): boolean {
    const following = this.#following
    return following !== undefined && (this.#at < 0 || comparePaths(following, path) <= 0)
  }

  /** Goes on where the path would be; what is before it stays. */
  #pass(path: ResourcePath): void {
    if (!this.#isBehind(path)) return
    this.#leave()
    let at = this.#at + 1
    for (; ; at++) {
      const next = this.#known[at + 1]
      if (next === undefined || comparePaths(next.first, path) > 0) break
    }
    this.#kept.push(...this.#known.slice(this.#at + 1, at))
    this.#enter(at)
  }

  #keep(): void {
    if (this.#isWriting) {
      const record = this.#records.subarray(this.#record, this.#end)
      this.#write((writer) => writer.copy(record))
    }
    this.#next()
  }

  #drop(): void {
    this.#write(() => undefined)
    this.#next()
  }

  /** All that is left of the segment. */
  #dropAll(): void {
    if (this.#more) this.#write(() => undefined)
    this.#record = this.#length
  }

  #dropWithin(path: ResourcePath): void {
    for (;;) {
      while (this.#more && isWithin(this.#path, path)) this.#drop()
      const following = this.#following
      if (this.#more || following === undefined || !isWithin(following, path)) return
      this.#goOn()
    }
  }

  #next(): void {
    this.#record = this.#end
    if (this.#more) this.#end = endOf(this.#records, this.#record)
  }

  #enter(at: number): void {
    this.#at = at
    const segment = this.#known[at]
    this.#length = (segment && this.#segments.load(segment, this.#records)) ?? 0
    this.#end = 0
    this.#next()
    // It is not what it was: what is written instead, if anything, takes its place.
    if (!this.#more) this.#write(() => undefined)
  }

  /** To the next segment; what little was written goes there. */
  #goOn(): void {
    if (!this.#isWriting || this.#writer?.isSmall !== true) this.#leave()
    this.#enter(this.#at + 1)
  }

  /** The segment is as it will be, with what is left of it. */
  #leave(): void {
    while (this.#isWriting && this.#more) this.#keep()
    const segment = this.#known[this.#at]
    if (this.#isWriting && !this.#isTooDear) this.#write((writer) => writer.end())
    else if (segment !== undefined) this.#kept.push(segment)
    this.#isWriting = false
    this.#worth = 0
  }

  get #isTooDear(): boolean {
    return this.#options.passing === true && this.#worth < (this.#writer?.length ?? 0)
  }

  #write(add: (writer: SegmentWriter) => Segment | undefined): void {
    if (this.#failed) return
    try {
      const filled = add(this.#writing())
      if (filled === undefined) return
      this.#kept.push(filled)
      // The rest goes where this went.
      this.#worth = Infinity
    } catch {
      this.#failed = true
      this.#isWriting = false
    }
  }

  /** Begins with all that was kept of the segment so far, where it has not begun. */
  #writing(): SegmentWriter {
    const writer = (this.#writer ??= new SegmentWriter(this.#segments))
    if (this.#isWriting) return writer
    this.#isWriting = true
    writer.begin(this.#records.subarray(0, this.#record))
    return writer
  }
}
