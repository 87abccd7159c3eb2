/** Reads a folder in the thread that writes packages of it: names in path order, small contents in batches, large ones in segments. */
import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import { segmentBytes } from '../../packages/compression.ts'
import type { Item, Piece } from '../../packages/pieces.ts'
import { includes, type Filter } from '../../resources/glob.ts'
import { parentPath, quote, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import { Breath } from './breath.ts'
import { changed, readFault } from './faults.ts'
import { asFile, type HeldFolders } from './held-folders.ts'
import { Learner } from './learner.ts'
import { openRoot } from './root.ts'
import { differs, readWhole, settled } from './stable-file.ts'
import { walkAtOnce } from './walk.ts'

export interface PiecesOrder {
  /** Absolute, no link on its way. */
  readonly root: string
  /** In path order, none within another if they are read `deep`. */
  readonly paths: readonly ResourcePath[]
  readonly deep: boolean
  /** What these keep out is never opened; what lies below it still may be. */
  readonly filters: readonly Filter[]
  /** Where digests are remembered; nothing is when absent. */
  readonly cacheFolder?: string
}

const maxItems = 256

export async function* read(
  order: unknown,
  note: (text: string) => void,
  signal: AbortSignal,
): AsyncGenerator<Piece, void, void> {
  const { root, paths, deep, filters } = order as PiecesOrder
  const listing = openRoot(root)
  const learner = learnerOf(order as PiecesOrder, listing)
  const batch = new Batch(listing.fork(), learner)
  const breath = new Breath(signal)
  const isWanted = filters.length === 0 ? undefined : includes(filters)
  const notes: string[] = []
  const tell = (text: string): void => {
    if (notes.length < maxNotes) notes.push(text)
    note(text)
  }
  try {
    for (const start of paths) {
      let nothing = true
      for (const { path, folder } of walkAtOnce(listing, start, { deep, note: tell })) {
        nothing = false
        if (breath.due) await breath.take()
        if (isWanted?.(path) === false) {
          if (!folder) learner?.passed(path)
        } else if (folder) batch.addFolder(path)
        else if (!batch.addFile(path)) {
          if (!batch.empty) yield batch.take()
          yield* segmentsOfFile(batch.placeOf(path), path, batch.segment, { breath, learner })
          learner?.learn()
        }
        if (!batch.full) continue
        yield batch.take()
        learner?.learn()
      }
      if (nothing) throw new ReplicationError('missing', [`nothing is at ${quote(start)}`, ...notes].join('; '))
    }
    if (!batch.empty) yield batch.take()
    learner?.end()
  } finally {
    listing.close()
    batch.close()
  }
}

/** So many notes say why there is nothing. */
const maxNotes = 20

/** What is read of one folder, and all below it, is remembered. */
function learnerOf(
  { root, paths: [start, ...others], deep, cacheFolder }: PiecesOrder,
  { identity: { dev } }: HeldFolders,
): Learner | undefined {
  if (cacheFolder === undefined || !deep || start === undefined || others.length > 0) return undefined
  return new Learner({ folder: cacheFolder, root, dev, start })
}

class Batch {
  readonly #folders: HeldFolders
  readonly #learner: Learner | undefined
  readonly #bytes = Buffer.allocUnsafeSlow(2 * segmentBytes)
  #items: Item[] = []
  #used = 0

  constructor(folders: HeldFolders, learner: Learner | undefined) {
    this.#folders = folders
    this.#learner = learner
  }

  get empty(): boolean {
    return this.#items.length === 0
  }

  /** There may be no room for another file. */
  get full(): boolean {
    return this.#items.length >= maxItems || this.#used > segmentBytes
  }

  /** Where a segment has room, once the batch was taken. */
  get segment(): Buffer {
    return this.#bytes.subarray(0, segmentBytes)
  }

  addFolder(path: ResourcePath): void {
    this.#items.push({ type: 'folder', path })
  }

  /** Answers false for a file of more than a segment, and does nothing. */
  addFile(path: ResourcePath): boolean {
    const atMs = Date.now()
    let stats: Stats | undefined
    const look = (seen: Stats): void => void (stats = seen)
    const size = readWhole(this.placeOf(path), path, this.#bytes, this.#used, segmentBytes, look)
    if (size === undefined || stats === undefined) return false
    const item: Item = { type: 'file', path, size }
    this.#items.push(item)
    this.#learner?.saw(path, stats, atMs, item)
    this.#used += size
    return true
  }

  /** Its memory is used again by what is added next. */
  take(): Piece {
    const piece = { items: this.#items, bytes: this.#bytes.subarray(0, this.#used) }
    this.#items = []
    this.#used = 0
    return piece
  }

  placeOf(path: ResourcePath): string {
    try {
      return `${this.#folders.at(parentPath(path) ?? rootPath)}/${segmentsOf(path).at(-1) ?? ''}`
    } catch (error) {
      throw readFault(error, path)
    }
  }

  close(): void {
    this.#folders.close()
  }
}

/** As `readWhole`, for what is larger: a last segment only comes when all of it was what it was before. */
async function* segmentsOfFile(
  place: string,
  path: ResourcePath,
  into: Buffer,
  { breath, learner }: { readonly breath: Breath; readonly learner: Learner | undefined },
): AsyncGenerator<Piece, void, void> {
  const atMs = Date.now()
  let fd: number | undefined
  try {
    fd = openSync(place, asFile)
    const before = settled(fd, path)
    if (before.size <= into.length) throw changed(path)
    for (let at = 0, last = false; !last;) {
      if (breath.due) await breath.take()
      const bytes = into.subarray(0, fill(fd, into))
      at += bytes.length
      last = at >= before.size
      if (bytes.length === 0 || (last && isOther(fd, at, before))) throw changed(path)
      const piece: Piece = { ...(at === bytes.length && { path }), bytes, last }
      if (last) learner?.saw(path, before, atMs, piece)
      yield piece
    }
  } catch (error) {
    throw readFault(error, path)
  } finally {
    if (fd !== undefined) closeSync(fd)
  }
}

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
