import { ReplicationError } from '../errors.ts'
import { quote } from '../resources/path.ts'
import { EntryOrder } from './entry-order.ts'
import { checkRatio, checkTotal, chunksOfManifest, type Frame } from './frame.ts'
import type { PackageLimits } from './limits.ts'
import { bytesBehindHeader, entriesIn } from './manifest-reader.ts'
import type { ManifestEntry } from './manifest.ts'
import { metaNames } from './meta-files.ts'
import type { RandomAccess, Window } from './random-access.ts'
import { faultInName, zipEntries, type ZipEntry } from './zip-directory.ts'
import { Layout, locate } from './zip-local.ts'
import { ZipNames } from './zip-name.ts'

/** The manifest and the properties. */
const metasBehind = 2

export type FileEntry = Extract<ManifestEntry, { type: 'file' }>

/** An entry of the manifest; of a file also what the zip says of it, and where its content begins. */
export type Located =
  | { readonly entry: FileEntry; readonly zipEntry: ZipEntry; readonly data: number }
  /** Of a delta: its content is elsewhere. */
  | { readonly entry: FileEntry; readonly held: true }
  | { readonly entry: Exclude<ManifestEntry, FileEntry> }

/** The manifest's entries, a chunk's at a time. */
export function manifestEntries(access: RandomAccess, frame: Frame): AsyncGenerator<ManifestEntry[], void, void> {
  return entriesIn(chunksOfManifest(access, frame))
}

/** Their lines, a chunk's at a time. */
export function manifestBytes(access: RandomAccess, frame: Frame): AsyncGenerator<Buffer, void, void> {
  return bytesBehindHeader(chunksOfManifest(access, frame))
}

/**
 * Goes through the manifest and the zip side by side, in their one order, and checks all but the contents themselves. What
 * is wrong at the end of the zip comes out at the end: when this has ended, each entry is there, and nothing else. In a delta a
 * file that is not the next in the zip is held: what is there still comes in the manifest's order.
 */
export async function* walk(
  access: RandomAccess,
  frame: Frame,
  limits: PackageLimits,
  window: Window,
): AsyncGenerator<Located, void, void> {
  const { end, extents, outline, delta } = frame
  const order = new EntryOrder(outline.header, limits)
  const names = new ZipNames()
  const layout = new Layout(extents)
  const directory = new Cursor(frame.directory ?? zipEntries(access, end))
  let carried = 0
  try {
    for (let i = metasBehind; i < extents.length; i++) await directory.take()
    for await (const entries of manifestEntries(access, frame))
      for (const entry of entries) {
        order.admit(entry)
        if (entry.type === 'delete') {
          yield { entry }
          continue
        }
        const name = names.nameOf(entry)
        // The folder of all content stands beside it, and was read with the frame.
        if (name === metaNames.content) {
          yield { entry: entry as Exclude<ManifestEntry, FileEntry> }
          continue
        }
        const zipEntry = directory.here ?? (await directory.next())
        if (zipEntry?.name.equals(Buffer.from(name)) !== true) {
          if (!delta || entry.type !== 'file') throw notThere(name, zipEntry)
          yield { entry, held: true }
          continue
        }
        directory.pass()
        const extent = await locate(window, zipEntry)
        layout.add(extent, zipEntry.name)
        if (entry.type === 'file') {
          checkSize(entry, zipEntry)
          checkRatio(zipEntry, limits)
          checkTotal((carried += entry.size), access.size, limits)
          yield { entry, zipEntry, data: extent.data }
        } else yield { entry }
      }
    const behind = await directory.take()
    for (let i = 1; i < metasBehind; i++) await directory.take()
    // The frame has seen which are the last; there must be no others before them.
    if ((await directory.take()) !== undefined && behind !== undefined)
      throw faultInName(behind.name) ?? unlisted(behind.name)
    layout.finish(end.start)
  } finally {
    await directory.close()
  }
}

/** The central directory, an entry at a time. */
class Cursor {
  readonly #held: readonly ZipEntry[]
  readonly #read: AsyncGenerator<ZipEntry, void> | undefined
  #at = 0
  #seen: ZipEntry | undefined

  constructor(entries: readonly ZipEntry[] | AsyncGenerator<ZipEntry, void>) {
    this.#held = Array.isArray(entries) ? entries : []
    this.#read = Array.isArray(entries) ? undefined : (entries as AsyncGenerator<ZipEntry, void>)
  }

  /** The next one, if it need not be waited for. */
  get here(): ZipEntry | undefined {
    return this.#seen ?? this.#held[this.#at]
  }

  /** Stays the next one until it is passed. */
  async next(): Promise<ZipEntry | undefined> {
    this.#seen ??= this.#read === undefined ? this.#held[this.#at] : ((await this.#read.next()).value ?? undefined)
    return this.#seen
  }

  pass(): void {
    this.#seen = undefined
    this.#at++
  }

  async take(): Promise<ZipEntry | undefined> {
    const entry = await this.next()
    this.pass()
    return entry
  }

  async close(): Promise<void> {
    await this.#read?.return()
  }
}

/** What is in the place of the entry that the manifest demands. */
function notThere(name: string, zipEntry: ZipEntry | undefined): ReplicationError {
  const found = zipEntry?.name.toString()
  if (zipEntry === undefined || found === metaNames.manifest)
    return new ReplicationError('corrupt', `package: the manifest lists ${quote(name)}, and its content is not there`)
  return (
    faultInName(zipEntry.name) ??
    new ReplicationError(
      'corrupt',
      `package entry ${quote(found as string)} is not listed there: the manifest has ${quote(name)}`,
    )
  )
}

function checkSize({ size, path }: FileEntry, zipEntry: ZipEntry): void {
  if (zipEntry.size !== size)
    throw new ReplicationError(
      'corrupt',
      `package entry ${quote(path)} has ${zipEntry.size} bytes, its manifest says ${size}; export it again`,
    )
}

function unlisted(name: Buffer): ReplicationError {
  return new ReplicationError('corrupt', `package entry ${quote(name.toString())} is not listed in the manifest`)
}
