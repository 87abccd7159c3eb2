import { closeSync, openSync, readSync, rmSync, writeSync } from 'node:fs'

const chunkBytes = 1024 * 1024

/**
 * Bytes that are written now and read once later. The first MiB stays in memory, the rest goes to a temporary file: what a
 * large package has to remember until its end costs no memory.
 */
export class Spool {
  size = 0
  readonly #file: string
  #chunk = Buffer.allocUnsafe(0)
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

  /** All of it behind `before`, in chunks of `segment` bytes, the last one shorter. A chunk is valid until the next is asked for. */
  *chunks(segment: number, before: Uint8Array = new Uint8Array(0)): Generator<Uint8Array, void, void> {
    const ahead = before.length
    const chunk = Buffer.allocUnsafe(Math.min(segment, ahead + this.size))
    for (let at = 0; at < ahead + this.size; at += segment) {
      const end = Math.min(at + segment, ahead + this.size)
      const first = before.subarray(at, end)
      chunk.set(first)
      this.#copy(chunk.subarray(first.length, end - at), at + first.length - ahead)
      yield chunk.subarray(0, end - at)
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
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
    rmSync(this.#file, { force: true })
  }

  #makeRoom(bytes: number): void {
    if (this.#used + bytes > chunkBytes && this.#used > 0) {
      this.#fd ??= openSync(this.#file, 'wx+', 0o600)
      for (let at = 0; at < this.#used;) at += writeSync(this.#fd, this.#chunk, at, this.#used - at)
      this.#used = 0
    }
    if (bytes + this.#used <= this.#chunk.length) return
    // Most packages are small: the chunk grows with what is put in it.
    const wanted = Math.max(
      bytes,
      Math.min(chunkBytes, Math.max(16 * 1024, this.#chunk.length * 4, this.#used + bytes)),
    )
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.#used + bytes))
    this.#chunk.copy(larger, 0, 0, this.#used)
    this.#chunk = larger
  }
}
