import type { Piece } from './pieces.ts'

/** How large a package may become before the tree goes on in another one. */
export interface PartLimits {
  /** Contents and deletions; and as many folders besides, which cost but a line each. */
  readonly maxEntries: number
  /** Unpacked. */
  readonly maxBytes: number
}

/** How much a part holds. It ends with the entry that fills it, so the same tree is always cut in the same way. */
interface PartSize {
  /** And deletions. */
  readonly contents: number
  readonly folders: number
  /** Unpacked. */
  readonly bytes: number
}

export function isFull({ contents, folders, bytes }: PartSize, { maxEntries, maxBytes }: PartLimits): boolean {
  return contents >= maxEntries || folders >= maxEntries || bytes >= maxBytes
}

/** Counts what a part holds. */
export class PartCount implements PartSize {
  contents = 0
  folders = 0
  bytes = 0
  readonly #limits: PartLimits

  constructor(limits: PartLimits) {
    this.#limits = limits
  }

  get full(): boolean {
    return isFull(this, this.#limits)
  }

  add(type: 'content' | 'folder'): void {
    if (type === 'folder') this.folders++
    else this.contents++
  }
}

/** Told how much has been read of all. */
export type Tally = (entries: number, bytes: number) => void

/** Cuts pieces into parts, at least one. Each must be read to its end before the next is asked for. */
export class PieceParts {
  readonly #pieces: AsyncGenerator<Piece, void, void>
  readonly #limits: PartLimits
  readonly #tally: Tally
  readonly #all = { entries: 0, bytes: 0 }
  #next: Piece | undefined

  constructor(pieces: AsyncGenerator<Piece, void, void>, limits: PartLimits, tally: Tally) {
    this.#pieces = pieces
    this.#limits = limits
    this.#tally = tally
  }

  async *part(): AsyncGenerator<Piece, void, void> {
    const count = new PartCount(this.#limits)
    let isWithin = false
    for (;;) {
      if (count.full && !isWithin) return
      const piece = await this.#peek()
      if (piece === undefined) return
      if ('items' in piece) {
        const taken = this.#take(piece, count)
        yield taken
        continue
      }
      if (!isWithin) count.add('content')
      count.bytes += piece.bytes.length
      isWithin = !piece.last
      this.#tally((this.#all.entries += piece.path === undefined ? 0 : 1), (this.#all.bytes += piece.bytes.length))
      this.#next = undefined
      yield piece
    }
  }

  /** Whether there is another part. */
  async more(): Promise<boolean> {
    return (await this.#peek()) !== undefined
  }

  async close(): Promise<void> {
    await this.#pieces.return()
  }

  async #peek(): Promise<Piece | undefined> {
    if (this.#next !== undefined) return this.#next
    const next = await this.#pieces.next()
    return next.done === true ? undefined : (this.#next = next.value)
  }

  /** As much of the batch as fits. */
  #take(batch: Extract<Piece, { items: unknown }>, count: PartCount): Piece {
    const before = count.bytes
    let carried = 0
    let n = 0
    while (n < batch.items.length && !count.full) {
      const item = batch.items[n++]
      count.add(item?.type === 'folder' ? 'folder' : 'content')
      if (item === undefined || !('size' in item)) continue
      count.bytes += item.size
      if (item.type === 'file') carried += item.size
    }
    this.#tally((this.#all.entries += n), (this.#all.bytes += count.bytes - before))
    const isWhole = n === batch.items.length
    this.#next = isWhole ? undefined : { items: batch.items.slice(n), bytes: batch.bytes.subarray(carried) }
    return isWhole ? batch : { items: batch.items.slice(0, n), bytes: batch.bytes.subarray(0, carried) }
  }
}
