import { lineFeed, stateOf } from './listing.ts'
import { comparePaths, type ResourcePath } from './path.ts'
import type { ResourceState } from './resource.ts'

/** How source and target stand at one path. */
export type Difference<S extends ResourceState = ResourceState> =
  | { readonly state: 'added'; readonly path: ResourcePath; readonly source: S; readonly target?: undefined }
  | { readonly state: 'removed'; readonly path: ResourcePath; readonly source?: undefined; readonly target: S }
  | {
      readonly state: 'changed' | 'same'
      readonly path: ResourcePath
      readonly source: S
      readonly target: S
    }

/** Whole lines, one for each state, equal for equal states; in path order, as those are that come behind them. */
export interface Lines {
  readonly bytes: Uint8Array
}

/** What the line between both places says. */
export type ReadLine = (bytes: Uint8Array, begin: number, end: number) => ResourceState

/** Lines that both sides have, folders among them. */
export interface SameLines {
  readonly same: Uint8Array
}

/**
 * What `differences` says of two listings as bytes, lines that both have together: what is equal is never looked at one by one. That they
 * are in path order whoever writes them sees to. `read` reads those of both: of a listing, if nothing else is said.
 */
export async function* byteDifferences(
  source: AsyncIterable<Lines>,
  target: AsyncIterable<Lines>,
  read: ReadLine = stateOf,
): AsyncGenerator<Difference | SameLines, void, void> {
  const [left, right] = [new LineCursor(source, read), new LineCursor(target, read)]
  try {
    for (;;) {
      const [hasLeft, hasRight] = await Promise.all([left.fill(), right.fill()])
      if (!hasLeft && !hasRight) return
      const length = hasLeft && hasRight ? commonLines(left, right) : 0
      if (length > 0) {
        yield { same: left.bytes.subarray(left.at, left.at + length) }
        left.pass(length)
        right.pass(length)
        continue
      }
      const [one, other] = [left.state(), right.state()]
      const order = one === undefined ? 1 : other === undefined ? -1 : comparePaths(one.path, other.path)
      if (one !== undefined && order < 0) yield { state: 'added', path: one.path, source: one }
      else if (other !== undefined && order > 0) yield { state: 'removed', path: other.path, target: other }
      else if (one !== undefined && other !== undefined)
        yield { state: one.digest === other.digest ? 'same' : 'changed', path: one.path, source: one, target: other }
      if (order <= 0) left.passLine()
      if (order >= 0) right.passLine()
    }
  } finally {
    await Promise.all([left.close(), right.close()])
  }
}

/** How far one has come in lines. */
export class LineCursor {
  bytes: Buffer = Buffer.alloc(0)
  at = 0
  readonly #blocks: AsyncIterator<Lines> | Iterator<Lines>
  readonly #read: ReadLine
  #state: ResourceState | undefined
  #end = 0

  constructor(blocks: AsyncIterable<Lines> | Iterable<Lines>, read: ReadLine) {
    this.#blocks = Symbol.asyncIterator in blocks ? blocks[Symbol.asyncIterator]() : blocks[Symbol.iterator]()
    this.#read = read
  }

  /** Whether there is a line. */
  fill(): boolean | Promise<boolean> {
    return this.at < this.bytes.length || this.#fill()
  }

  /** Of the line that is next; undefined behind the last. */
  state(): ResourceState | undefined {
    if (this.#state !== undefined || this.at === this.bytes.length) return this.#state
    this.#end = this.bytes.indexOf(lineFeed, this.at)
    return (this.#state = this.#read(this.bytes, this.at, this.#end))
  }

  passLine(): void {
    this.pass(this.#end + 1 - this.at)
  }

  pass(length: number): void {
    this.at += length
    this.#state = undefined
  }

  async close(): Promise<void> {
    await this.#blocks.return?.()
  }

  async #fill(): Promise<boolean> {
    while (this.at === this.bytes.length) {
      const { done, value } = await this.#blocks.next()
      if (done === true) return false
      this.bytes = Buffer.from(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length)
      this.at = 0
    }
    return true
  }
}

const firstStep = 512

/** How many bytes of whole lines both have from here on. */
export function commonLines(one: LineCursor, other: LineCursor): number {
  const most = Math.min(one.bytes.length - one.at, other.bytes.length - other.at)
  const isSame = (from: number, to: number): boolean =>
    one.bytes.compare(other.bytes, other.at + from, other.at + to, one.at + from, one.at + to) === 0
  if (isSame(0, most)) return most
  let same = 0
  // In steps that grow while nothing differs, and shrink once something does.
  let step = Math.min(firstStep, most)
  for (let grows = true; step > 0;) {
    const to = Math.min(same + step, most)
    if (isSame(same, to)) {
      same = to
      if (grows) step *= 2
    } else grows = false
    if (!grows) step = Math.floor(Math.min(step, most - same) / 2)
  }
  if (same === 0) return 0
  return one.bytes.lastIndexOf(lineFeed, one.at + same - 1) + 1 - one.at
}
