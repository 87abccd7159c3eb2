import type { PackageDescription } from './places.ts'
import type { PackageFile, PackageId } from './manifest.ts'
import { listingOf } from './placed-lines.ts'

interface Kept {
  describe(id: PackageId): Promise<PackageDescription>
  file(id: PackageId): Promise<PackageFile>
}

/** Trees of more parts than one are mirrored by few agents. */
const maxHeld = 100

/** What packages list one behind the other, as one digest (PackageSummary.listing). What an id stands for never changes, so it is summed up once. */
export class Listings {
  readonly #kept: Kept
  readonly #held = new Map<string, Promise<string>>()

  constructor(kept: Kept) {
    this.#kept = kept
  }

  /** Throws `missing`. */
  of(ids: readonly PackageId[]): Promise<string> {
    const name = ids.join(' ')
    const held = this.#held.get(name) ?? this.#summedUp(ids)
    this.#held.delete(name)
    this.#held.set(name, held)
    // What failed is tried again.
    held.catch(() => this.#held.delete(name))
    for (const eldest of this.#held.keys()) {
      if (this.#held.size <= maxHeld) break
      this.#held.delete(eldest)
    }
    return held
  }

  async #summedUp(ids: readonly PackageId[]): Promise<string> {
    const [only, ...others] = ids
    const described = only !== undefined && others.length === 0 ? await this.#kept.describe(only) : undefined
    // Older versions did not write it down.
    return described?.listing ?? listingOf(await Promise.all(ids.map((id) => this.#kept.file(id))))
  }
}
