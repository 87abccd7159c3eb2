import type { Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { Write } from '../../state/store.ts'
import { applicationOf } from '../comparisons/apply.ts'
import { baseWrite } from '../comparisons/ancestors.ts'
import { keepMirrored } from '../comparisons/mirrored.ts'
import { mirrorInParts } from './mirror-apply.ts'
import { preserved } from '../comparisons/preserve.ts'
import type { Application } from '../comparisons/records.ts'
import { keepReplaced } from '../comparisons/undo.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { currentTraceparent } from '../../tracing/span.ts'
import { partOf } from '../commands/part.ts'
import { packageKey, type Delivery, type PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import { applyParts, type ApplyPart } from './apply-parts.ts'
import type { Begun } from './begin.ts'
import { confirmed } from './confirm.ts'
import { isMendable, mend } from './mend.ts'
import { admitImport, sealForOthers } from './seal.ts'
import type { HeadwayTeller } from './tell-headway.ts'
import type { TryClock } from './try-clock.ts'

/** What a target has applied, and what it and the source then have in common. */
export interface Applied {
  readonly receipt: Receipt
  readonly base: Write
}

/**
 * Applies the package, or those of its parts that are still to be applied, and answers one receipt for all. Undefined when the next part is
 * still to be made, or when it was given up meanwhile.
 */
export async function applyAll(
  parts: Parts,
  begun: Begun,
  watching: { readonly headway: HeadwayTeller; readonly clock: TryClock },
  signal: AbortSignal,
): Promise<Applied | undefined> {
  const { headway, clock } = watching
  const { command, entry } = begun.progress
  // Once more: the config may demand more than it did when the package was taken.
  if (entry.package !== undefined) await admitImport(parts, begun.agent, command, entry.package)
  if (command.application !== undefined) await keepReplaced(parts, begun, signal)
  // What this agent made of one package is asked for as it is.
  const known =
    entry.package !== undefined && (command.kind === 'import' || entry.parts !== undefined)
      ? await parts.store.get<PackageRecord>(packageKey(entry.package))
      : undefined
  const asked = partOf(command, known?.value)
  const baseOf = async (pkg: PackageId): Promise<Write> =>
    baseWrite(begun.agent, begun.delivery.target, {
      command: command.id,
      ...(command.application === undefined
        ? { package: pkg, deep: command.deep, ...asked }
        : baseAfter(await applicationOf(parts, command.id))),
    })
  const mirror = await mirrorInParts(parts, begun, known?.value)
  const lacks = lacksOf(begun.delivery)
  let applying = 0
  const applyOne: ApplyPart = async (id, pkg, { stage, entries, bytes }, before) => {
    if (lacks === 'all' || (lacks === 'next' && applying === 0)) await mend(parts, begun, pkg, signal)
    applying++
    // Of a part of a package nobody has counted how much that is, nor of a tree that is still being read.
    const isKnown = asked.paths === undefined && stage === 'ready'
    const totals = isKnown ? { totalEntries: entries, totalBytes: bytes } : {}
    if (mirror !== undefined && before?.parts === 0)
      await mirror.begin(deliveryOf(parts, begun, { id: begun.id, package: mirror.index, ...asked }), signal)
    return apply(
      parts,
      begun,
      { id, package: pkg, ...asked, progress: progressTo(headway, totals, before), ofMirror: mirror !== undefined },
      signal,
      clock,
    )
  }
  const finished = async (receipt: Receipt): Promise<Receipt> => {
    if (mirror === undefined) return receipt
    clock.begins('apply')
    const own = deliveryOf(parts, begun, { id: `${begun.id}/mirror`, package: mirror.index, ...asked })
    const { detail, appliedAt } = await mirror.finish(own, signal)
    clock.ends()
    return { ...receipt, appliedAt, detail: { ...detail, ...receipt.detail } }
  }
  if (entry.stage === 'ready' && known?.value.parts === undefined) {
    if (entry.package === undefined) throw new ReplicationError('missing', `command ${command.id} has no package`)
    return { base: await baseOf(entry.package), receipt: await applyOne(begun.id, entry.package, entry) }
  }
  const applied = await applyParts(parts, begun, applyOne, clock)
  const receipt = applied && (await finished(applied))
  return receipt && { base: await baseOf(receipt.package as PackageId), receipt }
}

/**
 * What of a package, or of its parts that are still to be applied, the target turned out to lack in the last try: more than the next
 * one where that has happened before.
 */
function lacksOf({ error, tries }: Delivery): 'nothing' | 'next' | 'all' {
  if (error?.code !== 'incomplete') return 'nothing'
  return tries.filter((one) => one.error?.code === 'incomplete').length > 1 ? 'all' : 'next'
}

/** Passes on how far a target is, behind what it has applied `before`. */
function progressTo(
  headway: HeadwayTeller,
  totals: { readonly totalEntries?: number; readonly totalBytes?: number },
  before = { entries: 0, bytes: 0 },
): NonNullable<TargetDelivery['progress']> {
  return (entries, bytes, sending) =>
    headway.is(
      sending === undefined
        ? { phase: 'applying', entries: before.entries + entries, bytes: before.bytes + bytes, ...totals }
        : { phase: 'sending', entries: before.entries, bytes, totalBytes: sending.of },
    )
}

function baseAfter({ rebase, covers }: Application): { rows?: string; covers?: readonly ResourcePath[] } {
  return { ...(rebase !== undefined && { rows: rebase }), ...(covers !== undefined && { covers }) }
}

function deliveryOf(
  parts: Parts,
  { agent, delivery: { target, attempts }, lane, epoch, progress }: Begun,
  one: Pick<TargetDelivery, 'id' | 'package' | 'paths' | 'progress'>,
): TargetDelivery {
  const traceparent = currentTraceparent() ?? progress.command.traceparent
  return {
    ...one,
    ...{ lane: `${parts.installation}/${lane.agent}/${target}`, epoch, deletes: agent.config.deletes },
    ...(progress.command.verify === true && { verify: true }),
    ...(attempts > 1 && { again: true as const }),
    ...(agent.target(target).sends === true && { pace: parts.roster.paces.of(agent.config, target) }),
    ...(traceparent !== undefined && { traceparent }),
  }
}

async function apply(
  parts: Parts,
  begun: Begun,
  {
    ofMirror,
    ...one
  }: Pick<TargetDelivery, 'id' | 'paths' | 'progress'> & { readonly package: PackageId; readonly ofMirror: boolean },
  signal: AbortSignal,
  clock: TryClock,
): Promise<Receipt> {
  const { agent, delivery } = begun
  const { target } = delivery
  const { application } = begun.progress.command
  const endpoint = agent.target(target)
  if (endpoint.sends === true) {
    const { command, entry } = begun.progress
    await sealForOthers(parts, agent, command, { whole: entry.package ?? one.package, given: one.package })
  }
  const file = await parts.packages.file(one.package)
  // Of a mirror in parts that was kept before the first of them.
  if (begun.progress.command.mode === 'mirror' && !ofMirror) {
    const { parts: _, ...header } = await parts.packages.describe(one.package)
    clock.begins('apply')
    const answer = await confirmed(parts, begun, header, deliveryOf(parts, begun, { ...one, package: file }), signal)
    clock.ends()
    if (typeof answer === 'object') return answer
    // Nobody need ask again.
    const listing = answer === 'differs' ? undefined : header.listing
    await keepMirrored(parts, begun, { header, listing, parts: [file] }, one.paths, signal)
  }
  // What applies a comparison has seen to it before it was sealed.
  const own = application === undefined ? await preserved(parts, begun, file, one.paths, signal) : undefined
  clock.begins(endpoint.sends === true ? 'transfer' : 'apply')
  const given = deliveryOf(parts, begun, { ...one, package: own?.package ?? file })
  const receipt = await endpoint.apply({ ...given, sent: () => clock.sent() }, signal).catch(async (error: unknown) => {
    throw await judged(parts, begun, one.package, error)
  })
  clock.ends()
  // A repeat may find what an earlier try has applied, and was made with what the target had then.
  if (own !== undefined && receipt.delivery === one.id) {
    const detail = { ...receipt.detail, applied: receipt.package, preserved: own.resources }
    return { ...receipt, package: one.package, detail }
  }
  if (receipt.delivery === one.id && receipt.package === one.package) return receipt
  throw new ReplicationError(
    'rejected',
    `target ${target} sent a receipt for ${receipt.delivery} with ${receipt.package}, not for this delivery`,
  )
}

/** What the target lacks is sent by the next try, if that can be; else nothing will help. */
async function judged(parts: Parts, begun: Begun, id: PackageId, error: unknown): Promise<unknown> {
  if (!(error instanceof ReplicationError) || error.code !== 'incomplete') return error
  const transient = await isMendable(parts, begun, id)
  return new ReplicationError('incomplete', error.message, { cause: error, transient, final: !transient })
}
