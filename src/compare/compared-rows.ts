import { isFolderLine, lineFeed, stateIn, stateOf } from '../resources/listing.ts'
import type { ResourcePath } from '../resources/path.ts'
import type { ResourceState } from '../resources/resource.ts'
import type { ComparedRow } from './row.ts'
import type { PlacedRow, RowFiles } from './row-files.ts'

/**
 * Many rows at once: what both sides have, and of which no base is known. In the file of a comparison they stand as the lines of
 * the listing itself, folders among them, which are no rows.
 */
export interface SameRows {
  readonly lines: Uint8Array
  /** How many rows. */
  readonly count: number
  readonly first: ResourcePath
}

/** Undefined when there are none but folders. */
export function sameRows(lines: Uint8Array): SameRows | undefined {
  let count = 0
  let first: ResourcePath | undefined
  for (let begin = 0; begin < lines.length;) {
    const end = lines.indexOf(lineFeed, begin)
    // The root is no row, whatever it is.
    if (!isFolderLine(lines, end) && !(lines[begin + 2] === slash && lines[begin + 3] === quotation)) {
      count++
      first ??= stateOf(lines, begin, end).path
    }
    begin = end + 1
  }
  return first === undefined ? undefined : { lines, count, first }
}

/** A row of what is equal. */
export function sameRow({ path, digest, size }: ResourceState): ComparedRow {
  const state = { ...(digest !== undefined && { digest }), ...(size !== undefined && { size }) }
  return { path, state: 'existing', class: 'same', changed: false, selected: true, source: state, target: { ...state } }
}

/** The rows of a comparison, from an `end` on; without those of `SameRows` where they are not wanted. Throws `missing`. */
export async function* comparedRows(
  rowFiles: RowFiles,
  id: string,
  { from = 0, withSame = () => true }: { readonly from?: number; readonly withSame?: () => boolean } = {},
): AsyncGenerator<PlacedRow<ComparedRow>, void, void> {
  const wants = (line: Buffer, begin: number): boolean => line[begin] !== bracket || withSame()
  for await (const { row, end } of rowFiles.read<ComparedRow | Parameters<typeof stateIn>[0]>(id, { from, wants }))
    if ('path' in row) yield { row, end }
    else if (row.length > 1 && row[0] !== '/') yield { row: sameRow(stateIn(row)), end }
}

const [bracket, slash, quotation] = [0x5b, 0x2f, 0x22]
