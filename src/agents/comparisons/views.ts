import type { ComparedRow } from '../../compare/row.ts'
import { comparedRows } from '../../compare/compared-rows.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import { below, type Store } from '../../state/store.ts'
import type { Page } from '../commands/views.ts'
import type { Parts } from '../parts.ts'
import { applicationOf } from './apply.ts'
import { comparisonPrefix, type Comparison, type ResultRow } from './records.ts'

/** So many rows of each section stand in a comparison itself; the others are read in pages. */
const maxInline = 1000

export interface ComparisonView extends Omit<Comparison, 'rows'> {
  /** What the source has. */
  readonly recreate: readonly ComparedRow[]
  /** What only the target has. */
  readonly differences: readonly ComparedRow[]
  /** There are more rows than these. */
  readonly more?: true
}

export async function viewComparison(parts: Pick<Parts, 'rowFiles'>, comparison: Comparison): Promise<ComparisonView> {
  const { rows, ...shown } = comparison
  const [recreate, differences]: [ComparedRow[], ComparedRow[]] = [[], []]
  const { added, existing, deleted } = comparison.counts
  const [offered, gone] = [Math.min(added + existing, maxInline), Math.min(deleted, maxInline)]
  if (offered + gone > 0)
    for await (const { row } of comparedRows(parts.rowFiles, rows, { withSame: () => recreate.length < offered })) {
      if (row.implied === true) continue
      const section = row.state === 'deleted' ? differences : recreate
      if (section.length < maxInline) section.push(row)
      if (recreate.length === offered && differences.length === gone) break
    }
  const more = added + existing + deleted > recreate.length + differences.length
  return { ...shown, recreate, differences, ...(more && { more }) }
}

/** Which rows of a comparison are asked for. */
export interface RowFilter {
  readonly state?: ComparedRow['state']
  readonly class?: ComparedRow['class']
  readonly changed?: boolean
  /** At and below it. */
  readonly path?: ResourcePath
}

/** Rows in path order; `after` is where the page before ended. */
export async function listRows(
  parts: Pick<Parts, 'rowFiles'>,
  comparison: Comparison,
  { state, class: cls, changed, path }: RowFilter,
  { after, limit }: { readonly after?: number; readonly limit: number },
): Promise<Page<ComparedRow>> {
  const items: ComparedRow[] = []
  let last = after ?? 0
  const withSame = (state ?? 'existing') === 'existing' && (cls ?? 'same') === 'same' && !(changed ?? false)
  for await (const { row, end } of comparedRows(parts.rowFiles, comparison.rows, {
    from: last,
    withSame: () => withSame,
  })) {
    const isWanted =
      row.implied !== true &&
      (state === undefined || row.state === state) &&
      (cls === undefined || row.class === cls) &&
      (changed === undefined || (row.changed ?? true) === changed) &&
      (path === undefined || isWithin(row.path, path))
    if (isWanted && items.length === limit) return { items, next: String(last) }
    if (isWanted) items.push(row)
    last = end
  }
  return { items }
}

export async function findRow(
  parts: Pick<Parts, 'rowFiles'>,
  { rows }: Comparison,
  path: ResourcePath,
): Promise<ComparedRow | undefined> {
  for await (const { row } of comparedRows(parts.rowFiles, rows))
    if (row.path === path && row.implied !== true) return row
  return undefined
}

/**
 * What a command that applies a comparison makes of each resource; nothing before its package is made. `after` is where the page
 * before ended.
 */
export async function listResults(
  parts: Pick<Parts, 'store' | 'rowFiles'>,
  command: string,
  { after, limit }: { readonly after?: number; readonly limit: number },
): Promise<Page<ResultRow>> {
  const { results } = await applicationOf(parts, command)
  const items: ResultRow[] = []
  let last = after ?? 0
  if (results === undefined) return { items }
  for await (const { row, end } of parts.rowFiles.read<ResultRow>(results, { from: last })) {
    if (items.length === limit) return { items, next: String(last) }
    items.push(row)
    last = end
  }
  return { items }
}

/** Newest first, those of one agent, or of all; without their rows. */
export async function listComparisons(
  store: Store,
  agent: string | undefined,
  page: { readonly before?: string; readonly limit: number; readonly sees?: (agent: string) => boolean },
): Promise<Page<Omit<Comparison, 'rows'>>> {
  const { before, limit, sees = () => true } = page
  const items: Omit<Comparison, 'rows'>[] = []
  let { from, to } = below(comparisonPrefix)
  if (before !== undefined) to = `${comparisonPrefix}${before}`
  for (;;) {
    const found = await store.range<Comparison>({ from, to, reverse: true, limit: 100 })
    for (const { key, value } of found) {
      to = key
      if ((agent !== undefined && value.agent !== agent) || !sees(value.agent)) continue
      if (items.length === limit) return { items, next: items.at(-1)?.id ?? '' }
      const { rows: _, ...shown } = value
      items.push(shown)
    }
    if (found.length < 100) return { items }
  }
}
