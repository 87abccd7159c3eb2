import { randomUUID } from 'node:crypto'
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isPackageId, type PackageId, type PackageOrigin, type PackageSummary } from './manifest.ts'
import { gone, guarded } from './storage-error.ts'

/** What is known of a stored package: its summary, and who made it, where it says so. */
export interface PackageDescription extends PackageSummary {
  readonly origin?: PackageOrigin
}

export interface StoredPackage {
  readonly id: PackageId
  /** When it was last written or written again, ms since the epoch. */
  readonly mtimeMs: number
}

/** Where the parts of a store are in its folder. */
export class Places {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  zip(id: PackageId): string {
    return join(this.shelf(id), `${id}.zip`)
  }

  sidecar(id: PackageId): string {
    return join(this.shelf(id), `${id}.json`)
  }

  /** Named by the first two digits behind `sha256-`: some 400 packages in each when there are 100,000. */
  shelf(id: PackageId): string {
    return join(this.folder, id.slice('sha256-'.length, 'sha256-'.length + 2))
  }

  /** Another one each time. */
  temporary(): string {
    return join(this.folder, 'temporary', randomUUID())
  }

  /** All packages, by id. What is written or removed meanwhile may or may not be among them. */
  async *packages(): AsyncGenerator<StoredPackage, void, void> {
    const folders = await guarded('listing packages', () => readdir(this.folder))
    for (const folder of folders.filter((name) => /^[0-9a-f]{2}$/.test(name)).toSorted()) {
      const names = await guarded('listing packages', () => readdir(join(this.folder, folder)))
      for (const name of names.toSorted()) {
        const id = name.endsWith('.zip') ? name.slice(0, -'.zip'.length) : ''
        const found = isPackageId(id) ? await stat(this.zip(id)).catch(gone) : undefined
        if (found !== undefined) yield { id: id as PackageId, mtimeMs: found.mtimeMs }
      }
    }
  }

  /** Not flushed: what a crash leaves of it shows, and is made again from the package. */
  async writeSidecar(description: PackageDescription): Promise<void> {
    const file = this.temporary()
    try {
      await writeFile(file, `${JSON.stringify(description)}\n`, { flag: 'wx', mode: 0o600 })
      await rename(file, this.sidecar(description.id))
    } finally {
      await rm(file, { force: true })
    }
  }
}

/** Makes the folder of what is not yet whole, and removes from it what has not been touched for so long; all of it, if that is 0. */
export async function removeAbandoned(folder: string, abandonedMs: number): Promise<void> {
  const temporary = join(folder, 'temporary')
  await mkdir(temporary, { recursive: true })
  const before = Date.now() - abandonedMs
  for (const name of await readdir(temporary)) {
    const file = join(temporary, name)
    const found = await stat(file).catch(gone)
    if (found !== undefined && (abandonedMs === 0 || found.mtimeMs < before)) await rm(file, { force: true })
  }
}
