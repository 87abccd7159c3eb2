import type { ComparedRow } from '../../compare/row.ts'
import { chooser, type Decision, type Selection } from '../../compare/selection.ts'
import { ReplicationError, type Fault } from '../../errors.ts'
import { isWithin, type ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'
import { decidedRows } from './decided.ts'
import type { Comparison } from './records.ts'

/** A row of a comparison of which something is to be done, and what. */
export interface PlannedRow extends Omit<ComparedRow, 'changes' | 'selected' | 'breaking'> {
  readonly write: Decision['write']
  /** The base takes the source's state, whatever is written. */
  readonly rebase: boolean
  /** Of a resource of which not all is taken: whose each part becomes. */
  readonly parts?: readonly (readonly [part: string, side: 'source' | 'target'])[]
}

/** Behind the planned rows, in path order: a folder that goes, if all that is lost was all it held, or that is made by what comes. */
interface Folder {
  readonly folder: ResourcePath
  readonly becomes: 'gone' | 'made'
}

export interface Plan {
  /** The file of its rows. */
  readonly rows: string
  readonly writes: number
  readonly deletes: number
  /** Once it is applied it is known of every path of the comparison what both sides have in common. */
  readonly isWhole: boolean
}

/** So many faults are told. */
export const maxFaults = 100

/**
 * Decides every row of a comparison and keeps what is to be done. Throws `invalid` with a fault for each that a selection cannot
 * mean (`corrupt` where it names what the comparison does not have); keeps nothing then.
 */
export async function planOf(
  { rowFiles }: Pick<Parts, 'rowFiles'>,
  comparison: Comparison,
  selection: Selection,
): Promise<Plan> {
  const choose = chooser(selection)
  const faults: Fault[] = []
  const [gone, made] = [new Above(), new Above()]
  let writes = 0
  let deletes = 0
  let undecided = 0
  async function* planned(): AsyncGenerator<PlannedRow | Folder> {
    for await (const { row, implied, decision, fault } of decidedRows({ rowFiles }, comparison, choose)) {
      if (implied) {
        ;(row.state === 'deleted' ? gone : made).enter(row.path)
        continue
      }
      if (fault !== undefined) faults.push(fault)
      if (decision !== undefined) {
        const { changes: _changes, selected: _, breaking: _breaking, ...known } = row
        const { write, parts } = decision
        // What is equal, and was never known to be, is common from now on.
        const rebase = decision.rebase || (row.class === 'same' && row.base === undefined)
        if (row.class === 'unbased' && write === 'nothing' && !rebase) undecided++
        if (write === 'delete') gone.mark(row.path)
        if (write === 'delete') deletes++
        if (row.state === 'added' && write !== 'nothing') made.mark(row.path)
        if (write !== 'nothing') writes++
        if (write !== 'nothing' || rebase)
          yield { ...known, write, rebase, ...(parts !== undefined && { parts: [...parts] }) }
      }
      if (faults.length >= maxFaults) return
    }
    for (const folder of gone.folders) yield { folder, becomes: 'gone' }
    for (const folder of made.folders) yield { folder, becomes: 'made' }
  }
  const rows = await rowFiles.write(planned())
  const unknown = choose.unknown()
  if (faults.length === 0 && unknown.length === 0) return { rows, writes, deletes, isWhole: undecided === 0 }
  await rowFiles.remove(rows)
  if (faults.length > 0)
    throw new ReplicationError('invalid', `the selection cannot be applied: ${faults[0]?.message}`, { faults })
  throw new ReplicationError('corrupt', `the selection names what the comparison does not have`, {
    faults: unknown.slice(0, maxFaults),
  })
}

/** What is to be done, in path order. */
export async function* plannedRows(
  { rowFiles }: Pick<Parts, 'rowFiles'>,
  plan: string,
): AsyncGenerator<PlannedRow, void, void> {
  for await (const { row } of rowFiles.read<PlannedRow | Folder>(plan)) if ('write' in row) yield row
}

/**
 * Folders that come and go with what is planned, in path order. A folder goes that has nothing left when all is done; one that holds
 * more stays.
 */
export async function foldersOf(
  { rowFiles }: Pick<Parts, 'rowFiles'>,
  plan: string,
  becomes: Folder['becomes'],
): Promise<ResourcePath[]> {
  const folders: ResourcePath[] = []
  for await (const { row } of rowFiles.read<PlannedRow | Folder>(plan))
    if ('becomes' in row && row.becomes === becomes) folders.push(row.folder)
  return folders
}

/** The folders above what is marked, of those that only one side has. */
class Above {
  readonly folders = new Set<ResourcePath>()
  #open: ResourcePath[] = []

  enter(folder: ResourcePath): void {
    this.#leave(folder)
    this.#open.push(folder)
  }

  mark(path: ResourcePath): void {
    this.#leave(path)
    for (const folder of this.#open) this.folders.add(folder)
  }

  #leave(path: ResourcePath): void {
    this.#open = this.#open.filter((folder) => isWithin(path, folder))
  }
}
