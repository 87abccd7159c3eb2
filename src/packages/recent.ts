import type { Carried, PackageId } from './manifest.ts'

export interface Recent {
  readonly bytes: Buffer
  /** Of a delta. */
  readonly carries?: Carried
}

/** The bytes of small packages that were asked for last: a package goes to several targets. The mark says of which file they are. */
export class RecentPackages {
  readonly #most: number
  readonly #packages = new Map<PackageId, Recent & { readonly mark: string }>()
  #bytes = 0

  /** Holds so many bytes at most. */
  constructor(most: number) {
    this.#most = most
  }

  get(id: PackageId, mark: string): Recent | undefined {
    const known = this.#packages.get(id)
    if (known?.mark !== mark) return undefined
    this.#packages.delete(id)
    this.#packages.set(id, known)
    return known
  }

  add(id: PackageId, recent: Recent, mark: string): void {
    this.drop(id)
    this.#packages.set(id, { ...recent, mark })
    this.#bytes += recent.bytes.length
    for (const oldest of this.#packages.keys()) {
      if (this.#bytes <= this.#most) return
      this.drop(oldest)
    }
  }

  drop(id: PackageId): void {
    this.#bytes -= this.#packages.get(id)?.bytes.length ?? 0
    this.#packages.delete(id)
  }
}
