import type { Fault } from '../errors.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import { globOf } from '../resources/glob.ts'

/** Globs that name rows, and which of them have. Those without a wildcard, of which there may be thousands, are looked up. */
export class Naming {
  readonly #pointer: string
  readonly #plain = new Map<string, number[]>()
  readonly #wild: { readonly i: number; readonly fits: (path: ResourcePath) => boolean }[] = []
  readonly #globs: readonly string[]
  readonly #left: Set<number>

  /** `pointer`: where in the selection they are. */
  constructor(pointer: string, globs: readonly string[]) {
    this.#pointer = pointer
    this.#globs = globs
    this.#left = new Set(globs.keys())
    for (const [i, glob] of globs.entries())
      if (/[*?]/.test(glob)) this.#wild.push({ i, fits: globOf(glob) })
      else this.#plain.set(glob, [...(this.#plain.get(glob) ?? []), i])
  }

  names(path: ResourcePath): boolean {
    const plain = this.#plain.get(path) ?? []
    for (const i of plain) this.#left.delete(i)
    let fits = plain.length > 0
    for (const glob of this.#wild) {
      // Each that fits must be known to, until it is known once.
      if (fits && !this.#left.has(glob.i)) continue
      if (!glob.fits(path)) continue
      fits = true
      this.#left.delete(glob.i)
    }
    return fits
  }

  /** Those that have named nothing. */
  unknown(): Fault[] {
    return [...this.#left].map((i) => ({
      pointer: `${this.#pointer}/${i}`,
      message: `${quote(this.#globs[i] ?? '')} names nothing in the comparison`,
    }))
  }
}
