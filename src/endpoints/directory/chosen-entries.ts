import { EntrySet } from '../../packages/entry-set.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'

/** So many are held by themselves: what a package of the usual size has. */
const maxHeld = 16_384

/**
 * Some of a manifest's entries, in its order. Of more than a few it is only known which they are, a bit for each entry, and they
 * are read again.
 */
export class ChosenEntries {
  readonly #all: () => AsyncIterable<ManifestEntry>
  #held: ManifestEntry[] = []
  readonly #chosen = new EntrySet()

  /** `all` reads the manifest once more, the same entries each time. */
  constructor(all: () => AsyncIterable<ManifestEntry>) {
    this.#all = all
  }

  get count(): number {
    return this.#chosen.count
  }

  /** `index` says how many entries came before, chosen or not; it rises. */
  add(entry: ManifestEntry, index: number): void {
    this.#chosen.add(index)
    if (this.count <= maxHeld) this.#held.push(entry)
    else this.#held = []
  }

  async *entries(): AsyncGenerator<ManifestEntry, void, void> {
    if (this.count <= maxHeld) {
      yield* this.#held
      return
    }
    let index = 0
    for await (const entry of this.#all()) {
      if (this.#chosen.has(index)) yield entry
      index++
    }
  }
}
