import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Where in the spool something lies, in bytes. */
export interface Spooled {
  readonly at: number
  readonly length: number
}

/**
 * Contents that are wanted in another order than they come in: in memory while they are few, then in a temporary file. To be closed.
 */
export class Spool {
  readonly #memoryBytes: number
  #held: Buffer[] = []
  /** Where each of those begins. */
  readonly #starts: number[] = []
  #size = 0
  #file: { readonly handle: FileHandle; readonly folder: string } | undefined
  /** Bytes that are in the file. */
  #written = 0

  constructor(memoryBytes = 16 * 1024 * 1024) {
    this.#memoryBytes = memoryBytes
  }

  async add(bytes: Buffer): Promise<Spooled> {
    const at = this.#size
    this.#starts.push(at)
    this.#held.push(bytes)
    this.#size += bytes.length
    if (this.#size - this.#written > this.#memoryBytes) await this.#spill()
    return { at, length: bytes.length }
  }

  async read({ at, length }: Spooled): Promise<Buffer> {
    if (at >= this.#written) return this.#held[this.#indexOf(at)] as Buffer
    const buffer = Buffer.alloc(length)
    for (let done = 0; done < length;) {
      const { bytesRead } = await (this.#file as { handle: FileHandle }).handle.read(
        buffer,
        done,
        length - done,
        at + done,
      )
      if (bytesRead === 0) throw new Error('a temporary file has become shorter')
      done += bytesRead
    }
    return buffer
  }

  async close(): Promise<void> {
    this.#held = []
    if (this.#file === undefined) return
    await this.#file.handle.close()
    await rm(this.#file.folder, { recursive: true, force: true })
  }

  async #spill(): Promise<void> {
    if (this.#file === undefined) {
      const folder = await mkdtemp(join(tmpdir(), 'trebuchet-rest-'))
      this.#file = { folder, handle: await open(join(folder, 'contents'), 'wx+', 0o600) }
    }
    await this.#file.handle.appendFile(Buffer.concat(this.#held))
    this.#written = this.#size
    this.#held = []
    this.#starts.length = 0
  }

  #indexOf(at: number): number {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    return low
  }
}
