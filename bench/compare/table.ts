/** The comparisons, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import { machine, median, tableOf } from '../markdown.ts'
import { ours, type CompareResult, type Timed } from './scenarios.ts'

const heads = ['folders of', 'with', 'median', 'min–max', 'ours ÷ it', 'peak memory', 'longest loop delay']

export function compareTable(results: readonly CompareResult[], runs: number, loadBefore: number): string {
  return [
    ...tableOf(heads, results.flatMap(rowsOf), 2),
    '',
    `* ${runs === 1 ? 'One run' : `Medians of ${runs} runs`}, the tools in turn; of memory one run, with files of a few bytes that both folders have as links to the same.`,
    `* ${ours}: from the call of compare to its answer, with the rows kept on the disk. \`first\` is the first comparison after the start, which reads and hashes all files; the others find that nothing has changed since. rsync and rclone look at sizes (rsync at times, too), from the start of the process to its end.`,
    '* Memory: anonymous memory of the server (RssAnon, every 50 ms), the peak of all runs. Loop delay: the longest of all runs, looked for every 5 ms.',
    `* ${machine()}. Load before the first run: ${loadBefore.toFixed(1)}; what others do meanwhile makes every time longer.`,
    '',
  ].join('\n')
}

function rowsOf({ scenario, first, runs }: CompareResult): string[][] {
  const what = `${scenario.files.toLocaleString('en')} files${scenario.changed === undefined ? '' : `, ${scenario.changed} % changed`}`
  const own = runs.get(ours) ?? []
  return [
    [what, `${ours}, first`, ...times([first]), '', ...peaks([first])],
    ...[...runs].map(([name, taken]) => [
      ...['', name, ...times(taken)],
      name === ours ? '' : (median(walls(own)) / median(walls(taken))).toFixed(2),
      ...peaks(taken),
    ]),
  ]
}

function times(taken: readonly Timed[]): string[] {
  const all = walls(taken)
  const spread = all.length === 1 ? '' : `${seconds(Math.min(...all))}–${seconds(Math.max(...all))}`
  return [seconds(median(all)), spread]
}

function peaks(taken: readonly Timed[]): string[] {
  const memory = taken.flatMap(({ peakAnonymousBytes: bytes }) => bytes ?? [])
  const delay = taken.flatMap(({ longestDelayMs: ms }) => ms ?? [])
  return memory.length === 0
    ? ['', '']
    : [`${Math.ceil(Math.max(...memory) / 1e6)} MB`, `${Math.ceil(Math.max(...delay))} ms`]
}

function walls(taken: readonly Timed[]): number[] {
  return taken.map(({ wallMs }) => wallMs)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`
}
