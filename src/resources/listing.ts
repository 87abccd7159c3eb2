/**
 * Listings as bytes, so that a hundred thousand states cross threads, are sealed, compared and kept without an object for each. A
 * line is JSON: `["/a/b","<digest>",12]` for what has content, `["/a"]` for a folder. Equal states have equal bytes.
 */
import { ReplicationError } from '../errors.ts'
import { comparePaths, quote, type ResourcePath } from './path.ts'
import type { ResourceState } from './resource.ts'

/** Some whole lines of a listing, in path order; the lines of the next block come behind them. */
export interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>
  /** How many of the lines have content. */
  readonly resources: number
  /** What was passed over before its end, and why. */
  readonly notes?: readonly string[]
}

type Line = readonly [path: ResourcePath, digest?: string, size?: number | null]

export const lineFeed = 10
const quotation = 34

export function lineOf({ path, digest, size }: ResourceState): string {
  return digest === undefined ? `[${JSON.stringify(path)}]\n` : `[${JSON.stringify(path)},${restOf(digest, size)}`
}

export function stateOf(bytes: Uint8Array, begin: number, end: number): ResourceState {
  return stateIn(JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + begin, end - begin).toString()) as Line)
}

export function stateIn([path, digest, size]: Line): ResourceState {
  if (digest === undefined) return { path }
  return typeof size === 'number' ? { path, digest, size } : { path, digest }
}

/** How many lines end from `begin` on, before `end`. */
export function countLines(bytes: Uint8Array, begin = 0, end = bytes.length): number {
  let count = 0
  for (let at = bytes.indexOf(lineFeed, begin); at >= 0 && at < end; at = bytes.indexOf(lineFeed, at + 1)) count++
  return count
}

/** Whether the line that ends with the line feed at `feed` is a folder's. */
export function isFolderLine(bytes: Uint8Array, feed: number): boolean {
  return bytes[feed - 2] === quotation
}

export function* statesOf(bytes: Uint8Array): Generator<ResourceState, void, void> {
  for (let begin = 0; begin < bytes.length;) {
    const end = bytes.indexOf(lineFeed, begin)
    yield stateOf(bytes, begin, end)
    begin = end + 1
  }
}

const blockBytes = 384 * 1024
/** The longest path, each byte of it escaped, and what is behind it. */
export const maxLineBytes = 6 * 4096 + 256

const plain = /^[ !#-[\]-~]*$/

/** Writes a listing down as blocks. */
export class BlockWriter {
  readonly #bytes = Buffer.allocUnsafeSlow(blockBytes + maxLineBytes)
  #used = 0
  #begun = 0
  #resources = 0
  #last: ResourcePath | undefined
  #before: ResourcePath | undefined

  /** All of the block so far, and where in it the line that was begun last is. */
  get bytes(): Buffer {
    return this.#bytes
  }

  get lineStart(): number {
    return this.#begun
  }

  get lineEnd(): number {
    return this.#used
  }

  get full(): boolean {
    return this.#used >= blockBytes
  }

  get empty(): boolean {
    return this.#used === 0
  }

  /** Begins the line of a path. Throws `rejected` for one that is out of order, for then what is missing cannot be told. */
  begin(path: ResourcePath): void {
    if (this.#last !== undefined && comparePaths(this.#last, path) >= 0)
      throw new ReplicationError('rejected', `the listing has ${quote(path)} behind ${quote(this.#last)}`)
    this.#before = this.#last
    this.#last = path
    this.#begun = this.#used
    if (plain.test(path)) this.#used += this.#bytes.write(`["${path}"`, this.#used, 'latin1')
    else this.#used += this.#bytes.write(`[${JSON.stringify(path)}`, this.#used)
  }

  /** Takes back what was begun last. */
  forget(): void {
    this.#last = this.#before
    this.#used = this.#begun
  }

  endFolder(): void {
    this.#used += this.#bytes.write(']\n', this.#used, 'latin1')
  }

  endResource(digest: string, size: number | undefined): void {
    this.#used += this.#bytes.write(`,${restOf(digest, size)}`, this.#used, 'latin1')
    this.#resources++
  }

  /** Ends the line of something with content as another line ends, of the same path. */
  endAs(line: Uint8Array, begin: number, end: number): void {
    const from = begin + this.#used - this.#begun
    this.#bytes.set(line.subarray(from, end), this.#used)
    this.#used += end - from
    this.#resources++
  }

  /** What was written since it was taken last. */
  take(): Block {
    const bytes = new Uint8Array(this.#used)
    bytes.set(this.#bytes.subarray(0, this.#used))
    const block = { bytes, resources: this.#resources }
    this.#used = 0
    this.#resources = 0
    return block
  }
}

function restOf(digest: string, size: number | undefined): string {
  return `${JSON.stringify(digest)},${size ?? 'null'}]\n`
}
