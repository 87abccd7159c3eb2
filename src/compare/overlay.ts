import type { EntriesOf } from '../packages/whole.ts'
import { Regions } from '../packages/regions.ts'
import { comparePaths, isWithin, type ResourcePath } from '../resources/path.ts'
import { after, rowOf, type BaseRow } from './ancestor.ts'

export interface Overlay {
  /** In path order. */
  readonly entries: AsyncIterable<EntriesOf>
  /** Nothing is at these and below them but what the entries bring. */
  readonly cleared: readonly ResourcePath[]
  /** Only what lies within these was applied. */
  readonly within: readonly ResourcePath[] | undefined
  readonly command: string
}

/** The base with what a large tree has changed of it: as `BaseChanges`, which hold what they are told, while this holds nothing. */
export async function* overlaid(rows: AsyncIterable<BaseRow>, overlay: Overlay): AsyncGenerator<BaseRow, void, void> {
  const cleared = new Regions(overlay.cleared)
  const changed = changedRows(overlay)
  /** A content that may have taken the place of a folder, or what was deleted with all below it. */
  let gone: ResourcePath | undefined
  try {
    let next = await nextOf(changed)
    for await (const row of rows) {
      let order = -1
      while (next !== undefined && (order = comparePaths(next.row.path, row.path)) <= 0) {
        if (next.clears || next.row.digest !== undefined) gone = next.row.path
        yield order === 0 ? after(row, next.row) : next.row
        next = await nextOf(changed)
        if (order === 0) break
      }
      if (order === 0 || cleared.hold(row.path) || (gone !== undefined && isWithin(row.path, gone))) continue
      yield row
    }
    for (; next !== undefined; next = await nextOf(changed)) yield next.row
  } finally {
    await changed.return()
  }
}

interface Changed {
  readonly row: BaseRow
  readonly clears: boolean
}

/** With a row for each cleared path: it is known that nothing is there, unless an entry says what is. */
async function* changedRows({ entries, cleared, within, command }: Overlay): AsyncGenerator<Changed, void, void> {
  const wanted = within === undefined ? undefined : new Regions(within)
  const roots = [...cleared].toSorted(comparePaths)
  let at = 0
  for await (const some of entries)
    for (const entry of some.entries) {
      for (let root = roots[at]; root !== undefined; root = roots[++at]) {
        const order = comparePaths(root, entry.path)
        if (order > 0) break
        if (order < 0) yield { row: { path: root, command }, clears: false }
      }
      if (wanted?.hold(entry.path) === false) continue
      yield { row: rowOf(entry, some, { command }), clears: entry.type === 'delete' && entry.deep }
    }
  for (const root of roots.slice(at)) yield { row: { path: root, command }, clears: false }
}

async function nextOf(changed: AsyncGenerator<Changed, void, void>): Promise<Changed | undefined> {
  const { done, value } = await changed.next()
  return done === true ? undefined : value
}
