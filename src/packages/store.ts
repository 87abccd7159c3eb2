import { randomUUID } from 'node:crypto'
import { createWriteStream, renameSync, statSync, utimesSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Transform, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
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
} from './manifest.ts'
import { smallBytes } from './random-access.ts'
import { RecentPackages } from './recent.ts'
import { syncFolder } from './sync-folder.ts'
import { gone, guarded, storageError } from './storage-error.ts'
import { verifyWhole } from './verify.ts'
import type { Verified } from './verify-thread.ts'
import { writeIndex, writePackage } from './write.ts'
import { spoolFiles } from './write-thread.ts'

/** What is known of a stored package: its summary, and who made it, where it says so. */
export interface PackageDescription extends PackageSummary {
  readonly origin?: PackageOrigin
}

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
  readonly #folder: string
  readonly #limits: PackageLimits
  readonly #recent = new RecentPackages(recentBytes)

  private constructor(folder: string, limits: PackageLimits) {
    this.#folder = folder
    this.#limits = limits
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
    }: { readonly limits?: PackageLimits; readonly abandonedMs?: number } = {},
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
      return new PackageStore(folder, limits)
    })
  }

  /** Writes a package of the changes and keeps it. Throws what `writePackage` does. */
  async write(
    header: ManifestHeader,
    changes: AsyncIterable<Change>,
    origin: PackageOrigin,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    return this.#write(origin, (file) => writePackage(header, changes, { file, origin, limits: this.#limits, signal }))
  }

  /** Writes an index of parts and keeps it. Throws what the function `writeIndex` does. */
  async writeIndex(
    header: ManifestHeader,
    parts: readonly ManifestPart[],
    origin: PackageOrigin,
    signal: AbortSignal,
  ): Promise<PackageSummary> {
    return this.#write(origin, (file) => writeIndex(header, parts, { file, origin, limits: this.#limits, signal }))
  }

  /**
   * Keeps a package that comes from elsewhere, once it has been verified whole. The same package may come again. Throws
   * `corrupt`, also when the upload breaks off, `invalid`, `too-large`, `unavailable`; and keeps nothing then.
   */
  async receive(upload: Readable, signal: AbortSignal): Promise<PackageSummary> {
    const file = this.#temporary()
    try {
      await this.#download(upload, file, signal)
      const verified = await verifyWhole(file, this.#limits, signal)
      await this.#keep(file, verified)
      return verified.summary
    } finally {
      await rm(file, { force: true })
    }
  }

  /** Where the package is; a small one is read already. Throws `missing`. */
  async file(id: PackageId): Promise<PackageFile> {
    const file = this.#zip(id)
    const recent = this.#recent.get(id)
    if (recent !== undefined) return { id, file, bytes: recent }
    if ((await this.size(id)) > smallBytes) return { id, file }
    const bytes = await guarded('reading a package', () => readFile(file).catch(gone))
    if (bytes === undefined) throw missing(id)
    this.#recent.add(id, bytes)
    return { id, file, bytes }
  }

  async has(id: PackageId): Promise<boolean> {
    return guarded('looking for a package', async () => (await stat(this.#zip(id)).catch(gone)) !== undefined)
  }

  /** Without looking at the content. Throws `missing`. */
  async describe(id: PackageId): Promise<PackageDescription> {
    await this.size(id)
    const text = await guarded('reading a package', () => readFile(this.#sidecar(id), 'utf8').catch(gone))
    return text === undefined ? this.#describeAgain(id) : (JSON.parse(text) as PackageDescription)
  }

  /** Bytes of the zip. Throws `missing`. */
  async size(id: PackageId): Promise<number> {
    const found = await guarded('looking for a package', () => stat(this.#zip(id)).catch(gone))
    if (found === undefined) throw missing(id)
    return found.size
  }

  /** The zip, or its bytes from `start` to `end`, both included. It is open when this answers. Throws `missing`. */
  async openRead(id: PackageId, range: { readonly start?: number; readonly end?: number } = {}): Promise<Readable> {
    const handle = await guarded('opening a package', () => open(this.#zip(id)).catch(gone))
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
      const aside = this.#temporary()
      try {
        // In one go, so that nobody in this process can write it again in between.
        if (statSync(this.#zip(id)).mtimeMs > unusedSince) return false
        renameSync(this.#zip(id), aside)
        // Another server can: it has found the package in between, and counts on it.
        if (statSync(aside).mtimeMs > unusedSince) {
          renameSync(aside, this.#zip(id))
          return false
        }
      } catch (error) {
        gone(error)
        return false
      }
      await rm(aside, { force: true })
      // Unless it came again meanwhile, with its description.
      if (!(await this.has(id))) await rm(this.#sidecar(id), { force: true })
      return true
    })
  }

  /** All packages, by id. What is written or removed meanwhile may or may not be among them. */
  async *list(): AsyncGenerator<StoredPackage, void, void> {
    const folders = await guarded('listing packages', () => readdir(this.#folder))
    for (const folder of folders.filter((name) => /^[0-9a-f]{2}$/.test(name)).toSorted()) {
      const names = await guarded('listing packages', () => readdir(join(this.#folder, folder)))
      for (const name of names.toSorted()) {
        const id = name.endsWith('.zip') ? name.slice(0, -'.zip'.length) : ''
        const found = isPackageId(id) ? await stat(this.#zip(id)).catch(gone) : undefined
        if (found !== undefined) yield { id: id as PackageId, mtimeMs: found.mtimeMs }
      }
    }
  }

  async #write(origin: PackageOrigin, write: (file: string) => Promise<PackageSummary>): Promise<PackageSummary> {
    const file = this.#temporary()
    try {
      const summary = await write(file)
      await this.#keep(file, { summary, origin })
      return summary
    } finally {
      // The thread that writes removes its own files, unless it was lost.
      await Promise.all([file, ...spoolFiles(file)].map((left) => rm(left, { force: true })))
    }
  }

  async #download(upload: Readable, file: string, signal: AbortSignal): Promise<void> {
    const { maxZipBytes } = this.#limits
    let bytes = 0
    const limited = new Transform({
      transform(chunk: Buffer, _encoding, next) {
        bytes += chunk.length
        if (bytes <= maxZipBytes) next(null, chunk)
        else next(new ReplicationError('too-large', `the package is larger than ${maxZipBytes} bytes, the limit here`))
      },
    })
    try {
      await pipeline(upload, limited, createWriteStream(file, { flags: 'wx', flush: true, mode: 0o600 }), { signal })
    } catch (cause) {
      signal.throwIfAborted()
      const error = storageError(cause, 'receiving a package')
      if (error instanceof ReplicationError) throw error
      throw new ReplicationError('corrupt', `the upload broke off after ${bytes} bytes; send it again`, { cause })
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
        utimesSync(this.#zip(id), now, now)
        return
      } catch (error) {
        gone(error)
      }
      const folder = join(this.#folder, fan(id))
      if ((await mkdir(folder, { recursive: true })) !== undefined) await syncFolder(this.#folder)
      await this.#writeSidecar({ ...summary, ...(origin !== undefined && { origin }) })
      await rename(file, this.#zip(id))
      await syncFolder(folder)
    })
  }

  async #writeSidecar(description: PackageDescription): Promise<void> {
    const file = this.#temporary()
    try {
      await writeFile(file, `${JSON.stringify(description)}\n`, { flag: 'wx', flush: true, mode: 0o600 })
      await rename(file, this.#sidecar(description.id))
    } finally {
      await rm(file, { force: true })
    }
  }

  /** For a package that lost its description, or was put here by hand. */
  async #describeAgain(id: PackageId): Promise<PackageDescription> {
    const { summary, origin } = await verifyWhole(this.#zip(id), this.#limits, new AbortController().signal)
    const description = { ...summary, ...(origin !== undefined && { origin }) }
    await guarded('storing a package', () => this.#writeSidecar(description))
    return description
  }

  #zip(id: PackageId): string {
    return join(this.#folder, fan(id), `${id}.zip`)
  }

  #sidecar(id: PackageId): string {
    return join(this.#folder, fan(id), `${id}.json`)
  }

  #temporary(): string {
    return join(this.#folder, 'temporary', randomUUID())
  }
}

/** The first two digits behind `sha256-`: some 400 packages in each folder when there are 100,000. */
function fan(id: PackageId): string {
  return id.slice('sha256-'.length, 'sha256-'.length + 2)
}

function missing(id: PackageId): ReplicationError {
  return new ReplicationError('missing', `there is no package ${id} in the store`)
}
