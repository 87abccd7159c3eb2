import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import { comparePaths, quote, type ResourcePath } from '../resources/path.ts'
import { segmentBytes } from './compression.ts'
import { contentStream, unpack, unpacked } from './content.ts'
import { EntryOrder } from './entry-order.ts'
import { checkRatio, checkTotal, readFrame, type Frame } from './frame.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import { entriesIn } from './manifest-reader.ts'
import type { ManifestEntry, ManifestHeader, PackageFile, PackageId, PackageOrigin } from './manifest.ts'
import { metaNames } from './meta-files.ts'
import { fileAccess, Window, type RandomAccess } from './random-access.ts'
import { Regions } from './regions.ts'
import { storageError } from './storage-error.ts'
import { faultInName, zipEntries, type ZipEntry } from './zip-directory.ts'
import { Layout, locate, type Extent } from './zip-local.ts'
import { ZipNames } from './zip-name.ts'

type FileEntry = Extract<ManifestEntry, { type: 'file' }>

/** An entry of the manifest, with its bytes. */
export type PackageChange =
  /**
   * Up to 1 MiB comes whole and verified. What is larger is a stream that fails with `corrupt` when its digest or size is
   * another; whoever does not read it to its end has not verified it. It may be read later, until the package is closed.
   */
  | { readonly kind: 'put'; readonly entry: FileEntry; readonly content: Buffer | Readable }
  | { readonly kind: 'folder'; readonly entry: Extract<ManifestEntry, { type: 'folder' }> }
  | { readonly kind: 'delete'; readonly entry: Extract<ManifestEntry, { type: 'delete' }> }

export interface ReadOptions {
  /** Only what lies within these; all else is still checked, except for its content. */
  readonly paths?: readonly ResourcePath[]
  readonly signal?: AbortSignal
}

const windowBytes = 512 * 1024
const batchEntries = 256
const batchBytes = 1024 * 1024

/**
 * Opens a package, trusting nothing of it, and reads its manifest's first line and digest. Works on the main thread (it
 * never blocks for longer than a batch takes) as in any other. Throws `corrupt`, `invalid`, `too-large`; `corrupt` too when
 * a PackageFile's id is not the package's own; `missing` when there is no such file.
 */
export async function openPackage(
  file: string | PackageFile,
  limits: PackageLimits = defaultLimits,
): Promise<PackageReader> {
  const known = typeof file === 'string' ? undefined : file.id
  let access: RandomAccess
  try {
    access = await fileAccess(typeof file === 'string' ? file : file.file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new ReplicationError('missing', `package ${known ?? ''} is not in the store`, { cause })
    throw storageError(cause, 'opening a package')
  }
  return readPackage(access, limits, known)
}

/** The same over any bytes; closes them when it throws. */
export async function readPackage(
  access: RandomAccess,
  limits: PackageLimits = defaultLimits,
  known?: PackageId,
): Promise<PackageReader> {
  try {
    const frame = await readFrame(access, limits)
    if (known !== undefined && frame.outline.id !== known)
      throw new ReplicationError('corrupt', `package ${known}: its manifest has the digest of ${frame.outline.id}`)
    return new PackageReader(access, limits, frame)
  } catch (error) {
    await access.close()
    throw error
  }
}

/** An open package. Any number of readings may go on at the same time. */
export class PackageReader {
  readonly id: PackageId
  readonly header: ManifestHeader
  readonly origin: PackageOrigin | undefined
  /** How many the manifest lists. */
  readonly entryCount: number
  readonly zipBytes: number
  readonly #access: RandomAccess
  readonly #limits: PackageLimits
  readonly #frame: Frame

  constructor(access: RandomAccess, limits: PackageLimits, frame: Frame) {
    this.#access = access
    this.#limits = limits
    this.#frame = frame
    this.id = frame.outline.id
    this.header = frame.outline.header
    this.origin = frame.origin
    this.entryCount = frame.outline.entries
    this.zipBytes = access.size
  }

  /** One by one what `batches` gives. */
  async *changes(options: ReadOptions = {}): AsyncGenerator<PackageChange, void, void> {
    for await (const batch of this.batches(options)) yield* batch
  }

  /**
   * The changes in the manifest's order, up to 256 or some 1 MiB at a time. The package as a whole is verified when this
   * has ended without an error, and no sooner: nothing may be applied for good before.
   */
  async *batches({ paths, signal }: ReadOptions = {}): AsyncGenerator<PackageChange[], void, void> {
    const { end, extents } = this.#frame
    const wanted = paths === undefined ? undefined : new Regions(paths)
    const order = new EntryOrder(this.header, this.#limits)
    const names = new ZipNames()
    const layout = new Layout(extents)
    const window = new Window(this.#access, windowBytes)
    const directory = zipEntries(this.#access, end)
    let batch: PackageChange[] = []
    let bytes = 0
    try {
      for (let i = 0; i < extents.length; i++) await directory.next()
      for await (const entries of this.manifest())
        for (const entry of entries) {
          order.admit(entry)
          checkTotal(order.bytes, this.zipBytes, this.#limits)
          const zipEntry = entry.type === 'delete' ? undefined : await nextOf(directory, names.nameOf(entry))
          let extent: Extent | undefined
          if (zipEntry !== undefined) {
            extent = await locate(window, zipEntry)
            layout.add(extent, zipEntry.name)
          }
          if (entry.type === 'file') this.#checkFile(entry, zipEntry as ZipEntry)
          if (wanted === undefined || wanted.hold(entry.path)) {
            batch.push(await this.#change(entry, window, zipEntry, extent))
            bytes += entry.type === 'file' && entry.size <= segmentBytes ? entry.size : 0
          }
          if (batch.length >= batchEntries || bytes >= batchBytes) {
            signal?.throwIfAborted()
            yield batch
            batch = []
            bytes = 0
            // Where all is in memory nothing of this waits, and other work would never have its turn.
            await setImmediate()
          }
        }
      const { done, value } = await directory.next()
      if (done !== true) throw faultInName(value.name) ?? unlisted(value.name)
      layout.finish(end.start)
    } finally {
      await directory.return()
    }
    signal?.throwIfAborted()
    if (batch.length > 0) yield batch
  }

  /** One page of the manifest: the entries behind the path `after`. */
  async entries({ after, limit }: { readonly after?: ResourcePath; readonly limit: number }): Promise<ManifestEntry[]> {
    const page: ManifestEntry[] = []
    for await (const entries of this.manifest())
      for (const entry of entries) {
        if (after !== undefined && comparePaths(entry.path, after) <= 0) continue
        if (page.length >= limit) return page
        page.push(entry)
      }
    return page
  }

  async close(): Promise<void> {
    await this.#access.close()
  }

  /** The manifest alone, a batch at a time, in order; its lines are checked, the content is not looked at. */
  manifest(): AsyncGenerator<ManifestEntry[], void, void> {
    const { entry, extent } = this.#frame.manifest
    return entriesIn(unpacked(this.#access, entry, extent.data))
  }

  #checkFile({ size, path }: FileEntry, zipEntry: ZipEntry): void {
    if (zipEntry.size !== size)
      throw new ReplicationError(
        'corrupt',
        `package entry ${quote(path)} has ${zipEntry.size} bytes, its manifest says ${size}; export it again`,
      )
    checkRatio(zipEntry, this.#limits)
  }

  async #change(
    entry: ManifestEntry,
    window: Window,
    zipEntry: ZipEntry | undefined,
    extent: Extent | undefined,
  ): Promise<PackageChange> {
    if (entry.type === 'folder') return { kind: 'folder', entry }
    if (entry.type === 'delete') return { kind: 'delete', entry }
    const { data } = extent as Extent
    const found = zipEntry as ZipEntry
    if (entry.size > segmentBytes)
      return { kind: 'put', entry, content: contentStream(this.#access, found, data, entry) }
    return { kind: 'put', entry, content: unpack(found, await window.load(data, found.packed), entry) }
  }
}

/** The next entry of the central directory, which must have this name. The content's own folder has been read before. */
async function nextOf(directory: AsyncIterator<ZipEntry, void>, name: string): Promise<ZipEntry | undefined> {
  if (name === metaNames.content) return undefined
  const { done, value } = await directory.next()
  if (done === true)
    throw new ReplicationError('corrupt', `package: the manifest lists ${quote(name)}, and its content is not there`)
  if (value.name.equals(Buffer.from(name))) return value
  const fault = faultInName(value.name)
  if (fault !== undefined) throw fault
  const found = quote(value.name.toString())
  throw new ReplicationError('corrupt', `package entry ${found} is not listed there: the manifest has ${quote(name)}`)
}

function unlisted(name: Buffer): ReplicationError {
  return new ReplicationError('corrupt', `package entry ${quote(name.toString())} is not listed in the manifest`)
}
