/**
 * What a target folder holds already of what it is to hold: that need not be written, and a delta need not carry it. Nothing is taken
 * for it but a regular file, reached through no link, of which the content is known: read now, or remembered from when it
 * had this inode, size, mtime and ctime.
 */
import { lstatSync, type Stats } from 'node:fs'
import { ReplicationError } from '../../errors.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { BlockWriter } from '../../resources/listing.ts'
import { isWithin, parentPath, rootPath, segmentsOf, type ResourcePath } from '../../resources/path.ts'
import type { Breath } from './breath.ts'
import { codeOf, readFault } from './faults.ts'
import { isAbsent, type HeldFolders } from './held-folders.ts'
import { Remembered } from './remembered.ts'
import { readWhole, stateOf } from './stable-file.ts'

export interface PresentOptions {
  /** Absolute; of the same folder as the handles. */
  readonly root: string
  /** Where digests are remembered; nothing is when absent. */
  readonly cacheFolder: string | undefined
  /** Nothing that is remembered counts. */
  readonly verify: boolean
  /** By the file system's clock, ms: what changed before has been made durable. */
  readonly durableBefore: number
  readonly breath: Breath
}

/** `unsynced`: it is there, and nobody knows whether it would be after a crash. */
export type Presence = 'other' | 'unsynced' | 'durable'

type FileEntry = Extract<ManifestEntry, { type: 'file' }>

interface Level {
  readonly path: ResourcePath
  readonly place: string
  readonly isDurable: boolean
}

const scratchBytes = 1024 * 1024

/** To be asked in path order. */
export class Present {
  readonly #folders: HeldFolders
  readonly #options: PresentOptions
  readonly #remembered: Remembered | undefined
  readonly #lines = new BlockWriter()
  readonly #levels: Level[] = []
  #scratch: Buffer | undefined
  /** There is no such folder, and so nothing below it. */
  #absent: ResourcePath | undefined
  /** Else it may not be looked into. */
  #isMissing = false

  /** Takes `folders` over: it is closed with this. */
  constructor(folders: HeldFolders, options: PresentOptions) {
    this.#folders = folders
    this.#options = options
    const { cacheFolder, root, verify } = options
    const { dev } = folders.identity
    if (cacheFolder !== undefined)
      this.#remembered = new Remembered({
        folder: cacheFolder,
        root,
        dev,
        start: rootPath,
        verify,
        passing: true,
      })
  }

  folder(path: ResourcePath): Presence {
    const level = this.#enter(path)
    if (level === undefined) return 'other'
    return level.isDurable ? 'durable' : 'unsynced'
  }

  /**
   * Whether the entry's content is what the file at its path holds. Throws `unavailable` when the file changes meanwhile, or cannot be
   * read now.
   */
  async file(entry: FileEntry): Promise<Presence> {
    return this.#look(entry, undefined)
  }

  /** The same for whoever has the content, whole: what cannot be read is not there, for it can be written. */
  async same(entry: FileEntry, content: Buffer | undefined): Promise<Presence> {
    try {
      return await this.#look(entry, content)
    } catch (error) {
      if (error instanceof ReplicationError) return 'other'
      throw error
    }
  }

  /** Of what was asked about last and is not there: the outermost folder above it, or itself, that is not there either. */
  missing(path: ResourcePath): ResourcePath | undefined {
    return this.#absent !== undefined && this.#isMissing && isWithin(path, this.#absent) ? this.#absent : undefined
  }

  /** All has been asked about: what was read is remembered from now on. */
  end(): void {
    this.#remembered?.end()
  }

  close(): void {
    this.#folders.close()
  }

  async #look(entry: FileEntry, content: Buffer | undefined): Promise<Presence> {
    const { path, digest, size } = entry
    const folder = this.#enter(parentPath(path) ?? rootPath)
    if (folder === undefined || path === rootPath) return 'other'
    // By the name from the root, which takes half of the time that it takes through the held folder. Should that name lead
    // elsewhere by now, what is there is not what is remembered, or is the very file; and what is read is opened through the folder.
    const stats = statsAt(`${this.#options.root}${path}`)
    if (stats?.isFile() !== true || stats.size !== size) return 'other'
    const lines = this.#lines
    try {
      lines.begin(path)
      const isThere = this.#remembered?.has(path, lines) === true
      lines.endResource(digest, size)
      const known = isThere ? this.#remembered?.isLine(stats, lines) : undefined
      if (known !== undefined) return known ? this.#presence(stats, folder) : 'other'
      return await this.#read(`${folder.place}/${segmentsOf(path).at(-1) ?? ''}`, entry, folder, content)
    } finally {
      lines.forget()
    }
  }

  async #read(place: string, { path, digest }: FileEntry, folder: Level, content?: Buffer): Promise<Presence> {
    const readAtMs = Date.now()
    let stats: Stats | undefined
    try {
      if (content === undefined || content.length > scratchBytes) {
        const found = await stateOf(place, path, this.#buffer, this.#options.breath)
        if (found.digest === digest) stats = found.stats
      } else {
        let seen: Stats | undefined
        const size = readWhole(place, path, this.#buffer, 0, scratchBytes, (found) => void (seen = found))
        if (size !== undefined && content.equals(this.#buffer.subarray(0, size))) stats = seen
      }
    } catch (error) {
      // As good as not there: what is sent takes its place.
      if (error instanceof ReplicationError && ['EACCES', 'EPERM', 'EIO'].includes(codeOf(error.cause))) return 'other'
      throw error
    }
    if (stats === undefined) return 'other'
    this.#remembered?.put(path, stats, readAtMs, this.#lines)
    return this.#presence(stats, folder)
  }

  #presence({ ctimeMs }: Stats, folder: Level): Presence {
    return folder.isDurable && ctimeMs < this.#options.durableBefore ? 'durable' : 'unsynced'
  }

  #enter(path: ResourcePath): Level | undefined {
    if (this.#absent !== undefined && isWithin(path, this.#absent)) return undefined
    const levels = this.#levels
    for (let top = levels.at(-1); top !== undefined && !isWithin(path, top.path); top = levels.at(-1)) levels.pop()
    const top = levels.at(-1)
    if (top?.path === path) return top
    const parent = parentPath(path)
    const above = parent === undefined ? undefined : this.#enter(parent)
    if (parent !== undefined && above === undefined) return undefined
    try {
      const { place, ctimeMs } = this.#folders.look(path)
      const isDurable = above?.isDurable !== false && ctimeMs < this.#options.durableBefore
      const level = { path, place, isDurable }
      levels.push(level)
      return level
    } catch (error) {
      if (!isAbsent(error) && !['EACCES', 'EPERM'].includes(codeOf(error))) throw readFault(error, path)
      this.#absent = path
      this.#isMissing = isAbsent(error)
      return undefined
    }
  }

  get #buffer(): Buffer {
    return (this.#scratch ??= Buffer.allocUnsafeSlow(scratchBytes))
  }
}

function statsAt(place: string): Stats | undefined {
  try {
    return lstatSync(place, { throwIfNoEntry: false })
  } catch {
    // A name that is too long, or a folder that was swapped meanwhile.
    return undefined
  }
}
