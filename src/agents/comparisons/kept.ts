import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { below, scan } from '../../state/store.ts'
import type { Parts } from '../parts.ts'
import { foldersOf, plannedRows } from './plan.ts'
import {
  applicationKey,
  comparisonKey,
  replacedPrefix,
  type Application,
  type Comparison,
  type Replaced,
} from './records.ts'

/** What a command has replaced at one target, and is kept to be taken back. */
export interface KeptUndo {
  readonly agent: string
  readonly target: string
  /** The package of it. */
  readonly undo: string
  /** The paths at which it has written, in order. */
  readonly paths: readonly ResourcePath[]
  /** What the base was there, a file of BaseRows. */
  readonly rebaseBack?: string
}

/** Throws `conflict` when nothing is kept, `invalid` when it is not said at which target and there are several. */
export async function keptOf(
  parts: Pick<Parts, 'store' | 'rowFiles'>,
  command: string,
  where: { readonly agent?: string; readonly target?: string } = {},
): Promise<KeptUndo> {
  const found = [...(await applied(parts, command)), ...(await mirrored(parts, command))].filter(
    ({ agent, target }) => (where.agent ?? agent) === agent && (where.target ?? target) === target,
  )
  const [only, ...others] = found
  if (only === undefined)
    throw new ReplicationError(
      'conflict',
      `nothing is kept of what command ${command} replaced: only applied comparisons and mirrors keep it, once they write`,
    )
  if (others.length === 0) return only()
  throw new ReplicationError(
    'invalid',
    `command ${command} has written to several targets: say to which agent and target`,
  )
}

interface Candidate {
  (): Promise<KeptUndo>
  readonly agent: string
  readonly target: string
}

async function applied(parts: Pick<Parts, 'store' | 'rowFiles'>, command: string): Promise<Candidate[]> {
  const application = (await parts.store.get<Application>(applicationKey(command)))?.value
  if (application?.undo === undefined) return []
  const comparison = (await parts.store.get<Comparison>(comparisonKey(application.comparison)))?.value
  if (comparison === undefined) return []
  const { agent, target } = comparison
  const { undo, plan, rebaseBack } = application
  const open = async (): Promise<KeptUndo> => {
    const paths: ResourcePath[] = []
    for await (const row of plannedRows(parts, plan)) if (row.write !== 'nothing') paths.push(row.path)
    // And the folders that it has made and taken away.
    paths.push(...(await foldersOf(parts, plan, 'gone')), ...(await foldersOf(parts, plan, 'made')))
    return { agent, target, undo, paths, ...(rebaseBack !== undefined && { rebaseBack }) }
  }
  return [Object.assign(open, { agent, target })]
}

async function mirrored(parts: Pick<Parts, 'store' | 'rowFiles'>, command: string): Promise<Candidate[]> {
  const found: Candidate[] = []
  for await (const { value } of scan<Replaced>(parts.store, below(`${replacedPrefix}${command}/`))) {
    const { agent, target, undo, written, rebaseBack } = value
    const open = async (): Promise<KeptUndo> => {
      const paths: ResourcePath[] = []
      for await (const { row } of parts.rowFiles.read<{ path: ResourcePath }>(written)) paths.push(row.path)
      return { agent, target, undo, paths, rebaseBack }
    }
    found.push(Object.assign(open, { agent, target }))
  }
  return found
}
