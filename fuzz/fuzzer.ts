export interface Asked {
  readonly seed: number
  readonly cases: number
  /** fast-check's name for one case of that seed. */
  readonly path?: string
}

export interface Outcome {
  /** What to print, by its name. */
  readonly figures: Readonly<Record<string, string | number>>
  /** The first promise that was broken, by the smallest case that was found, and how to make it again. */
  readonly failure?: string
}

export type Fuzzer = (asked: Asked) => Promise<Outcome>
