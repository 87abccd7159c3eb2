import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import { comparePaths, type ResourcePath } from '../resources/path.ts'
import { segmentBytes } from './compression.ts'
import { checkContent, contentStream, unpack } from './content.ts'
import { readFrame, type Frame } from './frame.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import type { ManifestEntry, ManifestHeader, ManifestPart, PackageFile, PackageId, PackageOrigin } from './manifest.ts'
import { bytesAccess, fileAccess, Window, type RandomAccess } from './random-access.ts'
import { Regions } from './regions.ts'
import { storageError } from './storage-error.ts'
import { manifestEntries, walk, type FileEntry, type Located } from './walk.ts'

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
  if (typeof file !== 'string' && file.bytes !== undefined) return readPackage(bytesAccess(file.bytes), limits, known)
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
  /** Of an index, in the order in which they are applied; empty for a package that is applied itself. */
  readonly parts: readonly ManifestPart[]
  /** How many the manifest lists; of an index, all parts together. */
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
    this.parts = frame.parts?.parts ?? []
    this.entryCount = frame.parts?.entries ?? frame.outline.lines
    this.zipBytes = access.size
  }

  /** One by one what `batches` gives. */
  async *changes(options: ReadOptions = {}): AsyncGenerator<PackageChange, void, void> {
    for await (const batch of this.batches(options)) yield* batch
  }

  /**
   * The changes in the manifest's order, up to 256 or some 1 MiB at a time. The package as a whole is verified when this
   * has ended without an error, and no sooner: nothing may be applied for good before. Throws `invalid` for an index.
   */
  async *batches({ paths, signal }: ReadOptions = {}): AsyncGenerator<PackageChange[], void, void> {
    this.#refuseIndex('apply its parts')
    const wanted = paths === undefined ? undefined : new Regions(paths)
    const window = new Window(this.#access, windowBytes)
    let batch: PackageChange[] = []
    let bytes = 0
    for await (const located of walk(this.#access, this.#frame, this.#limits, window)) {
      if (wanted?.hold(located.entry.path) === false) continue
      batch.push(await this.#change(located, window))
      if (isSmall(located)) bytes += located.entry.size
      if (batch.length < batchEntries && bytes < batchBytes) continue
      signal?.throwIfAborted()
      yield batch
      batch = []
      bytes = 0
      // Where all is in memory nothing of this waits, and other work would never have its turn.
      await setImmediate()
    }
    signal?.throwIfAborted()
    if (batch.length > 0) yield batch
  }

  /** Reads all of it, only to check it; answers the bytes of content (of an index, of its parts). Throws what `batches` and its contents do. */
  async verify(signal?: AbortSignal): Promise<number> {
    // All that an index has was read when it was opened.
    if (this.#frame.parts !== undefined) return this.#frame.parts.bytes
    const window = new Window(this.#access, windowBytes)
    let [bytes, since] = [0, 0]
    for await (const located of walk(this.#access, this.#frame, this.#limits, window)) {
      if (!('data' in located)) continue
      const { entry, zipEntry, data } = located
      bytes += entry.size
      since += entry.size
      if (isSmall(located)) await this.#change(located, window)
      else await checkContent(this.#access, zipEntry, data, entry, signal)
      if (since < batchBytes) continue
      since = 0
      signal?.throwIfAborted()
      await setImmediate()
    }
    return bytes
  }

  /** One page of the manifest: the entries behind the path `after`. Throws `invalid` for an index. */
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
    this.#refuseIndex('list its parts')
    return manifestEntries(this.#access, this.#frame)
  }

  #refuseIndex(instead: string): void {
    if (this.parts.length > 0) throw new ReplicationError('invalid', `package ${this.id}: it is an index; ${instead}`)
  }

  async #change(located: Located, window: Window): Promise<PackageChange> {
    if (!('data' in located)) {
      const { entry } = located
      return entry.type === 'folder' ? { kind: 'folder', entry } : { kind: 'delete', entry }
    }
    const { entry, zipEntry, data } = located
    if (!isSmall(located)) return { kind: 'put', entry, content: contentStream(this.#access, zipEntry, data, entry) }
    return { kind: 'put', entry, content: unpack(zipEntry, await window.load(data, zipEntry.packed), entry) }
  }
}

function isSmall(located: Located): located is Extract<Located, { data: number }> {
  return 'data' in located && located.entry.size <= segmentBytes
}
