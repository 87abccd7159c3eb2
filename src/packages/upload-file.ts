import { open, type FileHandle } from 'node:fs/promises'
import { Writable } from 'node:stream'
import { release } from './release.ts'

/** So much gathers while the file is written to; a socket gives 64 KiB at a time, and each would be a trip to another thread. */
const gatheredBytes = 2 * 1024 * 1024

type Done = (error?: Error | null) => void

/**
 * A file that is written to from its beginning to its end. When it has finished it is being flushed, and can be read meanwhile: to check a
 * package takes the processor, to flush it the disk.
 */
export class UploadFile extends Writable {
  readonly #file: string
  readonly #releases: boolean
  #handle: FileHandle | undefined
  #flushing: Promise<void> | undefined
  #writing: Promise<void> | undefined
  /** All that is in it. */
  bytes: number

  /**
   * A new file, or behind the first `from` bytes of one that is there. With `releases` chunks are nobody else's: their memory is freed once they
   * are written.
   */
  constructor(file: string, from: number, releases: boolean) {
    super({ highWaterMark: gatheredBytes })
    this.#file = file
    this.#releases = releases
    this.bytes = from
  }

  /** To be asked for once it has finished: answers when all of it is on the disk. */
  async flushed(): Promise<void> {
    await this.#flushing
  }

  override _construct(done: Done): void {
    settle(this.#open(), done)
  }

  override _write(chunk: Buffer, _encoding: string, done: Done): void {
    settle((this.#writing = this.#put([chunk])), done)
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    settle((this.#writing = this.#put(chunks.map(({ chunk }) => chunk))), done)
  }

  override _final(done: Done): void {
    this.#flushing = this.#flush()
    // Whoever asks for it hears of it.
    this.#flushing.catch(() => undefined)
    done()
  }

  /** Nothing is written any more once this has called back. */
  override _destroy(error: Error | null, done: Done): void {
    settle(this.#close(), (own) => done(error ?? own))
  }

  async #open(): Promise<void> {
    this.#handle = await open(this.#file, this.bytes === 0 ? 'wx' : 'r+', 0o600)
  }

  async #put(chunks: readonly Buffer[]): Promise<void> {
    const handle = this.#handle as FileHandle
    for (let left = chunks; left.length > 0;) {
      const { bytesWritten } = await handle.writev(left, this.bytes)
      this.bytes += bytesWritten
      left = behind(left, bytesWritten)
    }
    if (this.#releases) release(chunks)
  }

  async #flush(): Promise<void> {
    try {
      await this.#handle?.sync()
    } finally {
      await this.#handle?.close()
    }
  }

  async #close(): Promise<void> {
    await this.#writing?.catch(() => undefined)
    if (this.#flushing === undefined) await this.#handle?.close()
  }
}

function behind(chunks: readonly Buffer[], bytes: number): Buffer[] {
  let passed = 0
  return chunks.flatMap((chunk) => {
    const begin = Math.min(chunk.length, Math.max(0, bytes - passed))
    passed += chunk.length
    return begin === chunk.length ? [] : [chunk.subarray(begin)]
  })
}

function settle(work: Promise<void>, done: Done): void {
  work.then(() => done(), done)
}
