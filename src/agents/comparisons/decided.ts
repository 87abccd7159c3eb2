import type { ComparedRow } from '../../compare/row.ts'
import { comparedRows } from '../../compare/compared-rows.ts'
import type { Chooser, Decision } from '../../compare/selection.ts'
import type { Fault } from '../../errors.ts'
import { isWithin, quote, type ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'
import type { Comparison } from './records.ts'

/** What becomes of a row, or why that cannot be; a folder that comes or goes with what it holds is decided with that. */
export type Decided =
  | { readonly row: ComparedRow; readonly implied: true; readonly decision?: undefined; readonly fault?: undefined }
  | { readonly row: ComparedRow; readonly implied?: undefined; readonly decision: Decision; readonly fault?: undefined }
  | { readonly row: ComparedRow; readonly implied?: undefined; readonly decision?: Decision; readonly fault: Fault }

/** Every row in path order; `withSame`: also those that are equal. */
export async function* decidedRows(
  { rowFiles }: Pick<Parts, 'rowFiles'>,
  comparison: Comparison,
  choose: Chooser,
  { withSame = true }: { readonly withSame?: boolean } = {},
): AsyncGenerator<Decided, void, void> {
  const replaced = new Replaced()
  for await (const { row } of comparedRows(rowFiles, comparison.rows, { withSame: () => withSame })) {
    if (row.implied === true) {
      yield { row, implied: true }
      continue
    }
    const decision = choose.decide({
      ...{ path: row.path, state: row.state, selected: row.selected, class: row.class },
      changed: row.changed ?? true,
      ...(row.changes !== undefined && { parts: row.changes }),
    })
    if ('fault' in decision) yield { row, fault: decision.fault }
    else {
      const fault = replaced.faultIn(row, decision)
      yield fault === undefined ? { row, decision } : { row, decision, fault }
    }
  }
}

/** Where a resource takes the place of a folder, or the other way round, what is lost with it must have been chosen too. */
class Replaced {
  #above: { readonly path: ResourcePath; readonly written: boolean; readonly folderGoes: boolean } | undefined

  faultIn({ path, state, source, target }: ComparedRow, { write }: Decision): Fault | undefined {
    if (this.#above !== undefined && !isWithin(path, this.#above.path)) this.#above = undefined
    const above = this.#above
    if (state === 'existing' && (source?.folder ?? false) !== (target?.folder ?? false)) {
      this.#above = { path, written: write !== 'nothing', folderGoes: target?.folder === true }
      return undefined
    }
    if (above === undefined) return undefined
    if (above.folderGoes && above.written && state === 'deleted' && write !== 'delete')
      return {
        pointer: '/select',
        message: `${quote(above.path)} takes the place of a folder: ${quote(path)} must go with it`,
      }
    if (!above.folderGoes && !above.written && state === 'added' && write !== 'nothing')
      return {
        pointer: '/select',
        message: `${quote(path)} would take the place of ${quote(above.path)}, which is not selected`,
      }
    return undefined
  }
}
