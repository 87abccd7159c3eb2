import type { ListedMirror, Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import type { PackageSummary } from '../../packages/manifest.ts'
import { knownOf } from '../comparisons/known.ts'
import type { Parts } from '../parts.ts'
import type { PackageRecord } from '../commands/records.ts'
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
  if (!(await holdsAll(parts, agent, target, { roots: header.roots, parts: ids }))) return undefined
  const mirror: ListedMirror = { ...header, listing: await parts.packages.listings.of(ids) }
  return endpoint.confirm(given, mirror, signal)
}

/**
 * What to bring all parts of a mirror comes to, where its newest receipts say that the target has got them before: whether it still has them it
 * is asked when the mirror is finished, once for all. Undefined: they are to be brought one by one.
 */
export async function broughtBefore(
  parts: Parts,
  { agent, delivery: { target, brought }, id }: Begun,
  whole: PackageRecord | undefined,
): Promise<Receipt | undefined> {
  if (whole?.parts === undefined || brought !== undefined) return undefined
  if (!(await holdsAll(parts, agent, target, { roots: whole.roots, parts: whole.parts }))) return undefined
  const { entries, bytes } = whole
  const detail = { parts: whole.parts.length }
  return { delivery: id, package: whole.id, entries, bytes, appliedAt: new Date().toISOString(), detail }
}

/** Whether its newest receipts say that a target has got all of these. */
async function holdsAll(
  parts: Parts,
  agent: Begun['agent'],
  target: string,
  { roots, parts: ids }: Required<Pick<PackageSummary, 'roots' | 'parts'>>,
): Promise<boolean> {
  const known = await knownOf(parts, agent, target, roots)
  return known !== undefined && ids.every((one) => known.packages.has(one))
}
