import { useEffect, useMemo, useState } from 'preact/hooks'
import { at, pages, problemOf, type Problem } from '../data/api.ts'
import { isEqual, rowOf, type Row } from './ticks.ts'
import type { ComparedResource, Comparison } from './views.ts'

/** So often it is said how many have come. */
const countMs = 200
/** Rows themselves are shown when there are so many times as many, for all that depends on them is reckoned anew. */
const growth = 4

export interface Rows {
  /** What the source has, and what only the target has, in path order. */
  readonly recreate: readonly Row[]
  readonly differences: readonly Row[]
  /** All that differ, by path; what is equal matters for no choice. */
  readonly byPath: ReadonlyMap<string, Row>
  /** How many have come, while not all have. */
  readonly coming: { readonly found: number; readonly of: number } | undefined
  readonly problem: Problem | undefined
  retry(): void
}

/** All rows that differ, in the background; those that are equal once they are wanted. */
export function useRows(comparison: Comparison, withEqual: boolean): Rows {
  const { added, existing, changed, deleted } = comparison.counts
  const inline = useMemo(
    () => (comparison.more ? undefined : [...comparison.recreate, ...comparison.differences].map(rowOf)),
    [comparison],
  )
  const differing = usePages(comparison.id, true, inline === undefined)
  const equal = usePages(comparison.id, false, inline === undefined && withEqual)
  const [found, others] = inline ? [inline, inline] : [differing.rows, equal.rows]
  const rows = useMemo(() => {
    const different = found.filter((row) => !isEqual(row))
    return {
      byPath: new Map(different.map((row) => [row.path, row])),
      offered: different.filter(({ state }) => state !== 'deleted'),
      differences: different.filter(({ state }) => state === 'deleted'),
    }
  }, [found])
  const recreate = useMemo(
    () => (withEqual ? merged(rows.offered, others.filter(isEqual)) : rows.offered),
    [rows, others, withEqual],
  )
  const reading = !differing.isDone ? differing : withEqual && !equal.isDone ? equal : undefined
  const of = reading === differing ? added + changed + deleted : existing - changed
  const failed = differing.problem ? differing : equal
  return {
    ...{ recreate, differences: rows.differences, byPath: rows.byPath },
    coming: inline === undefined && reading !== undefined ? { found: reading.found, of } : undefined,
    ...{ problem: failed.problem, retry: failed.retry },
  }
}

interface Pages {
  readonly rows: readonly Row[]
  readonly found: number
  readonly isDone: boolean
  readonly problem: Problem | undefined
  retry(): void
}

/** Page after page; read once, for a comparison does not change. */
function usePages(id: string, changed: boolean, isWanted: boolean): Pages {
  const [state, setState] = useState<Omit<Pages, 'retry'>>({ rows: [], found: 0, isDone: false, problem: undefined })
  const [attempt, setAttempt] = useState(0)
  useEffect(() => {
    if (!isWanted || state.isDone) return
    const over = new AbortController()
    const rows: Row[] = []
    let shown: readonly Row[] = []
    let saidAt = 0
    const read = async (): Promise<void> => {
      const path = `/comparisons${at(id)}/resources`
      for await (const page of pages<ComparedResource>(path, { limit: 500, changed }, over.signal)) {
        for (const found of page) rows.push(rowOf(found))
        if (Date.now() - saidAt < countMs) continue
        saidAt = Date.now()
        if (rows.length >= shown.length * growth) shown = [...rows]
        setState({ rows: shown, found: rows.length, isDone: false, problem: undefined })
      }
      setState({ rows, found: rows.length, isDone: true, problem: undefined })
    }
    void read().catch((error: unknown) => {
      if (!over.signal.aborted) setState({ rows, found: rows.length, isDone: false, problem: problemOf(error) })
    })
    return () => over.abort()
  }, [id, changed, isWanted, attempt])
  return { ...state, retry: () => setAttempt(attempt + 1) }
}

function merged(one: readonly Row[], other: readonly Row[]): Row[] {
  const all: Row[] = []
  let i = 0
  for (const row of one) {
    for (let next = other[i]; next !== undefined && inOrder(next.path, row.path) < 0; next = other[++i]) all.push(next)
    all.push(row)
  }
  return [...all, ...other.slice(i)]
}

/** As the API sorts paths: a folder, all below it, and then what follows. */
function inOrder(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)]
    if (x !== y) return weight(x) - weight(y)
  }
  return a.length - b.length
}

function weight(unit: number): number {
  return unit === 0x2f ? -1 : unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}
