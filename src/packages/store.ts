import { renameSync, statSync } from 'node:fs'
import { open, readFile, rm, stat, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { defaultLimits, type PackageLimits } from './limits.ts'
import {
  type ManifestHeader,
  type ManifestPart,
  type PackageFile,
  type PackageId,
  type PackageOrigin,
  type PackageSummary,
} from './manifest.ts'
import { Keeping, missing } from './keep.ts'
import { Listings } from './listings.ts'
import { smallBytes } from './random-access.ts'
import { Places, removeAbandoned, type PackageDescription, type StoredPackage } from './places.ts'
import { RecentPackages } from './recent.ts'
import { judge, noSeals, signed, type JudgedSignature, type Seals } from './signatures.ts'
import { idOfIndex } from './parts.ts'
import type { Listed } from './pieces.ts'
import { gone, guarded } from './storage-error.ts'
import { UnfinishedUploads, type Receiving } from './unfinished.ts'
import { BrokenOff, writeUpload } from './upload.ts'
import { verifyWhole } from './verify.ts'
import type { ThreadReading } from './thread-reading.ts'
import { writeParts, type PartsOptions } from './write-parts.ts'
import { writeIndex, writePackage, type WriteOptions } from './write.ts'
import { spoolFiles } from './write-thread.ts'

interface Range {
  readonly start?: number
  readonly end?: number
}

interface OpenZip {
  /** Bytes. */
  readonly size: number
  readonly read: (range: Range) => Readable
  readonly close: () => Promise<void>
}

interface StoreOptions {
  readonly limits?: PackageLimits
  readonly abandonedMs?: number
  readonly seals?: Seals
  /** So much is kept of uploads that broke off. */
  readonly unfinishedBytes?: number
}

/** So many bytes of small packages are held, read as they were. */
const recentBytes = 8 * 1024 * 1024

/**
 * The packages on this server's disk. A package is `<two hex digits>/<id>.zip`, never modified (keep.ts replaces it), beside it `<id>.json` with
 * its description; what is not yet whole is in `temporary/`. A file has its name only once all of it is on the disk.
 */
export class PackageStore {
  readonly #places: Places
  readonly #limits: PackageLimits
  readonly #seals: Seals
  readonly #recent = new RecentPackages(recentBytes)
  readonly #keeping: Keeping

  readonly listings = new Listings(this)
  /** What came of uploads that broke off. */
  readonly unfinished: UnfinishedUploads

  private constructor(folder: string, limits: PackageLimits, seals: Seals, unfinished: UnfinishedUploads) {
    this.unfinished = unfinished
    this.#places = new Places(folder)
    this.#limits = limits
    this.#seals = seals
    this.#keeping = new Keeping({ places: this.#places, limits, seals, recent: this.#recent })
  }

  /**
   * Makes the folder when there is none, and removes what writings that were cut off have left: temporary files not
   * touched for `abandonedMs` (where several servers share the folder, longer than any write pauses).
   */
  static async open(
    folder: string,
    {
      limits = defaultLimits,
      abandonedMs = 0,
      seals = noSeals,
      unfinishedBytes = limits.maxZipBytes,
    }: StoreOptions = {},
  ): Promise<PackageStore> {
    return guarded('opening the package store', async () => {
      await removeAbandoned(folder, abandonedMs)
      const how = { maxBytes: unfinishedBytes, alone: abandonedMs === 0 }
      return new PackageStore(folder, limits, seals, await UnfinishedUploads.open(join(folder, 'unfinished'), how))
    })
  }

  /**
   * Writes a package of the changes and keeps it; as a delta, if these may hold contents back; with the header that `decide` answers behind the last of them. Answers what is there of the package in
   * the end, which may be more: contents that were there before stay. Throws what `writePackage` does.
   */
  async write(
    header: ManifestHeader,
    changes: AsyncIterable<Listed>,
    origin: PackageOrigin,
    signal: AbortSignal,
    { delta = false, decide }: Pick<WriteOptions, 'delta' | 'decide'> = {},
  ): Promise<PackageSummary> {
    return this.#write(origin, signal, (file) =>
      writePackage(header, changes, { file, origin, delta, decide, ...this.#how, signal }),
    )
  }

  /**
   * Writes what a thread reads by itself as packages, at least one, and keeps each before it is answered, with whether another one follows. The
   * next is made meanwhile. Throws what the function `writeParts` does.
   */
  async *writeParts(
    header: ManifestHeader,
    reading: ThreadReading,
    origin: PackageOrigin,
    options: Pick<PartsOptions, 'headerBehind' | 'partLimits' | 'note' | 'tally' | 'signal'>,
  ): AsyncGenerator<{ readonly part: PackageSummary; readonly more: boolean }, void, void> {
    const newFile = (): string => this.#places.temporary()
    for await (const { file, summary, more } of writeParts(header, reading, {
      ...{ ...options, origin, newFile },
      ...this.#how,
    }))
      yield { part: await this.#write(origin, options.signal, async () => summary, file), more }
  }

  /** Writes an index of parts and keeps it, unless it is here already. Throws what the function `writeIndex` does. */
  async writeIndex(
    header: ManifestHeader,
    parts: readonly ManifestPart[],
    origin: PackageOrigin,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    const write = (file: string) => writeIndex(header, parts, { file, origin, ...this.#how, signal })
    return (await this.again(idOfIndex(header, parts))) ?? this.#write(origin, signal, write)
  }

  /**
   * Keeps a package that comes from elsewhere, once it has been verified whole. The same package may come again, a delta with more; the
   * answer is what is there in the end. Throws `corrupt`, also when the upload breaks off, `invalid`, `too-large`, `unavailable`; and keeps nothing then,
   * save what `into` keeps of an upload that breaks off.
   */
  async receive(upload: Readable, signal: AbortSignal, into?: Receiving): Promise<PackageSummary> {
    const { file, keep } = into ?? { file: this.#places.temporary(), keep: undefined }
    try {
      const uploaded = await writeUpload(upload, into ?? { file }, this.#limits.maxZipBytes, signal)
      const verified = await verifyWhole(file, this.#limits, signal)
      await uploaded.flushed()
      return await this.#keeping.keep(file, verified, signal)
    } catch (error) {
      // What cannot be kept comes again from its beginning.
      if (signal.aborted || error instanceof BrokenOff) await keep?.().catch(() => undefined)
      throw error
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Where the package is; a small one is read already. Throws `missing`. */
  async file(id: PackageId): Promise<PackageFile> {
    const file = this.#places.zip(id)
    // What was taken under these limits is read under them too, wherever that is.
    const limits = this.#limits === defaultLimits ? {} : { limits: this.#limits }
    const found = await guarded('looking for a package', () => stat(this.#places.zip(id)).catch(gone))
    if (found === undefined) throw missing(id)
    // Another server can have put more of it in its place.
    const mark = `${found.ino} ${found.size} ${found.ctimeMs}`
    const recent = this.#recent.get(id, mark)
    if (recent !== undefined) return { id, file, bytes: recent.bytes, ...delta(recent), ...limits }
    // What it carries is looked at first: there may be more of it then, and not less.
    const described = delta(await this.describe(id))
    if (found.size > smallBytes) return { id, file, ...described, ...limits }
    const bytes = await guarded('reading a package', () => readFile(file).catch(gone))
    if (bytes === undefined) throw missing(id)
    this.#recent.add(id, { bytes, ...described }, mark)
    return { id, file, bytes, ...described, ...limits }
  }

  async has(id: PackageId): Promise<boolean> {
    return guarded('looking for a package', async () => (await stat(this.#places.zip(id)).catch(gone)) !== undefined)
  }

  /** Without looking at the content. Throws `missing`. */
  async describe(id: PackageId): Promise<PackageDescription> {
    return this.#keeping.describe(id)
  }

  /** What there is of the package already; it counts as written now, so that no sweep takes it for abandoned. */
  async again(id: PackageId): Promise<PackageSummary | undefined> {
    const now = new Date()
    const touched = utimes(this.#places.zip(id), now, now).then(() => true)
    if ((await guarded('looking for a package', () => touched.catch(gone))) === undefined) return undefined
    await this.sign(id)
    const { origin: _, ...summary } = await this.describe(id)
    return summary
  }

  /** The name of a file for what need not outlast the process; another one each time. */
  temporary(): string {
    return this.#places.temporary()
  }

  /** Whose signatures it has, and whether they hold. Throws `missing`. */
  async signatures(id: PackageId): Promise<JudgedSignature[]> {
    return judge(id, (await this.describe(id)).origin?.signatures ?? [], this.#seals)
  }

  /** Adds the signatures of this server's keys, where they are not there yet. Throws `missing`. */
  async sign(id: PackageId): Promise<void> {
    const { signing } = this.#seals
    if (signing.length > 0) await this.#keeping.sign(id, signed(id, signing))
  }

  /** Bytes of the zip. Throws `missing`. */
  async size(id: PackageId): Promise<number> {
    const found = await guarded('looking for a package', () => stat(this.#places.zip(id)).catch(gone))
    if (found === undefined) throw missing(id)
    return found.size
  }

  /** The zip, or its bytes from `start` to `end`, both included. It is open when this answers. Throws `missing`. */
  async openRead(id: PackageId, range: Range = {}): Promise<Readable> {
    return (await this.open(id)).read(range)
  }

  /** The zip as it is now, of which one stream can be made; to be read to its end, destroyed or closed. Throws `missing`. */
  async open(id: PackageId): Promise<OpenZip> {
    const handle = await guarded('opening a package', () => open(this.#places.zip(id)).catch(gone))
    if (handle === undefined) throw missing(id)
    const { size } = await handle.stat()
    return {
      size,
      read: (range) => handle.createReadStream({ ...range, highWaterMark: 256 * 1024 }),
      close: () => handle.close(),
    }
  }

  /**
   * Removes it; one that is not there is fine. With `unusedSince` (ms since the epoch) only if it has not been written
   * again after that. Answers whether it was removed.
   */
  async remove(id: PackageId, { unusedSince = Infinity }: { readonly unusedSince?: number } = {}): Promise<boolean> {
    this.#recent.drop(id)
    return guarded('removing a package', async () => {
      const aside = this.#places.temporary()
      try {
        // In one go, so that nobody in this process can write it again in between.
        if (statSync(this.#places.zip(id)).mtimeMs > unusedSince) return false
        renameSync(this.#places.zip(id), aside)
        // Another server can: it has found the package in between, and counts on it.
        if (statSync(aside).mtimeMs > unusedSince) {
          renameSync(aside, this.#places.zip(id))
          return false
        }
      } catch (error) {
        gone(error)
        return false
      }
      await rm(aside, { force: true })
      // Unless it came again meanwhile, with its description.
      if (!(await this.has(id))) await rm(this.#places.sidecar(id), { force: true })
      return true
    })
  }

  /** All packages, by id. What is written or removed meanwhile may or may not be among them. */
  list(): AsyncGenerator<StoredPackage, void, void> {
    return this.#places.packages()
  }

  async #write(
    origin: PackageOrigin,
    signal: AbortSignal,
    write: (file: string) => Promise<PackageSummary>,
    file = this.#places.temporary(),
  ): Promise<PackageSummary> {
    try {
      const summary = await write(file)
      const { signing } = this.#seals
      const signatures = signing.length === 0 ? undefined : signed(summary.id, signing)
      const sealed = { ...origin, ...(signatures !== undefined && { signatures }) }
      return await this.#keeping.keep(file, { summary, origin: sealed }, signal)
    } finally {
      // The thread that writes removes its own files, unless it was lost.
      await Promise.all([file, ...spoolFiles(file)].map((left) => rm(left, { force: true })))
    }
  }

  get #how() {
    return { limits: this.#limits, signing: this.#seals.signing }
  }
}

function delta({ carries }: Pick<PackageSummary, 'carries'>): Pick<PackageSummary, 'carries'> {
  return carries === undefined ? {} : { carries }
}
