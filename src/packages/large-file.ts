import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { packedSegment, storedBlocks, streamEnd } from './compression.ts'
import { giveSegment, takeSegment } from './spare-segments.ts'

/** What was written: what the manifest must say of it. */
export interface Written {
  readonly digest: string
  readonly size: number
}

/** What the zip must say of a content behind it. */
export interface Sizes {
  readonly crc: number
  readonly size: number
  readonly packed: number
}

export type Append = (bytes: Uint8Array) => void

/** Content that comes in several segments, each awaited; then its memory is its owner's again. */
export abstract class LargeFile {
  size = 0
  readonly #hash = createHash('sha256')
  readonly #append: Append
  readonly #finish: (sizes: Sizes) => void
  #crc = 0
  #packed = 0

  constructor(append: Append, finish: (sizes: Sizes) => void) {
    this.#append = append
    this.#finish = finish
  }

  async add(segment: Uint8Array): Promise<void> {
    this.#hash.update(segment)
    this.#crc = crc32(segment, this.#crc)
    this.size += segment.length
    await this.put(segment)
  }

  async end(): Promise<Written> {
    await this.last()
    this.#finish({ crc: this.#crc, size: this.size, packed: this.#packed })
    return { digest: this.#hash.digest('hex'), size: this.size }
  }

  protected write(bytes: Uint8Array): void {
    this.#append(bytes)
    this.#packed += bytes.length
  }

  protected abstract put(segment: Uint8Array): Promise<void> | void
  protected abstract last(): Promise<void> | void
}

/** Written as it comes. */
export class StoredFile extends LargeFile {
  protected put(segment: Uint8Array): void {
    this.write(segment)
  }

  protected last(): void {
    // Nothing stands between the content and its sizes.
  }
}

/** So many segments are deflated at the same time, by threads of the pool. */
const atOnce = 3

/**
 * Deflated as it comes: each segment by itself, one behind the other in one stream. A segment that does not pack well, or so well that it would
 * pass for a bomb, is in stored blocks.
 */
export class PackedFile extends LargeFile {
  #first: Uint8Array | undefined
  readonly #going: {
    readonly segment: Buffer
    readonly buffer: Buffer
    readonly bytes: Promise<Uint8Array | undefined>
  }[] = []

  /** `first` is the first segment, packed. */
  constructor(append: Append, finish: (sizes: Sizes) => void, first: Uint8Array) {
    super(append, finish)
    this.#first = first
  }

  protected async put(given: Uint8Array): Promise<void> {
    if (this.#first !== undefined) {
      this.write(this.#first)
      this.#first = undefined
      return
    }
    if (this.#going.length === atOnce) await this.#writeNext()
    const buffer = takeSegment()
    buffer.set(given)
    const segment = buffer.subarray(0, given.length)
    const bytes = packedSegment(segment)
    // It is looked at when its turn comes.
    bytes.catch(() => undefined)
    this.#going.push({ segment, buffer, bytes })
  }

  protected async last(): Promise<void> {
    while (this.#going.length > 0) await this.#writeNext()
    this.write(streamEnd)
  }

  async #writeNext(): Promise<void> {
    const next = this.#going.shift()
    if (next === undefined) return
    const bytes = await next.bytes
    for (const piece of bytes === undefined ? storedBlocks(next.segment) : [bytes]) this.write(piece)
    giveSegment(next.buffer)
  }
}
