import { chooser, type Selection } from '../../compare/selection.ts'
import { ReplicationError, type Fault } from '../../errors.ts'
import type { Parts } from '../parts.ts'
import { guardAgainst } from './apply.ts'
import { decidedRows } from './decided.ts'
import { maxFaults } from './plan.ts'
import type { Comparison } from './records.ts'

export interface Foretold {
  readonly creates: number
  readonly overwrites: number
  readonly deletes: number
  /** Equal, or left alone. */
  readonly unchanged: number
  /** Those that nothing has been decided of. */
  readonly conflicts: number
  /** Why so many deletions need a reason. */
  readonly guard?: string
  /** Somebody else has to approve it. */
  readonly approval?: true
  /** Why it cannot be applied. */
  readonly errors: readonly Fault[]
}

/**
 * What applying a selection would come to, by the decisions that applying makes; nothing is kept, and neither side is looked at again.
 * Throws `corrupt` for a selection that names what the comparison does not have.
 */
export async function foretell(
  parts: Pick<Parts, 'rowFiles' | 'roster'>,
  comparison: Comparison,
  selection: Selection,
): Promise<Foretold> {
  // Deletions are counted with and without consent.
  const choose = chooser({ ...selection, allowDeletes: true })
  const errors: Fault[] = []
  const counts = { creates: 0, overwrites: 0, deletes: 0, conflicts: 0 }
  // Of what is equal nothing is written, whatever is said of it: it matters only for what names it.
  const withSame = namesAny(selection)
  for await (const { row, implied, decision, fault } of decidedRows(parts, comparison, choose, { withSame })) {
    if (implied) continue
    if (fault !== undefined && errors.length < maxFaults) errors.push(fault)
    const { write, rebase } = decision ?? { write: 'nothing', rebase: false }
    if (row.class === 'conflict' && write === 'nothing' && !rebase) counts.conflicts++
    if (write === 'nothing') continue
    counts[write === 'delete' ? 'deletes' : row.state === 'added' ? 'creates' : 'overwrites']++
  }
  const unknown = choose.unknown()
  if (unknown.length > 0)
    throw new ReplicationError('corrupt', 'the selection names what the comparison does not have', {
      faults: unknown.slice(0, maxFaults),
    })
  const { creates, overwrites, deletes } = counts
  if (deletes > 0 && !selection.allowDeletes)
    errors.unshift({ pointer: '/allowDeletes', message: `must be true, for ${deletes} resources are to be deleted` })
  const { added, existing, deleted } = comparison.counts
  const unchanged = added + existing + deleted - creates - overwrites - deletes
  const agent = await parts.roster.get(comparison.agent)
  const guard = guardAgainst(agent, comparison, deletes)
  return {
    ...{ ...counts, unchanged, errors: errors.slice(0, maxFaults) },
    ...(guard !== undefined && { guard }),
    ...(agent.config.approval === true && { approval: true }),
  }
}

function namesAny({ select, deselect, parts, resolve }: Selection): boolean {
  return [select, deselect, Object.keys(parts), Object.keys(resolve)].some(({ length }) => length > 0)
}
