import type { ListedMirror, Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import type { PackageSummary } from '../../packages/manifest.ts'
import { knownOf } from '../comparisons/known.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'

/**
 * The receipt of a mirror that changes nothing, where the target can give it without applying. Asked only when its newest receipts say that
 * it holds all that the package lists, for else there is something to change. Undefined: it is to be applied.
 */
export async function confirmed(
  parts: Parts,
  { agent, delivery: { target } }: Begun,
  { listing, ...header }: PackageSummary,
  given: TargetDelivery,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const endpoint = agent.target(target)
  // What a target owns may differ, and is looked up in the package.
  if (endpoint.confirm === undefined || listing === undefined || agent.config.preserve.length > 0) return undefined
  if (header.action !== 'add' || given.paths !== undefined) return undefined
  const known = await knownOf(parts, agent, target, header.roots)
  if (known?.packages.has(header.id) !== true) return undefined
  const mirror: ListedMirror = { ...header, listing }
  return endpoint.confirm(given, mirror, signal)
}
