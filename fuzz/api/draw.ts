import { Random } from '../../chaos/random.ts'

/** Draws that are the same for the same seed. */
export class Draw {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  below(count: number): number {
    return this.#random.between(0, count - 1)
  }

  next(): number {
    return this.#random.next()
  }

  chance(of: number): boolean {
    return this.#random.next() < of
  }

  one<T>(of: readonly T[]): T {
    if (of.length === 0) throw new Error('there is nothing to draw from')
    return of[this.below(of.length)] as T
  }
}
