import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'
import { segmentBytes } from './compression.ts'
import { giveSegment, takeSegment } from './spare-segments.ts'

/** Most packages are small. */
const smallBytes = 16 * 1024

/**
 * Bytes that are written now and read once later. The first segment stays in memory, the rest goes to a temporary file: what a
 * large package has to remember until its end costs no memory.
 */
export class Spool {
  size = 0
  readonly #file: string
  #chunk: Buffer = Buffer.alloc(0)
  #used = 0
  #fd: number | undefined

  /** The file is made when it is needed; `close` removes it. */
  constructor(file: string) {
    this.#file = file
  }

  add(bytes: Uint8Array): void {
    if (this.#used + bytes.length > this.#chunk.length) this.#makeRoom(bytes.length)
    this.#chunk.set(bytes, this.#used)
    this.#used += bytes.length
    this.size += bytes.length
  }

  /**
   * All of it behind `before`, in chunks of so many bytes, at most a segment, the last one shorter. A chunk is valid until the next is asked for.
   */
  *chunks(bytes: number, before: Uint8Array = new Uint8Array(0)): Generator<Uint8Array, void, void> {
    const ahead = before.length
    const segment = takeSegment()
    try {
      for (let at = 0; at < ahead + this.size; at += bytes) {
        const end = Math.min(at + bytes, ahead + this.size)
        const first = before.subarray(at, end)
        segment.set(first)
        this.#copy(segment.subarray(first.length, end - at), at + first.length - ahead)
        yield segment.subarray(0, end - at)
      }
    } finally {
      giveSegment(segment)
    }
  }

  /** Fills `into` with what is there from `at` on. */
  #copy(into: Buffer, at: number): void {
    const flushed = this.size - this.#used
    const fromFile = Math.max(0, Math.min(at + into.length, flushed) - at)
    for (let done = 0; done < fromFile;) {
      const read = readSync(this.#fd as number, into, done, fromFile - done, at + done)
      if (read === 0) throw new Error('a temporary file became shorter')
      done += read
    }
    if (fromFile < into.length) this.#chunk.copy(into, fromFile, at + fromFile - flushed, at + into.length - flushed)
  }

  close(): void {
    this.#hold(Buffer.alloc(0))
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#file, { force: true })
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes > segmentBytes && this.#used > 0) {
      this.#fd ??= openSync(this.#file, 'wx+', 0o600)
      for (let at = 0; at < this.#used;) at += writeSync(this.#fd, this.#chunk, at, this.#used - at)
      this.#used = 0
    }
    const wanted = this.#used + bytes
    if (wanted <= this.#chunk.length) return
    const larger =
      wanted <= smallBytes || wanted > segmentBytes
        ? Buffer.allocUnsafeSlow(Math.max(smallBytes, wanted))
        : takeSegment()
    this.#chunk.copy(larger, 0, 0, this.#used)
    this.#hold(larger)
  }

  #hold(chunk: Buffer): void {
    giveSegment(this.#chunk)
    this.#chunk = chunk
  }
}
