import type { ManifestHeader, PackageSummary } from '../../packages/manifest.ts'
import type { Progress } from '../commands/advance.ts'
import { bringsParts, mostServers, takesMirrorsInParts } from '../commands/mirrors.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'
import { keepPart } from './keep-part.ts'
import { guardMirror } from './mirror-guard.ts'
import { makersOf, type Making } from './makers.ts'
import type { Made } from './split.ts'

const unlimited = { maxEntries: Infinity, maxBytes: Infinity }

/**
 * Makes the package of a mirror, or an index of parts that say `update`, if the tree is large and whoever gets it takes that. Parts are made
 * known before all is there only for targets that they are brought to, since what the mirror removes depends on all of it. Undefined when it is no longer
 * wanted. Throws `conflict` when it would remove more than the guard admits.
 */
export async function writeMirror(
  parts: Parts,
  agent: Agent,
  begun: Progress,
  order: Omit<Making, 'headerBehind'>,
  signal: AbortSignal,
): Promise<Made | undefined> {
  const { command, entry } = begun
  const { header, origin, limits } = order
  const splits = command.kind === 'replicate' && (await takesMirrorsInParts(agent, entry.targets, mostServers, signal))
  const isBrought = splits && entry.targets.some((target) => bringsParts(agent, target))
  const { filters, ...bare } = header
  const partHeader: ManifestHeader = { ...bare, mode: 'update' }
  const made: PackageSummary[] = []
  // What an earlier try has brought in parts stays in parts.
  const first = splits && entry.made !== undefined ? partHeader : header
  const limited = splits ? { headerBehind: partHeader, limits } : { limits: unlimited }
  // What is there from an earlier try is looked at part by part.
  const mayWait = entry.made === undefined
  let [kept, isAllKnown] = [0, true]
  for await (const make of makersOf(parts, agent, begun, { ...order, header: first, filters, ...limited }, signal)) {
    // Another one follows, so that they are parts. Those that every target has got before wait for one to be brought.
    if (isBrought && !(mayWait && isAllKnown))
      for (const part of made.slice(kept)) if (!(await keepPart(parts, begun, agent, ++kept, part))) return undefined
    isAllKnown &&= make.isKnown === true
    made.push(await make())
  }
  const lines = made.map(({ id, entries, bytes }) => ({ type: 'part' as const, package: id, entries, bytes }))
  const [only] = made
  const whole =
    only?.mode === 'mirror' && made.length === 1 ? only : await parts.packages.writeIndex(header, lines, origin, signal)
  await guardMirror(parts, agent, { header, parts: made.map(({ id }) => id) }, signal)
  return { whole, parts: made }
}
