/** Files and folders as pieces of a package: small contents in batches, large ones in segments. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { segmentBytes } from '../../packages/compression.ts'
import type { Item, Piece } from '../../packages/pieces.ts'
import { parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { factsOf, filesIn, maxFiles, type ReadFiles } from './ahead-thread.ts'
import type { Breath } from './breath.ts'
import { changed, readFault } from './faults.ts'
import { asFile, type HeldFolders } from './held-folders.ts'
import type { Learner } from './learner.ts'
import { differs, readWhole, settled } from './stable-file.ts'

/** `passed`: a file that is not wanted. */
export interface Entry {
  readonly path: ResourcePath
  readonly type: 'file' | 'folder' | 'passed'
}

export class PieceReader {
  readonly #folders: HeldFolders
  readonly #learner: Learner | undefined
  readonly #breath: Breath
  readonly #bytes = Buffer.allocUnsafeSlow(2 * segmentBytes)
  #items: Item[] = []
  #used = 0

  constructor(folders: HeldFolders, learner: Learner | undefined, breath: Breath) {
    this.#folders = folders
    this.#learner = learner
    this.#breath = breath
  }

  /** The next entries; what does not fill a piece is kept for the next. */
  async *read(entries: readonly Entry[]): AsyncGenerator<Piece, void, void> {
    for (const { path, type } of entries) {
      if (this.#breath.due) await this.#breath.take()
      if (type === 'passed') this.#learner?.passed(path)
      else if (type === 'folder') this.#items.push({ type, path })
      else if (!this.#addFile(path)) {
        yield* this.rest()
        yield* this.#segmentsOf(path)
        this.#learner?.learn()
      }
      if (this.#items.length < maxFiles && this.#used <= segmentBytes) continue
      yield* this.rest()
      this.#learner?.learn()
    }
  }

  /** What is kept of those before. */
  *rest(): Generator<Piece, void, void> {
    if (this.#items.length === 0) return
    const piece = { items: this.#items, bytes: this.#bytes.subarray(0, this.#used) }
    this.#items = []
    this.#used = 0
    yield piece
  }

  /** As `read`, when the files have been read by another thread, as far as it could: takes the entries that it was for, and keeps nothing. */
  async *readBefore(read: ReadFiles, entries: Entry[]): AsyncGenerator<Piece, void, void> {
    yield* this.rest()
    const bytes = Buffer.from(read.into)
    let [items, begin, used, digit]: [Item[], number, number, number] = [[], 0, 0, 0]
    let taken = 0
    for (let file = 0; file < filesIn(read); taken++) {
      const { path, type } = entries[taken] as Entry
      if (type === 'passed') this.#learner?.passed(path)
      else if (type === 'folder') items.push({ type, path })
      else {
        const facts = factsOf(read, file++)
        if (facts === undefined) {
          if (items.length > 0) yield { items, bytes: bytes.subarray(begin, used) }
          items = []
          begin = used
          yield* this.read([{ path, type }])
          yield* this.rest()
          continue
        }
        const { stats, atMs, crc } = facts
        const digest = read.digests.slice(digit, (digit += digestDigits))
        const item = { type, path, size: stats.size, sums: { digest, crc }, digest }
        items.push(item)
        this.#learner?.saw(path, stats, atMs, item)
        used += stats.size
      }
    }
    entries.splice(0, taken)
    if (items.length > 0) yield { items, bytes: bytes.subarray(begin, used) }
    this.#learner?.learn()
  }

  close(): void {
    this.#folders.close()
  }

  /** Answers false for a file of more than a segment, and does nothing. */
  #addFile(path: ResourcePath): boolean {
    const atMs = Date.now()
    let stats: Stats | undefined
    const look = (seen: Stats): void => void (stats = seen)
    const size = readWhole(this.#placeOf(path), path, this.#bytes, this.#used, segmentBytes, look)
    if (size === undefined || stats === undefined) return false
    const item: Item = { type: 'file', path, size }
    this.#items.push(item)
    this.#learner?.saw(path, stats, atMs, item)
    this.#used += size
    return true
  }

  #placeOf(path: ResourcePath): string {
    try {
      return `${this.#folders.at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`
    } catch (error) {
      throw readFault(error, path)
    }
  }

  /** As `readWhole`, for what is larger: a last segment only comes when all of it was what it was before. */
  async *#segmentsOf(path: ResourcePath): AsyncGenerator<Piece, void, void> {
    const place = this.#placeOf(path)
    const into = this.#bytes.subarray(0, segmentBytes)
    const atMs = Date.now()
    let fd: number | undefined
    try {
      fd = openSync(place, asFile)
      const before = settled(fd, path)
      if (before.size <= into.length) throw changed(path)
      for (let at = 0, last = false; !last;) {
        if (this.#breath.due) await this.#breath.take()
        const bytes = into.subarray(0, fill(fd, into))
        at += bytes.length
        last = at >= before.size
        if (bytes.length === 0 || (last && isOther(fd, at, before))) throw changed(path)
        const piece: Piece = { ...(at === bytes.length && { path }), bytes, last }
        if (last) this.#learner?.saw(path, before, atMs, piece)
        yield piece
      }
    } catch (error) {
      throw readFault(error, path)
    } finally {
      if (fd !== undefined) closeSync(fd)
    }
  }
}

const digestDigits = 64

function fill(fd: number, into: Buffer): number {
  let read = 0
  while (read < into.length) {
    const got = readSync(fd, into, read, into.length - read, null)
    if (got === 0) break
    read += got
  }
  return read
}

function isOther(fd: number, read: number, before: Stats): boolean {
  return read !== before.size || differs(before, fstatSync(fd))
}
