import type { PackageId } from './manifest.ts'

/** The bytes of small packages that were asked for last: a package goes to several targets, and is never modified. */
export class RecentPackages {
  readonly #most: number
  readonly #packages = new Map<PackageId, Buffer>()
  #bytes = 0

  /** Holds so many bytes at most. */
  constructor(most: number) {
    this.#most = most
  }

  get(id: PackageId): Buffer | undefined {
    const bytes = this.#packages.get(id)
    if (bytes === undefined) return undefined
    this.#packages.delete(id)
    this.#packages.set(id, bytes)
    return bytes
  }

  add(id: PackageId, bytes: Buffer): void {
    this.drop(id)
    this.#packages.set(id, bytes)
    this.#bytes += bytes.length
    for (const oldest of this.#packages.keys()) {
      if (this.#bytes <= this.#most) return
      this.drop(oldest)
    }
  }

  drop(id: PackageId): void {
    this.#bytes -= this.#packages.get(id)?.length ?? 0
    this.#packages.delete(id)
  }
}
