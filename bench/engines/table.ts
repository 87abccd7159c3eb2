/** Both engines side by side, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import { machine, median, tableOf } from '../markdown.ts'
import type { Figure } from './figure.ts'
import type { Engine } from './installation.ts'
import type { EngineResult, Row } from './scenarios.ts'

const heads = ['figure', 'goal', 'embedded', 'shared', 'shared ÷ embedded']

export function engineTable(
  results: readonly EngineResult[],
  { runs, redis, loadBefore }: { readonly runs: number; readonly redis: string; readonly loadBefore: number },
): string {
  const rows = results.flatMap((result) =>
    result.rows.map((row) => [
      row.figure.name,
      row.figure.goal ?? '',
      cell(row, 'embedded'),
      cell(row, 'shared'),
      ratio(row),
    ]),
  )
  return [...tableOf(heads, rows, 2), '', ...foot(results, runs, redis, loadBefore), ''].join('\n')
}

/** The median, and behind it the least and the most where there are several runs. */
function cell({ figure, values }: Row, engine: Engine): string {
  const all = values.get(engine) ?? []
  if (all.length === 0) return '—'
  const spread = all.length === 1 ? '' : ` (${shown(Math.min(...all), figure)}–${shown(Math.max(...all), figure)})`
  return `${shown(median(all), figure)} ${figure.unit}${spread}`
}

function shown(value: number, { unit }: Figure): string {
  const digits = unit === 'ms' || unit === '% of a core' ? 1 : 0
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

/** As a share of the embedded engine's speed, so that 0.5 is half as good, whichever way the figure counts. */
function ratio({ figure, values }: Row): string {
  const [embedded, shared] = [values.get('embedded'), values.get('shared')]
  if (embedded === undefined || shared === undefined || figure.better === undefined) return ''
  const quotient = median(shared) / median(embedded)
  return (figure.better === 'higher' ? quotient : 1 / quotient).toFixed(2)
}

function foot(results: readonly EngineResult[], runs: number, redis: string, loadBefore: number): string[] {
  const others = results.map(({ scenario, others }) => {
    const of = (engine: Engine): string => `${Math.round(100 * median(others.get(engine) ?? []))} %`
    return `${scenario.name} ${[...others.keys()].map(of).join(' and ')}`
  })
  const once = results.filter(({ scenario }) => scenario.once).map(({ scenario }) => scenario.name)
  return [
    `* ${runs === 1 ? 'One run' : `Medians of ${runs} runs (least–most)${once.length > 0 ? `, of ${once.join(' and ')} one run` : ''}`}, the engines in turn, each time a new server with a new state. One server, over HTTP on the loopback, from one process that calls; shared: a Redis beside it with \`appendfsync always\`, on the same disk.`,
    '* shared ÷ embedded: as a share of the speed of the embedded engine, so that 0.5 is half as fast, whichever way a figure counts. The goal of every figure is half.',
    `* What others, and the kernel itself, took of all processors meanwhile: ${others.join(', ')}.`,
    `* ${machine()}; ${redis}. Load before the first run: ${loadBefore.toFixed(1)}.`,
  ]
}
