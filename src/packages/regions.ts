import { comparePaths, isWithin, outermost, type ResourcePath } from '../resources/path.ts'

/** Whether paths, asked for in path order, lie within any of some others: in one step each, however many there are. */
export class Regions {
  readonly #paths: readonly ResourcePath[]
  #at = 0

  constructor(paths: readonly ResourcePath[]) {
    this.#paths = outermost(paths)
  }

  hold(path: ResourcePath): boolean {
    for (;;) {
      const region = this.#paths[this.#at]
      if (region === undefined) return false
      if (isWithin(path, region)) return true
      if (comparePaths(path, region) < 0) return false
      this.#at++
    }
  }
}
