import type { Installation } from './installation.ts'

/** A row of the table. */
export interface Figure {
  readonly name: string
  readonly unit: 'a second' | 'ms' | 'MB' | 'bytes' | 'connections' | '% of a core' | '% of before'
  /** Absent where the two engines are not to be set against each other. */
  readonly better?: 'higher' | 'lower'
  readonly goal?: string
}

export interface Measured {
  readonly figure: Figure
  readonly value: number
}

/** `quick`: small enough to see whether it works, and no more. */
export type Size = 'full' | 'quick'

/** One thing that is measured on each engine, every time on an installation that has done nothing before. */
export interface EngineScenario {
  readonly name: string
  /** Once on each engine, however many runs are asked for: it takes long, or repeats itself. */
  readonly once?: true
  /** Throws when something did not end as it must. */
  measure(installation: Installation, size: Size): Promise<readonly Measured[]>
}
