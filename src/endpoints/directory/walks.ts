import { randomUUID } from 'node:crypto'
import { readSync } from 'node:fs'
import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { ListingSum } from '../../packages/manifest-text.ts'
import type { ResourcePath } from '../../resources/path.ts'

/** What a walk through a folder has found. */
export interface Walked extends ListingSum {
  /** When the newest of it was changed, or came to its place, and all folders above: ms, of the file system's clock. */
  readonly newestMs: number
}

/** The same for a survey, with all lines that a manifest would have of it, in an open file without a name. */
export interface WalkedLines extends Walked {
  readonly fd: number
}

interface Kept extends Walked {
  readonly root: string
  readonly path: ResourcePath
  readonly lines: FileHandle
  readonly end: NodeJS.Timeout
}

const lineFeed = 0x0a
/** More than a line has. */
const readBytes = 256 * 1024

/** What was found longer ago says too little of what is there now. */
const goodMs = 10_000
/** So many are kept, of a file each. */
const most = 16

/**
 * Walks that were made because another server asked, for the sake of a delivery, what a target holds: what comes of that delivery within
 * seconds need not look at all of it once more. Good for that delivery alone, until something is applied to the folder by this process.
 */
class Walks {
  readonly #kept = new Map<string, Kept>()

  /** An open file for the lines. Undefined: they are not kept. */
  async begin(cacheFolder: string | undefined): Promise<FileHandle | undefined> {
    if (cacheFolder === undefined) return undefined
    try {
      await mkdir(cacheFolder, { recursive: true })
      const name = join(cacheFolder, `walk.${randomUUID()}`)
      const lines = await open(name, 'wx+', 0o600)
      await unlink(name)
      return lines
    } catch {
      // It is walked again.
      return undefined
    }
  }

  /** Takes the file over. */
  keep(delivery: string, lines: FileHandle, found: Walked & Pick<Kept, 'root' | 'path'>): void {
    for (const old of [delivery, ...[...this.#kept.keys()].slice(0, Math.max(0, this.#kept.size - most + 1))])
      this.#drop(old)
    const end = setTimeout(() => this.#drop(delivery), goodMs).unref()
    this.#kept.set(delivery, { ...found, lines, end })
  }

  /** What was found of the folder's `regions` for this delivery. */
  find(delivery: string | undefined, root: string, regions: readonly ResourcePath[]): Walked | undefined {
    const [, found] = this.#of(delivery, root, regions) ?? []
    return found && { listing: found.listing, entries: found.entries, bytes: found.bytes, newestMs: found.newestMs }
  }

  /** The same with its lines, once, for as long as `use` takes. */
  async lend<T>(
    delivery: string | undefined,
    root: string,
    regions: readonly ResourcePath[],
    use: (walked: WalkedLines | undefined) => Promise<T>,
  ): Promise<T> {
    const [asked, found] = this.#of(delivery, root, regions) ?? []
    if (asked === undefined || found === undefined) return use(undefined)
    this.#kept.delete(asked)
    clearTimeout(found.end)
    const { listing, entries, bytes, newestMs, lines } = found
    try {
      return await use({ listing, entries, bytes, newestMs, fd: lines.fd })
    } finally {
      await lines.close()
    }
  }

  /** To be told before something is applied to a folder: nothing that was found there counts any more. */
  forget(root: string): void {
    for (const [delivery, kept] of this.#kept)
      if (`${root}/`.startsWith(`${kept.root}/`) || `${kept.root}/`.startsWith(`${root}/`)) this.#drop(delivery)
  }

  /** A mirror in parts is carried out by one delivery of several. */
  #of(delivery: string | undefined, root: string, regions: readonly ResourcePath[]): [string, Kept] | undefined {
    if (delivery === undefined) return undefined
    for (const [asked, kept] of this.#kept)
      if (delivery === asked || delivery.startsWith(`${asked}/`))
        return kept.root === root && regions.length === 1 && regions[0] === kept.path ? [asked, kept] : undefined
    return undefined
  }

  #drop(delivery: string): void {
    const kept = this.#kept.get(delivery)
    if (kept === undefined) return
    this.#kept.delete(delivery)
    clearTimeout(kept.end)
    void kept.lines.close()
  }
}

export const walks = new Walks()

/** The lines, whole ones, some at a time. */
export async function* linesAt(fd: number): AsyncGenerator<{ readonly bytes: Buffer }, void, void> {
  for (let at = 0; ;) {
    const bytes = Buffer.allocUnsafeSlow(readBytes)
    const read = readSync(fd, bytes, 0, readBytes, at)
    if (read === 0) return
    const end = bytes.lastIndexOf(lineFeed, read - 1) + 1
    if (end === 0) throw new Error('what was found has a line without an end')
    yield { bytes: bytes.subarray(0, end) }
    at += end
  }
}
