/** The copies of trees, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import { machine, median, tableOf } from '../markdown.ts'
import type { ServerSample } from './contender.ts'
import { goalRows } from './goals.ts'
import { wayOf, type Outcome } from './measure.ts'
import { trebuchet } from './ours.ts'
import { threads } from './profiles.ts'
import { medianMs, readBytes, wallsOf, workOf, type Result } from './result.ts'
import { rcloneWebdav } from './scenarios.ts'

export interface Circumstances {
  readonly runs: number
  /** What each rival says of its version, or that it is not installed. */
  readonly rivals: readonly string[]
  /** The machine's load average of the last minute, before the first run. */
  readonly loadBefore: number
  /** Why scenarios were not measured. */
  readonly leftOut: readonly string[]
}

const heads = [
  ...['work', 'with', 'median', 'min–max', 'ours ÷ it', 'CPU', 'on the wire'],
  ...['peak memory', 'longest loop delay', 'read by the sender'],
]
const goalHeads = ['work', 'what counts', 'goal', 'found', 'reached']

export function table(results: readonly Result[], circumstances: Circumstances): string {
  const goals = goalRows(results)
  return [
    ...tableOf(heads, results.flatMap(rowsOf), 2),
    '',
    ...(goals.length === 0 ? [] : [...tableOf(goalHeads, goals, 2), '']),
    ...busyTable(results),
    ...foot(results, circumstances),
    '',
  ].join('\n')
}

function rowsOf({ scenario, bytes, outcomes }: Result): string[][] {
  return outcomes.map((outcome, index) => {
    const { contender, way, samples } = outcome
    const ours = outcomes.find((other) => other.contender === trebuchet && other.way === way)
    const wireBytes = samples.flatMap((sample) => sample.wireBytes ?? [])
    return [
      index === 0 ? `${workOf(scenario)}, ${megabytes(bytes)}` : '',
      `${contender}${wayOf(way)}${samples.length === 1 ? ' (one run)' : ''}`,
      seconds(medianMs(outcome)),
      `${seconds(Math.min(...wallsOf(outcome)))}–${seconds(Math.max(...wallsOf(outcome)))}`,
      ours === undefined || ours === outcome ? '' : (medianMs(ours) / medianMs(outcome)).toFixed(2),
      seconds(median(samples.map(({ cpuMs }) => cpuMs))),
      wireBytes.length === 0 ? '' : megabytes(median(wireBytes)),
      peaks(outcome, 'peakAnonymousBytes', (value) => `${Math.ceil(value / 1e6)} MB`),
      peaks(outcome, 'longestDelayMs', (value) => `${Math.ceil(value)} ms`),
      ...samples.slice(0, 1).map(({ servers }) => (servers === undefined ? '' : megabytes(readBytes(outcome)))),
    ]
  })
}

/** The largest of all runs, for each server. */
function peaks(
  { samples }: Outcome,
  by: 'peakAnonymousBytes' | 'longestDelayMs',
  show: (value: number) => string,
): string {
  const roles = samples[0]?.servers ?? []
  return roles
    .map(({ role }, index) => {
      const all = samples.flatMap(({ servers }): ServerSample[] => servers?.slice(index, index + 1) ?? [])
      return `${role} ${show(Math.max(...all.map((server) => server[by])))}`
    })
    .join(', ')
}

/** Nothing where nothing was profiled. */
function busyTable(results: readonly Result[]): string[] {
  const profiled = results.flatMap(({ scenario, outcomes }) =>
    outcomes.flatMap(({ way, busy }) =>
      busy === undefined ? [] : [{ name: `${workOf(scenario)}${wayOf(way)}`, busy }],
    ),
  )
  const columns = [...new Set(profiled.flatMap(({ busy }) => busy.roles))].flatMap((role) =>
    threads.map((kind) => `${role}, ${kind}`),
  )
  const rows = profiled.flatMap(({ name, busy: { wallMs, none, one, several, kinds } }) => {
    const cells = (of: (column: string) => number): string[] => columns.map((column) => shown(of(column)))
    const total = (column: string): number => [...kinds.values()].reduce((sum, ms) => sum + (ms.get(column) ?? 0), 0)
    const told = `${seconds(wallMs)}: no thread ran for ${seconds(none)}, one for ${seconds(one)}, several for ${seconds(several)}`
    return [
      [name, told, ...cells(total)],
      ...[...kinds]
        .map(([kind, ms]) => ['', kind, ...cells((column) => ms.get(column) ?? 0)])
        .filter((row) => row.slice(2).some((cell) => cell !== '')),
    ]
  })
  return rows.length === 0 ? [] : [...tableOf(['work', 'where the time goes', ...columns], rows, 2), '']
}

/** What takes less than a hundredth of a second is left out. */
function shown(ms: number): string {
  return ms < 10 ? '' : seconds(ms)
}

function foot(results: readonly Result[], { runs, rivals, loadBefore, leftOut }: Circumstances): string[] {
  const changed = results.some(({ scenario }) => scenario.state === 'changed')
  const far = results.some(({ scenario }) => scenario.ways.some(({ roundTripMs }) => roundTripMs !== undefined))
  return [
    `- ${runs === 1 ? 'One run' : `Medians of ${runs} runs`} unless a row says otherwise, the tools in turn, each new copy into a fresh empty folder; the source is in the page cache; the disk is idle before each run. The first copy of each tool was compared byte by byte.`,
    `- ${trebuchet}: from the call of replicate to its answer, between two servers over HTTP on the loopback: read, packed, stored, sent, verified, written, and durable on both sides before the answer. The others end when the bytes are in the page cache, unless a row says “and flushed”: then \`sync -f\` of each target follows within the time.`,
    ...(changed
      ? [
          `- 1 % changed: of a hundred changed files forty have another size, forty other bytes of the same size, ten are new, ten deleted; the copy before is complete, and all that only the target has is deleted (\`mode: mirror\`, \`rsync --delete\`). ${rcloneWebdav} keeps no times there, so it runs with \`--update --use-server-modtime\`.`,
        ]
      : []),
    ...(far
      ? [
          '- 0 ms and 50 ms: the round trip through a proxy that delays each direction by half of it, and every connection by one more. Only what is measured is delayed.',
        ]
      : []),
    '- Several targets: ours has one agent with all of them, each an agent of one server; a tool is run once for each, one after the other. On the wire: both directions, all targets together, counted by a proxy, in a run of its own wherever the times are without one.',
    '- CPU: user and system time of every process that took part. Memory: anonymous memory of a server (RssAnon, every 50 ms), the peak of all runs. Loop delay: the longest of all runs, looked for every 5 ms. Read by the sender: all that our sending process read from files and connections (rchar), its own packages among them.',
    ...(results.some(({ outcomes }) => outcomes.some(({ contender }) => contender === rcloneWebdav))
      ? [
          `- ${rcloneWebdav}: rclone waits 10 ms before each call, of which a new file takes three: cold it is run once, through the proxy that counts, and left out where that would take an hour; where it only brings a tree up to date the first copy is made by \`cp -r\`.`,
        ]
      : []),
    ...(results.some(({ outcomes }) => outcomes.some(({ busy }) => busy !== undefined))
      ? [
          '- Where the time goes: from the CPU profiles of the run with the median time, which slow the servers down. What waits in a system call (for the disk, too) counts as running in it.',
        ]
      : []),
    ...leftOut.map((line) => `- ${line}.`),
    `- ${machine()}; ${rivals.join('; ')}. Load before the first run: ${loadBefore.toFixed(1)}; what others do meanwhile makes every time longer.`,
  ]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}

/** One decimal where it says something. */
function megabytes(bytes: number): string {
  return `${bytes < 1e7 ? (bytes / 1e6).toFixed(1) : Math.round(bytes / 1e6).toLocaleString('en')} MB`
}
