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
  #bits = new Uint8Array(1024)
  count = 0

  /** `all` reads the manifest once more, the same entries each time. */
  constructor(all: () => AsyncIterable<ManifestEntry>) {
    this.#all = all
  }

  /** `index` says how many entries came before, chosen or not; it rises. */
  add(entry: ManifestEntry, index: number): void {
    const at = index >> 3
    while (at >= this.#bits.length) {
      const more = new Uint8Array(2 * this.#bits.length)
      more.set(this.#bits)
      this.#bits = more
    }
    this.#bits[at] = (this.#bits[at] ?? 0) | (1 << (index & 7))
    this.count++
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
      if (((this.#bits[index >> 3] ?? 0) & (1 << (index & 7))) !== 0) yield entry
      index++
    }
  }
}
