import type { Fault } from '../errors.ts'
import { quote, type ResourcePath } from '../resources/path.ts'
import { globOf } from '../resources/glob.ts'

/**
 * Globs that name rows, and which of them have. Those without a wildcard, and those of a folder with all below it, of which there
 * may be thousands, are looked up.
 */
export class Naming {
  readonly #pointer: string
  readonly #plain = new Map<string, number[]>()
  readonly #below = new Map<string, number[]>()
  readonly #wild: { readonly i: number; readonly fits: (path: ResourcePath) => boolean }[] = []
  readonly #globs: readonly string[]
  readonly #left: Set<number>

  /** `pointer`: where in the selection they are. */
  constructor(pointer: string, globs: readonly string[]) {
    this.#pointer = pointer
    this.#globs = globs
    this.#left = new Set(globs.keys())
    for (const [i, glob] of globs.entries()) {
      const folder = /^([^*?]*)\/\*\*$/.exec(glob)?.[1]
      if (folder !== undefined) note(this.#below, folder, i)
      else if (/[*?]/.test(glob)) this.#wild.push({ i, fits: globOf(glob) })
      else note(this.#plain, glob, i)
    }
  }

  names(path: ResourcePath): boolean {
    let fits = false
    const found = (named: readonly number[] | undefined): void => {
      if (named === undefined) return
      fits = true
      for (const i of named) this.#left.delete(i)
    }
    found(this.#plain.get(path))
    if (this.#below.size > 0)
      for (let end = path.length; end >= 0; end = end === 0 ? -1 : path.lastIndexOf('/', end - 1))
        found(this.#below.get(path.slice(0, end)))
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

function note(all: Map<string, number[]>, name: string, i: number): void {
  const known = all.get(name)
  if (known === undefined) all.set(name, [i])
  else known.push(i)
}
