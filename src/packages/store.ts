import { renameSync, statSync, utimesSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { ReplicationError } from '../errors.ts'
import type { Change } from '../resources/resource.ts'
import { defaultLimits, type PackageLimits } from './limits.ts'
import {
  isPackageId,
  type ManifestHeader,
  type ManifestPart,
  type PackageFile,
  type PackageId,
  type PackageOrigin,
  type PackageSummary,
  type Signature,
} from './manifest.ts'
import { smallBytes } from './random-access.ts'
import { Places, type PackageDescription } from './places.ts'
import { RecentPackages } from './recent.ts'
import { rewriteOrigin } from './rewrite-origin.ts'
import { joined, judge, noSeals, signed, type JudgedSignature, type Seals } from './signatures.ts'
import { syncFolder } from './sync-folder.ts'
import { gone, guarded } from './storage-error.ts'
import { writeUpload } from './upload.ts'
import { verifyWhole } from './verify.ts'
import type { Verified } from './verify-thread.ts'
import { writeIndex, writePackage } from './write.ts'
import { spoolFiles } from './write-thread.ts'

export interface StoredPackage {
  readonly id: PackageId
  /** When it was last written or written again, ms since the epoch. */
  readonly mtimeMs: number
}

/** So many bytes of small packages are held, read as they were. */
const recentBytes = 8 * 1024 * 1024

/**
 * The packages on this server's disk. A package is `<two hex digits>/<id>.zip`, never modified, beside it `<id>.json` with
 * its description; what is not yet whole is in `temporary/`. A file has its name only once all of it is on the disk.
 */
export class PackageStore {
  readonly #places: Places
  readonly #limits: PackageLimits
  readonly #seals: Seals
  readonly #recent = new RecentPackages(recentBytes)
  /** Signatures are added to one package at a time. */
  #adding: Promise<unknown> = Promise.resolve()

  private constructor(folder: string, limits: PackageLimits, seals: Seals) {
    this.#places = new Places(folder)
    this.#limits = limits
    this.#seals = seals
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
    }: { readonly limits?: PackageLimits; readonly abandonedMs?: number; readonly seals?: Seals } = {},
  ): Promise<PackageStore> {
    return guarded('opening the package store', async () => {
      const temporary = join(folder, 'temporary')
      await mkdir(temporary, { recursive: true })
      const before = Date.now() - abandonedMs
      for (const name of await readdir(temporary)) {
        const file = join(temporary, name)
        const found = await stat(file).catch(gone)
        if (found !== undefined && (abandonedMs === 0 || found.mtimeMs < before)) await rm(file, { force: true })
      }
      return new PackageStore(folder, limits, seals)
    })
  }

  /** Writes a package of the changes and keeps it. Throws what `writePackage` does. */
  async write(
    header: ManifestHeader,
    changes: AsyncIterable<Change>,
    origin: PackageOrigin,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    return this.#write(origin, (file) => writePackage(header, changes, { file, origin, ...this.#how, signal }))
  }

  /** Writes an index of parts and keeps it. Throws what the function `writeIndex` does. */
  async writeIndex(
    header: ManifestHeader,
    parts: readonly ManifestPart[],
    origin: PackageOrigin,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    return this.#write(origin, (file) => writeIndex(header, parts, { file, origin, ...this.#how, signal }))
  }

  /**
   * Keeps a package that comes from elsewhere, once it has been verified whole. The same package may come again. Throws
   * `corrupt`, also when the upload breaks off, `invalid`, `too-large`, `unavailable`; and keeps nothing then.
   */
  async receive(upload: Readable, signal: AbortSignal): Promise<PackageSummary> {
    const file = this.#places.temporary()
    try {
      await writeUpload(upload, file, this.#limits.maxZipBytes, signal)
      const verified = await verifyWhole(file, this.#limits, signal)
      await this.#keep(file, verified)
      return verified.summary
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Where the package is; a small one is read already. Throws `missing`. */
  async file(id: PackageId): Promise<PackageFile> {
    const file = this.#places.zip(id)
    // What was taken under these limits is read under them too, wherever that is.
    const limits = this.#limits === defaultLimits ? {} : { limits: this.#limits }
    const recent = this.#recent.get(id)
    if (recent !== undefined) return { id, file, bytes: recent, ...limits }
    if ((await this.size(id)) > smallBytes) return { id, file, ...limits }
    const bytes = await guarded('reading a package', () => readFile(file).catch(gone))
    if (bytes === undefined) throw missing(id)
    this.#recent.add(id, bytes)
    return { id, file, bytes, ...limits }
  }

  async has(id: PackageId): Promise<boolean> {
    return guarded('looking for a package', async () => (await stat(this.#places.zip(id)).catch(gone)) !== undefined)
  }

  /** Without looking at the content. Throws `missing`. */
  async describe(id: PackageId): Promise<PackageDescription> {
    await this.size(id)
    const text = await guarded('reading a package', () => readFile(this.#places.sidecar(id), 'utf8').catch(gone))
    return text === undefined ? this.#describeAgain(id) : (JSON.parse(text) as PackageDescription)
  }

  /** Whose signatures it has, and whether they hold. Throws `missing`. */
  async signatures(id: PackageId): Promise<JudgedSignature[]> {
    return judge(id, (await this.describe(id)).origin?.signatures ?? [], this.#seals)
  }

  /** Adds the signatures of this server's keys, where they are not there yet. Throws `missing`. */
  async sign(id: PackageId): Promise<void> {
    const { signing } = this.#seals
    if (signing.length > 0) await guarded('signing a package', () => this.#add(id, signed(id, signing)))
  }

  /** Bytes of the zip. Throws `missing`. */
  async size(id: PackageId): Promise<number> {
    const found = await guarded('looking for a package', () => stat(this.#places.zip(id)).catch(gone))
    if (found === undefined) throw missing(id)
    return found.size
  }

  /** The zip, or its bytes from `start` to `end`, both included. It is open when this answers. Throws `missing`. */
  async openRead(id: PackageId, range: { readonly start?: number; readonly end?: number } = {}): Promise<Readable> {
    const handle = await guarded('opening a package', () => open(this.#places.zip(id)).catch(gone))
    if (handle === undefined) throw missing(id)
    return handle.createReadStream({ ...range, highWaterMark: 256 * 1024 })
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
  async *list(): AsyncGenerator<StoredPackage, void, void> {
    const folders = await guarded('listing packages', () => readdir(this.#places.folder))
    for (const folder of folders.filter((name) => /^[0-9a-f]{2}$/.test(name)).toSorted()) {
      const names = await guarded('listing packages', () => readdir(join(this.#places.folder, folder)))
      for (const name of names.toSorted()) {
        const id = name.endsWith('.zip') ? name.slice(0, -'.zip'.length) : ''
        const found = isPackageId(id) ? await stat(this.#places.zip(id)).catch(gone) : undefined
        if (found !== undefined) yield { id: id as PackageId, mtimeMs: found.mtimeMs }
      }
    }
  }

  async #write(origin: PackageOrigin, write: (file: string) => Promise<PackageSummary>): Promise<PackageSummary> {
    const file = this.#places.temporary()
    try {
      const summary = await write(file)
      const { signing } = this.#seals
      const signatures = signing.length === 0 ? undefined : signed(summary.id, signing)
      await this.#keep(file, { summary, origin: { ...origin, ...(signatures !== undefined && { signatures }) } })
      return summary
    } finally {
      // The thread that writes removes its own files, unless it was lost.
      await Promise.all([file, ...spoolFiles(file)].map((left) => rm(left, { force: true })))
    }
  }

  /**
   * The description first, then the package: whoever finds the package finds both. One that is there already stays as it
   * is, for somebody may be reading it, and counts as written now, so that no sweep takes it for abandoned.
   */
  async #keep(file: string, { summary, origin }: Verified): Promise<void> {
    const { id } = summary
    await guarded('storing a package', async () => {
      try {
        const now = new Date()
        utimesSync(this.#places.zip(id), now, now)
        if (origin?.signatures !== undefined) await this.#add(id, origin.signatures)
        return
      } catch (error) {
        gone(error)
      }
      const folder = this.#places.shelf(id)
      if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(this.#places.folder)
      await this.#places.writeSidecar({ ...summary, ...(origin !== undefined && { origin }) })
      await rename(file, this.#places.zip(id))
      await syncFolder(folder)
    })
  }

  /**
   * The signatures stand in the zip: it is written again with another origin, and takes the place of the one before, which whoever is
   * reading it still has. A package without an origin says nothing of who made it, and gets no signature either.
   */
  async #add(id: PackageId, signatures: readonly Signature[]): Promise<void> {
    const before = this.#adding
    const adding = (async () => {
      await before
      const { origin, ...summary } = await this.describe(id)
      const there = origin?.signatures ?? []
      const all = joined(id, there, signatures, this.#seals)
      if (origin === undefined || all.every((one) => there.some(({ signature }) => signature === one.signature))) return
      const file = this.#places.temporary()
      try {
        await rewriteOrigin(this.#places.zip(id), file, { ...origin, signatures: all }, this.#limits)
        const { size } = await stat(file)
        await rename(file, this.#places.zip(id))
        this.#recent.drop(id)
        await this.#places.writeSidecar({ ...summary, zipBytes: size, origin: { ...origin, signatures: all } })
        await syncFolder(this.#places.shelf(id))
      } finally {
        await rm(file, { force: true })
      }
    })()
    this.#adding = adding.catch(() => undefined)
    await adding
  }

  get #how() {
    return { limits: this.#limits, signing: this.#seals.signing }
  }

  /** For a package that lost its description, or was put here by hand. */
  async #describeAgain(id: PackageId): Promise<PackageDescription> {
    const { summary, origin } = await verifyWhole(this.#places.zip(id), this.#limits, new AbortController().signal)
    const description = { ...summary, ...(origin !== undefined && { origin }) }
    await guarded('storing a package', () => this.#places.writeSidecar(description))
    return description
  }
}

function missing(id: PackageId): ReplicationError {
  return new ReplicationError('missing', `there is no package ${id} in the store`)
}
