import type { ListedMirror, Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import type { PackageFile, PackageSummary } from '../../packages/manifest.ts'
import { listingOf } from '../../packages/placed-lines.ts'
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
  if (endpoint.confirm === undefined || agent.config.preserve.length > 0) return undefined
  if (header.action !== 'add' || given.paths !== undefined) return undefined
  const { id, parts: ids = [id] } = header
  // Older versions did not write it down; of an index it is that of its parts, one behind the other.
  if (listing === undefined && header.parts === undefined) return undefined
  const known = await knownOf(parts, agent, target, header.roots)
  if (known === undefined || !ids.every((one) => known.packages.has(one))) return undefined
  const files = async (): Promise<PackageFile[]> => Promise.all(ids.map((one) => parts.packages.file(one)))
  const mirror: ListedMirror = { ...header, listing: listing ?? (await listingOf(await files())) }
  return endpoint.confirm(given, mirror, signal)
}
