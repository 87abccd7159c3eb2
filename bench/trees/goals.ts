/** What was aimed at, beside what was found. */
import { wayOf, type Outcome } from './measure.ts'
import { trebuchet } from './ours.ts'
import { medianMs, readBytes, workOf, type Result } from './result.ts'
import type { Goal } from './scenarios.ts'

const mostMemoryBytes = 200e6
const longestDelayMs = 50
const mostGrowth = 1.05
/** A hundred times as many entries may take this much more memory, and are still called flat. */
const flat = 1.1

/** Work, what counts, the goal, what was found, and whether that is enough; without a row for what was not measured. */
export function goalRows(results: readonly Result[]): string[][] {
  return [...results.flatMap(ofOne), ...growth(results), ...flatness(results), ...limits(results)]
}

function ofOne({ scenario, bytes, outcomes }: Result): string[][] {
  return scenario.goals.flatMap((goal) => {
    const found = foundOf(
      goal,
      scenario.ways.map((way) => outcomes.filter((outcome) => outcome.way === way)),
      bytes,
    )
    return found === undefined ? [] : [row(workOf(scenario), found.what, goal.atMost, found.value, '')]
  })
}

/** Undefined when one of both was not measured. */
function foundOf(
  goal: Goal,
  [first = [], second = []]: readonly (readonly Outcome[])[],
  treeBytes: number,
): { readonly what: string; readonly value: number } | undefined {
  const [ours, oursThen] = [first, second].map((all) => all.find(({ contender }) => contender === trebuchet))
  if (ours === undefined) return undefined
  if (goal.kind === 'rival') {
    const rival = first.find(({ contender }) => contender === goal.rival)
    return rival && { what: `ours ÷ ${goal.rival}`, value: medianMs(ours) / medianMs(rival) }
  }
  if (oursThen === undefined) return undefined
  const ways = `ours${wayOf(oursThen.way)}`
  if (goal.kind === 'ways')
    return { what: `${ways} ÷ ours${wayOf(ours.way)}`, value: medianMs(oursThen) / medianMs(ours) }
  const more = sourceReads(oursThen, treeBytes) - sourceReads(ours, treeBytes)
  return { what: `${ways}: how much more of the source is read than for one`, value: more }
}

/**
 * How often the whole source is read, about: of all that the sender reads, what it sends is the package that it has stored, and is read again
 * for each target; what is left is the source, and what it reads of its own files, which is the same for any number of targets.
 */
function sourceReads(outcome: Outcome, treeBytes: number): number {
  return (readBytes(outcome) - (outcome.samples[0]?.wireBytes ?? 0)) / treeBytes
}

/** How time grows with the count of files: 1 is in proportion. Of cold copies of documents alone, where there are two. */
function growth(results: readonly Result[]): string[][] {
  const [small, large] = ['files-10k', 'files-100k'].map((name) =>
    results.find(({ scenario }) => scenario.name === name),
  )
  if (small === undefined || large === undefined) return []
  const files = Math.log(large.scenario.tree.files / small.scenario.tree.files)
  return large.outcomes.flatMap((outcome) => {
    const before = small.outcomes.find(({ contender }) => contender === outcome.contender)
    if (before === undefined) return []
    const exponent = Math.log(medianMs(outcome) / medianMs(before)) / files
    const [one, other] = [small, large].map(({ scenario }) => scenario.tree.files.toLocaleString('en'))
    const what = `${outcome.contender}: growth exponent from ${one} to ${other} files`
    if (outcome.contender === trebuchet) return [row(workOf(large.scenario), what, mostGrowth, exponent, '')]
    return [[workOf(large.scenario), what, '', exponent.toFixed(2), '']]
  })
}

function flatness(results: readonly Result[]): string[][] {
  const measured = results
    .filter(({ scenario, outcomes }) => scenario.memory === true && outcomes.length > 0)
    .toSorted((one, other) => one.scenario.tree.files - other.scenario.tree.files)
  const [least, most] = [measured[0], measured.at(-1)]
  if (least === undefined || most === undefined || least === most) return []
  const entries = least.scenario.tree.files.toLocaleString('en')
  return [row(workOf(most.scenario), `peak memory ÷ that of ${entries}`, flat, peak([most]) / peak([least]), '')]
}

/** Over all scenarios and servers. */
function limits(results: readonly Result[]): string[][] {
  const delayMs = Math.max(...serversOf(results).map((server) => server.longestDelayMs))
  if (!Number.isFinite(delayMs)) return []
  return [
    row('all of these', 'the most memory of a server of ours', mostMemoryBytes / 1e6, peak(results) / 1e6, ' MB'),
    row('all of these', 'the longest delay of an event loop', longestDelayMs, delayMs, ' ms'),
  ]
}

function peak(results: readonly Result[]): number {
  return Math.max(...serversOf(results).map((server) => server.peakAnonymousBytes))
}

function serversOf(results: readonly Result[]) {
  return results.flatMap(({ outcomes }) =>
    outcomes.flatMap(({ samples }) => samples.flatMap(({ servers }) => servers ?? [])),
  )
}

function row(work: string, what: string, atMost: number, found: number, unit: '' | ' MB' | ' ms'): string[] {
  const told = unit === '' ? found.toFixed(2) : `${Math.ceil(found)}${unit}`
  return [work, what, `≤ ${atMost}${unit}`, told, found <= atMost ? 'yes' : 'no']
}
