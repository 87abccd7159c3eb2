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

/** The same, for a thread that may have to wait before it begins. */
export interface KeptWalk extends Walked {
  /** Shared with all threads: 0 once something was applied to the folder. */
  readonly counts: Int32Array
}

/** The same for a survey, with all lines that a manifest would have of it, in an open file without a name. */
export interface WalkedLines extends KeptWalk {
  readonly fd: number
}

interface Place {
  readonly root: string
  readonly path: ResourcePath
}

interface Kept {
  readonly place: Place
  readonly walked: KeptWalk
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
export class Walks {
  readonly #kept = new Map<string, Kept>()
  /** Of each walk that is under way, kept or in use, where it goes through. */
  readonly #counting = new Map<Int32Array, Place>()

  /** Makes a walk, which writes its lines to the open file, and keeps what it has found; where there can be no file, that is not kept. */
  async keep(
    delivery: string,
    { cacheFolder, ...place }: Place & { readonly cacheFolder: string | undefined },
    walk: (fd: number | undefined) => Promise<Walked>,
  ): Promise<Walked> {
    const lines = await nameless(cacheFolder)
    if (lines === undefined) return walk(undefined)
    const counts = new Int32Array(new SharedArrayBuffer(4)).fill(1)
    this.#counting.set(counts, place)
    try {
      const walked = { ...(await walk(lines.fd)), counts }
      for (const old of [delivery, ...[...this.#kept.keys()].slice(0, Math.max(0, this.#kept.size - most + 1))])
        this.#drop(old)
      const end = setTimeout(() => this.#drop(delivery), goodMs).unref()
      this.#kept.set(delivery, { place, walked, lines, end })
      return walked
    } catch (error) {
      this.#counting.delete(counts)
      await lines.close()
      throw error
    }
  }

  /** What was found of the folder's `regions` for this delivery. */
  find(delivery: string | undefined, root: string, regions: readonly ResourcePath[]): KeptWalk | undefined {
    return this.#of(delivery, root, regions)?.[1].walked
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
    const { walked, lines, end } = found
    this.#kept.delete(asked)
    clearTimeout(end)
    try {
      return await use({ ...walked, fd: lines.fd })
    } finally {
      this.#counting.delete(walked.counts)
      await lines.close()
    }
  }

  /** For what changes a folder: nothing that was found there before or meanwhile counts behind it. */
  async during<T>(root: string, change: () => Promise<T>): Promise<T> {
    this.#forget(root)
    try {
      return await change()
    } finally {
      this.#forget(root)
    }
  }

  #forget(root: string): void {
    for (const [counts, place] of this.#counting)
      if (`${root}/`.startsWith(`${place.root}/`) || `${place.root}/`.startsWith(`${root}/`))
        Atomics.store(counts, 0, 0)
  }

  /** A mirror in parts is carried out by one delivery of several. */
  #of(delivery: string | undefined, root: string, regions: readonly ResourcePath[]): [string, Kept] | undefined {
    if (delivery === undefined) return undefined
    for (const [asked, kept] of this.#kept)
      if (delivery === asked || delivery.startsWith(`${asked}/`))
        return kept.place.root === root && regions.length === 1 && regions[0] === kept.place.path
          ? [asked, kept]
          : undefined
    return undefined
  }

  #drop(delivery: string): void {
    const kept = this.#kept.get(delivery)
    if (kept === undefined) return
    this.#kept.delete(delivery)
    this.#counting.delete(kept.walked.counts)
    clearTimeout(kept.end)
    void kept.lines.close()
  }
}

export const walks = new Walks()

/** What was found, where it still says what is there, and that all of it is durable: of what is not, whoever relies on it would have to know where it is. */
export function stillGood<T extends KeptWalk>(
  { walked, verify }: { readonly walked?: T | undefined; readonly verify: boolean },
  { durableBefore }: { readonly durableBefore: number },
): T | undefined {
  if (walked === undefined || verify || walked.newestMs >= durableBefore) return undefined
  return Atomics.load(walked.counts, 0) === 1 ? walked : undefined
}

/** Undefined where there can be none. */
async function nameless(folder: string | undefined): Promise<FileHandle | undefined> {
  if (folder === undefined) return undefined
  try {
    await mkdir(folder, { recursive: true })
    const name = join(folder, `walk.${randomUUID()}`)
    const file = await open(name, 'wx+', 0o600)
    await unlink(name)
    return file
  } catch {
    return undefined
  }
}

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
