import { median } from '../markdown.ts'
import type { Outcome } from './measure.ts'
import type { Scenario } from './scenarios.ts'

export interface Result {
  readonly scenario: Scenario
  /** Of its tree. */
  readonly bytes: number
  readonly outcomes: readonly Outcome[]
}

export function workOf({ tree, state }: Scenario): string {
  const told = { cold: '', changed: ', 1 % changed', unchanged: ', nothing changed' }
  return `${tree.name}${told[state]}`
}

export function wallsOf({ samples }: Outcome): number[] {
  return samples.map(({ wallMs }) => wallMs)
}

export function medianMs(outcome: Outcome): number {
  return median(wallsOf(outcome))
}

/** The median of all that the sender read. */
export function readBytes({ samples }: Outcome): number {
  return median(samples.flatMap(({ servers }) => servers?.[0]?.readBytes ?? []))
}
