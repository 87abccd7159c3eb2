import { randomUUID } from 'node:crypto'
import { rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PackageId, PackageOrigin, PackageSummary } from './manifest.ts'

/** What is known of a stored package: its summary, and who made it, where it says so. */
export interface PackageDescription extends PackageSummary {
  readonly origin?: PackageOrigin
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

  async writeSidecar(description: PackageDescription): Promise<void> {
    const file = this.temporary()
    try {
      await writeFile(file, `${JSON.stringify(description)}\n`, { flag: 'wx', flush: true, mode: 0o600 })
      await rename(file, this.sidecar(description.id))
    } finally {
      await rm(file, { force: true })
    }
  }
}
