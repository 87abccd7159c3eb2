/** Both programs side by side, as Markdown for the terminal and for docs/PERFORMANCE.md. */
import { machine, median, tableOf } from '../markdown.ts'
import { original, ours } from './copying.ts'
import type { Measured } from './scenarios.ts'

export interface SyncRow {
  readonly figure: Omit<Measured, 'value'>
  /** By the program's name, in the order of the runs. */
  readonly values: Map<string, number[]>
}

export function syncTable(rows: readonly SyncRow[], runs: number, loadBefore: number): string {
  const heads = ['figure', 'goal', original.name, ours.name, 'ratio']
  const cells = rows.map((row) => [
    row.figure.name,
    row.figure.goal ?? '',
    cell(row, original.name),
    cell(row, ours.name),
    ratio(row),
  ])
  return [
    ...tableOf(heads, cells, 2),
    '',
    `* Medians of ${runs} ${runs === 1 ? 'run' : 'runs'} (least–most), the programs in turn, each from the start of the process to its end; the service is one process on the same machine. Memory is RssAnon at its highest, of one run.`,
    `* ${machine()}. Load before the first run: ${loadBefore.toFixed(1)}.`,
    '',
  ].join('\n')
}

function cell({ figure, values }: SyncRow, name: string): string {
  const all = values.get(name) ?? []
  if (all.length === 0) return '—'
  const spread = all.length === 1 ? '' : ` (${shown(Math.min(...all))}–${shown(Math.max(...all))})`
  return `${shown(median(all))} ${figure.unit}${spread}`
}

function shown(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 2 : 0 })
}

/** How many times as good ours is. */
function ratio({ figure, values }: SyncRow): string {
  const [theirs, own] = [values.get(original.name), values.get(ours.name)]
  if (theirs === undefined || own === undefined) return ''
  const quotient = median(own) / median(theirs)
  return (figure.better === 'higher' ? quotient : 1 / quotient).toFixed(1)
}
