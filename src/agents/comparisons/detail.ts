import type { ComparedRow } from '../../compare/row.ts'
import { bytesOf, type Side } from '../../compare/sides.ts'
import { textDifference as differenceOf } from '../../compare/text.ts'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Parts } from '../parts.ts'
import { sidesOf } from './compare.ts'
import type { Comparison } from './records.ts'

/** What is larger is shown by its digest and size alone. */
const maxTextBytes = 1024 * 1024

/** How the text at the source differs from that at the target, as both are now; nothing where either is no text. */
export async function textDifference(
  parts: Pick<Parts, 'roster'>,
  { agent: name, target, reverts }: Comparison,
  row: ComparedRow,
  signal: AbortSignal,
): Promise<{ diff?: string; diffLeftOut?: number }> {
  if (row.changed !== true || reverts !== undefined) return {}
  const agent = await parts.roster.get(name)
  const sides = sidesOf(agent, target)
  const [ours, theirs] = await Promise.all([
    textAt(sides.source, row.path, signal),
    textAt(sides.target, row.path, signal),
  ])
  if (ours === undefined || theirs === undefined) return {}
  const found = differenceOf({ source: ours, target: theirs })
  if (found.kind === 'too-large') return {}
  return { diff: found.diff, ...(found.leftOut !== undefined && { diffLeftOut: found.leftOut }) }
}

async function textAt(side: Side, path: ResourcePath, signal: AbortSignal): Promise<string | undefined> {
  for await (const resource of side.pick([path], signal))
    try {
      const bytes = await bytesOf(resource, maxTextBytes)
      if (bytes === undefined || bytes.length > maxTextBytes || bytes.includes(0)) return undefined
      return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    } catch (error) {
      if (error instanceof TypeError || (error instanceof ReplicationError && error.code === 'too-large'))
        return undefined
      throw error
    }
  return undefined
}
