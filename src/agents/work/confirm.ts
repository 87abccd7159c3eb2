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
  header: PackageSummary,
  given: TargetDelivery,
  signal: AbortSignal,
): Promise<Receipt | undefined> {
  const endpoint = agent.target(target)
  // What a target owns may differ, and is looked up in the package.
  if (endpoint.confirm === undefined || agent.config.preserve.length > 0) return undefined
  if (header.action !== 'add' || given.paths !== undefined) return undefined
  const { id, parts: ids = [id] } = header
  const known = await knownOf(parts, agent, target, header.roots)
  if (known === undefined || !ids.every((one) => known.packages.has(one))) return undefined
  const mirror: ListedMirror = { ...header, listing: await parts.packages.listings.of(ids) }
  return endpoint.confirm(given, mirror, signal)
}
