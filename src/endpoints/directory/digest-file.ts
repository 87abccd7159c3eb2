/**
 * A file of records, read and written from its beginning to its end: `<u32 bytes><u32 CRC-32><bytes>` for each frame, little endian;
 * the first frame is its header. It is not flushed to the disk: what a crash leaves of it shows, and is no loss.
 */
import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { randomUUID } from 'node:crypto'
import { dirname, join } from 'node:path'
import { crc32 } from 'node:zlib'

const frameBytes = 256 * 1024
/** A frame ends behind the record that fills it. */
const maxFrameBytes = 2 * frameBytes
const headBytes = 8
const peekBytes = 1024
const unusedMs = 30 * 24 * 3_600_000

/** The frames of a file; it ends where the file does, or is not whole. */
export class FrameReader {
  readonly #fd: number
  readonly #head = Buffer.alloc(headBytes)
  readonly #begun = Buffer.alloc(headBytes + peekBytes)
  #frame = Buffer.alloc(0)
  /** Where the next frame begins. */
  at = 0

  /** Throws the errors of node:fs. */
  constructor(file: string) {
    this.#fd = openSync(file, 'r')
  }

  get size(): number {
    return fstatSync(this.#fd).size
  }

  /** Good until the next is asked for. */
  next(): Buffer | 'end' | 'broken' {
    const found = this.#read(this.#head, this.at)
    if (found === 0) return 'end'
    const length = this.#head.readUInt32LE(0)
    if (found < headBytes || length > maxFrameBytes) return 'broken'
    if (this.#frame.length < length) this.#frame = Buffer.allocUnsafeSlow(length)
    const frame = this.#frame.subarray(0, length)
    if (this.#read(frame, this.at + headBytes) < length) return 'broken'
    if (crc32(frame) !== this.#head.readUInt32LE(4)) return 'broken'
    this.at += headBytes + length
    return frame
  }

  /** What the next frame begins with; good until it is asked for again. Nothing says that the frame is whole. */
  peek(): Buffer | undefined {
    const found = this.#read(this.#begun, this.at)
    if (found < headBytes) return undefined
    const length = this.#begun.readUInt32LE(0)
    return length > maxFrameBytes ? undefined : this.#begun.subarray(headBytes, Math.min(found, headBytes + length))
  }

  /** Passes over the frame that was looked into. */
  skip(): void {
    this.at += headBytes + this.#begun.readUInt32LE(0)
  }

  /** Hands over what the file has before `end`, in pieces that are good until the next. */
  *before(end: number): Generator<Buffer, void, void> {
    const piece = Buffer.allocUnsafeSlow(frameBytes)
    for (let at = 0; at < end;) {
      const read = this.#read(piece.subarray(0, Math.min(piece.length, end - at)), at)
      if (read === 0) throw new Error('the file has become shorter')
      yield piece.subarray(0, read)
      at += read
    }
  }

  close(): void {
    closeSync(this.#fd)
  }

  #read(into: Buffer, at: number): number {
    let read = 0
    while (read < into.length) {
      const got = readSync(this.#fd, into, read, into.length - read, at + read)
      if (got === 0) break
      read += got
    }
    return read
  }
}

/** Writes beside the file, and takes its place when it is whole. Throws the errors of node:fs. */
export class FrameWriter {
  readonly #file: string
  readonly #temporary: string
  readonly #fd: number
  readonly #frame = Buffer.allocUnsafeSlow(maxFrameBytes)
  #used = 0

  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    this.#file = file
    this.#temporary = `${file}.${randomUUID()}`
    this.#fd = openSync(this.#temporary, 'wx', 0o600)
  }

  /** Whole frames, as they are in another file. */
  copy(frames: Iterable<Buffer>): void {
    for (const piece of frames) this.#write(piece)
  }

  add(record: Uint8Array): void {
    if (this.#used + record.length > maxFrameBytes) this.endFrame()
    this.#frame.set(record, this.#used)
    this.#used += record.length
    if (this.#used >= frameBytes) this.endFrame()
  }

  endFrame(): void {
    if (this.#used === 0) return
    const frame = this.#frame.subarray(0, this.#used)
    const head = Buffer.alloc(headBytes)
    head.writeUInt32LE(frame.length, 0)
    head.writeUInt32LE(crc32(frame), 4)
    this.#write(head)
    this.#write(frame)
    this.#used = 0
  }

  end(): void {
    this.endFrame()
    closeSync(this.#fd)
    renameSync(this.#temporary, this.#file)
  }

  /** The file stays as it was. */
  abandon(): void {
    closeSync(this.#fd)
    rmSync(this.#temporary, { force: true })
  }

  #write(bytes: Buffer): void {
    for (let at = 0; at < bytes.length;) at += writeSync(this.#fd, bytes, at, bytes.length - at)
  }
}

/** Those of the folder that nobody has used for a month. */
export function removeUnused(folder: string): void {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    const found = statSync(file, { throwIfNoEntry: false })
    if (found !== undefined && found.mtimeMs < Date.now() - unusedMs) rmSync(file, { force: true })
  }
}
