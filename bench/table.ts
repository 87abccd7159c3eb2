/** The copies of trees, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import type { Outcome, Result } from './scenarios.ts'
import type { ServerSample } from './contender.ts'
import { machine, median, tableOf } from './markdown.ts'

export interface Circumstances {
  readonly runs: number
  /** What each rival says of its version, or that it is not installed. */
  readonly rivals: readonly string[]
  /** The machine's load average of the last minute, before the first run. */
  readonly loadBefore: number
}

const heads = ['work', 'with', 'median', 'min–max', 'CPU', 'ours ÷ it', 'peak memory', 'longest loop delay']

/** `ours` is the contender that all others are set against. */
export function table(results: readonly Result[], ours: string, circumstances: Circumstances): string {
  const rows = results.flatMap((result) => rowsOf(result, ours))
  return [...tableOf(heads, rows, 2), '', ...growth(results), ...foot(ours, circumstances), ''].join('\n')
}

function rowsOf({ scenario, bytes, outcomes }: Result, ours: string): string[][] {
  const reference = outcomes.find(({ contender }) => contender === ours)
  return outcomes.map((outcome, index) => [
    index === 0 ? `${scenario.tree.name}, ${Math.round(bytes / 1e6)} MB` : '',
    outcome.contender,
    seconds(medianMs(outcome)),
    `${seconds(Math.min(...walls(outcome)))}–${seconds(Math.max(...walls(outcome)))}`,
    seconds(median(outcome.samples.map(({ cpuMs }) => cpuMs))),
    outcome === reference || reference === undefined ? '' : (medianMs(reference) / medianMs(outcome)).toFixed(2),
    peaks(outcome, (server) => `${Math.ceil(server.peakAnonymousBytes / 1e6)} MB`, 'peakAnonymousBytes'),
    peaks(outcome, (server) => `${Math.ceil(server.longestDelayMs)} ms`, 'longestDelayMs'),
  ])
}

/** The largest of all runs, for each server. */
function peaks(
  { samples }: Outcome,
  show: (server: ServerSample) => string,
  by: 'peakAnonymousBytes' | 'longestDelayMs',
): string {
  const roles = samples[0]?.servers ?? []
  return roles
    .map(({ role }, index) => {
      const all = samples.flatMap(({ servers }) => servers?.[index] ?? [])
      const largest = all.toSorted((one, other) => other[by] - one[by])[0]
      return largest === undefined ? '' : `${role} ${show(largest)}`
    })
    .join(', ')
}

/** How time grows with the count of files: 1 is in proportion. Of the document trees alone, where there are two. */
function growth(results: readonly Result[]): string[] {
  const [small, large] = results
    .filter(({ scenario }) => scenario.name.startsWith('files-'))
    .toSorted((one, other) => one.scenario.tree.files - other.scenario.tree.files)
  if (small === undefined || large === undefined) return []
  const of = (outcome: Outcome): string => {
    const before = small.outcomes.find(({ contender }) => contender === outcome.contender)
    if (before === undefined) return ''
    const files = Math.log(large.scenario.tree.files / small.scenario.tree.files)
    return `${outcome.contender} ${(Math.log(medianMs(outcome) / medianMs(before)) / files).toFixed(2)}`
  }
  const [one, other] = [small, large].map(({ scenario }) => scenario.tree.files.toLocaleString('en'))
  return [`Growth exponent from ${one} to ${other} files: ${large.outcomes.map(of).join(', ')}.`, '']
}

function foot(ours: string, { runs, rivals, loadBefore }: Circumstances): string[] {
  return [
    `* ${runs === 1 ? 'One run' : `Medians of ${runs} runs`}, the tools in turn, each into a fresh empty folder; the source is in the page cache; the disk is idle before each run. The first copy of each tool was compared byte by byte.`,
    `* ${ours}: from the call of replicate to its answer, between two servers over HTTP on the loopback: read, packed, stored, sent, verified, written, and durable on both sides before the answer. The others end when the bytes are in the page cache: nothing is flushed for them.`,
    '* CPU: user and system time of every process that took part. Memory: anonymous memory of a server (RssAnon, every 50 ms), the peak of all runs. Loop delay: the longest of all runs as /metrics tells it, some 10 ms of which are the interval of the clock that measures.',
    `* ${machine()}; ${rivals.join('; ')}. Load before the first run: ${loadBefore.toFixed(1)}; what others do meanwhile makes every time longer.`,
  ]
}

function walls({ samples }: Outcome): number[] {
  return samples.map(({ wallMs }) => wallMs)
}

function medianMs(outcome: Outcome): number {
  return median(walls(outcome))
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
