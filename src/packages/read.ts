import { setImmediate } from 'node:timers/promises'
import { ReplicationError } from '../errors.ts'
import type { ResourcePath } from '../resources/path.ts'
import { segmentBytes } from './compression.ts'
import { checkContent, contentStream, unpack } from './content.ts'
import { readFrame, type Frame } from './frame.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import { LooseReader } from './loose.ts'
import type { ManifestEntry, ManifestHeader, ManifestPart, PackageFile, PackageId, PackageOrigin } from './manifest.ts'
import {
  lacking,
  pageOf,
  type DeltaChange,
  type PackageChange,
  type PackageReader,
  type ReadOptions,
  type Verification,
} from './reader.ts'
import { bytesAccess, fileAccess, Window, type RandomAccess } from './random-access.ts'
import { Regions } from './regions.ts'
import { storageError } from './storage-error.ts'
import { manifestBytes, manifestEntries, walk, type Located } from './walk.ts'

export type { PackageChange, PackageReader, ReadOptions } from './reader.ts'

const windowBytes = 512 * 1024
/** What waits in a batch outlives collections: the threads that apply a tree of small files take a fifth more memory with 256. */
const batchEntries = 32
const batchBytes = 1024 * 1024

/**
 * Opens a package, trusting nothing of it, and reads its manifest's first line and digest. Works on the main thread (it
 * never blocks for longer than a batch takes) as in any other. Throws `corrupt`, `invalid`, `too-large`; `corrupt` too when
 * a PackageFile's id is not the package's own; `missing` when there is no such file.
 */
export async function openPackage(file: string | PackageFile, asked?: PackageLimits): Promise<PackageReader> {
  const limits = asked ?? (typeof file === 'string' ? undefined : file.limits) ?? defaultLimits
  const known = typeof file === 'string' ? undefined : file.id
  if (typeof file !== 'string' && file.bytes !== undefined)
    return file.loose === undefined
      ? readPackage(bytesAccess(file.bytes), limits, known)
      : new LooseReader(file, file.loose, file.bytes)
  let access: RandomAccess
  try {
    access = await fileAccess(typeof file === 'string' ? file : file.file)
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new ReplicationError('missing', `package ${known ?? ''} is not in the store`, { cause })
    throw storageError(cause, 'opening a package')
  }
  return typeof file === 'string' || file.loose === undefined
    ? readPackage(access, limits, known)
    : new LooseReader(file, file.loose, access)
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
    return new ZipReader(access, limits, frame)
  } catch (error) {
    await access.close()
    throw error
  }
}

class ZipReader implements PackageReader {
  readonly id: PackageId
  readonly header: ManifestHeader
  readonly delta: boolean
  readonly origin: PackageOrigin | undefined
  readonly parts: readonly ManifestPart[]
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
    this.delta = frame.delta
    this.origin = frame.origin
    this.parts = frame.parts?.parts ?? []
    this.entryCount = frame.parts?.entries ?? frame.outline.lines
    this.zipBytes = access.size
  }

  async *changes(options: ReadOptions = {}): AsyncGenerator<PackageChange, void, void> {
    for await (const batch of this.batches(options)) yield* batch
  }

  batches(options: ReadOptions = {}): AsyncGenerator<PackageChange[], void, void> {
    return whole(this.deltaBatches(options))
  }

  async *deltaBatches({ paths, passes, signal }: ReadOptions = {}): AsyncGenerator<DeltaChange[], void, void> {
    this.#refuseIndex('apply its parts')
    const wanted = paths === undefined ? undefined : new Regions(paths)
    const window = new Window(this.#access, windowBytes)
    let batch: DeltaChange[] = []
    let bytes = 0
    for await (const located of walk(this.#access, this.#frame, this.#limits, window)) {
      if (wanted?.hold(located.entry.path) === false || passes?.(located.entry) === true) continue
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

  async verify(signal?: AbortSignal): Promise<Verification> {
    // All that an index has was read when it was opened.
    if (this.#frame.parts !== undefined) return { bytes: this.#frame.parts.bytes }
    const window = new Window(this.#access, windowBytes)
    const carries = { files: 0, bytes: 0, ofFiles: 0 }
    let [bytes, since] = [0, 0]
    for await (const located of walk(this.#access, this.#frame, this.#limits, window)) {
      if (located.entry.type !== 'file') continue
      bytes += located.entry.size
      carries.ofFiles++
      if (!('data' in located)) continue
      const { entry, zipEntry, data } = located
      carries.files++
      carries.bytes += entry.size
      since += entry.size
      if (isSmall(located)) await this.#change(located, window)
      else await checkContent(this.#access, zipEntry, data, entry, signal)
      if (since < batchBytes) continue
      since = 0
      signal?.throwIfAborted()
      await setImmediate()
    }
    return { bytes, listing: this.#frame.outline.listing, ...(this.delta && { carries }) }
  }

  async entries(page: { readonly after?: ResourcePath; readonly limit: number }): Promise<ManifestEntry[]> {
    return pageOf(this.manifest(), page)
  }

  async close(): Promise<void> {
    await this.#access.close()
  }

  manifest(): AsyncGenerator<ManifestEntry[], void, void> {
    this.#refuseIndex('list its parts')
    return manifestEntries(this.#access, this.#frame)
  }

  manifestBytes(): AsyncGenerator<Buffer, void, void> {
    this.#refuseIndex('read those of its parts')
    return manifestBytes(this.#access, this.#frame)
  }

  #refuseIndex(instead: string): void {
    if (this.parts.length > 0) throw new ReplicationError('invalid', `package ${this.id}: it is an index; ${instead}`)
  }

  async #change(located: Located, window: Window): Promise<DeltaChange> {
    if ('held' in located) return { kind: 'held', entry: located.entry }
    if (!('data' in located)) {
      const { entry } = located
      return entry.type === 'folder' ? { kind: 'folder', entry } : { kind: 'delete', entry }
    }
    const { entry, zipEntry, data } = located
    if (!isSmall(located)) return { kind: 'put', entry, content: contentStream(this.#access, zipEntry, data, entry) }
    const packed = window.view(data, zipEntry.packed) ?? (await window.load(data, zipEntry.packed))
    return { kind: 'put', entry, content: unpack(zipEntry, packed, entry) }
  }
}

/** Throws `incomplete` for what lacks a content. */
async function* whole(batches: AsyncIterable<DeltaChange[]>): AsyncGenerator<PackageChange[], void, void> {
  for await (const batch of batches) {
    for (const change of batch) if (change.kind === 'held') throw lacking(change.entry)
    yield batch as PackageChange[]
  }
}

function isSmall(located: Located): located is Extract<Located, { data: number }> {
  return 'data' in located && located.entry.size <= segmentBytes
}
