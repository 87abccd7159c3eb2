/** The dashboard's figures, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import { machine, median, tableOf } from '../markdown.ts'
import type { DashboardResult, DashboardRun } from './scenarios.ts'

const heads = ['dashboard with', 'ready', 'bytes', 'events/s', 'frames/s', 'frame p50', 'p99', 'longest']

export function dashboardTable(results: readonly DashboardResult[], runs: number, loadBefore: number): string {
  return [
    ...tableOf(heads, results.map(rowOf), 1),
    '',
    `* ${runs === 1 ? 'One run' : `Medians of ${runs} runs`}, in a new profile of Chromium without a screen, which draws 60 frames a second; server, browser and what makes the events share the machine.`,
    '* ready: from the beginning of the navigation to the frame in which all agents stand. bytes: of bodies, as they came over the wire.',
    `* ${machine()}. Load before the first run: ${loadBefore.toFixed(1)}.`,
    '',
  ].join('\n')
}

function rowOf({ scenario, runs }: DashboardResult): string[] {
  const of = (pick: (run: DashboardRun) => number | undefined): number | undefined => {
    const values = runs.flatMap((run) => pick(run) ?? [])
    return values.length === 0 ? undefined : median(values)
  }
  const ms = (value: number | undefined): string => (value === undefined ? '' : `${value.toFixed(1)} ms`)
  const whole = (value: number | undefined): string =>
    value === undefined ? '' : Math.round(value).toLocaleString('en')
  return [
    `${scenario.agents} agents`,
    ms(of(({ readyMs }) => readyMs)),
    whole(of(({ bytes }) => bytes)),
    whole(of(({ eventsPerSecond }) => eventsPerSecond)),
    whole(of(({ frames }) => frames?.perSecond)),
    ms(of(({ frames }) => frames?.p50Ms)),
    ms(of(({ frames }) => frames?.p99Ms)),
    ms(of(({ frames }) => frames?.longestMs)),
  ]
}
