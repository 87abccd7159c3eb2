import type { Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { Write } from '../../state/store.ts'
import { applicationOf } from '../comparisons/apply.ts'
import { baseWrite } from '../comparisons/ancestors.ts'
import { keepMirrored } from '../comparisons/mirrored.ts'
import { preserved } from '../comparisons/preserve.ts'
import type { Application } from '../comparisons/records.ts'
import { keepReplaced } from '../comparisons/undo.ts'
import { stillHeld } from '../../queues/lanes.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { currentTraceparent } from '../../tracing/span.ts'
import { advance } from '../commands/advance.ts'
import { partOf } from '../commands/part.ts'
import { deliveryKey, isUnderWay, packageKey, type Delivery, type PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'
import { admitImport, sealForOthers } from './seal.ts'
import type { HeadwayTeller } from './tell-headway.ts'
import type { TryClock } from './try-clock.ts'

/** What a target has applied, and what it and the source then have in common. */
export interface Applied {
  readonly receipt: Receipt
  readonly base: Write
}

/** Applies the package, or those of its parts that are still to be applied, and answers one receipt for all. */
export async function applyAll(
  parts: Parts,
  begun: Begun,
  watching: { readonly headway: HeadwayTeller; readonly clock: TryClock },
  signal: AbortSignal,
): Promise<Applied> {
  const { headway, clock } = watching
  const { command, entry } = begun.progress
  if (entry.package === undefined) throw new ReplicationError('missing', `command ${command.id} has no package`)
  // Once more: the config may demand more than it did when the package was taken.
  await admitImport(parts, begun.agent, command, entry.package)
  if (command.application !== undefined) await keepReplaced(parts, begun, signal)
  // What this agent made of one package is asked for as it is.
  const known =
    command.kind === 'import' || entry.parts !== undefined
      ? await parts.store.get<PackageRecord>(packageKey(entry.package))
      : undefined
  const asked = partOf(command, known?.value)
  const ids = known?.value.parts
  const base = baseWrite(begun.agent, begun.delivery.target, {
    command: command.id,
    ...(command.application === undefined
      ? { package: entry.package, deep: command.deep, ...asked }
      : baseAfter(await applicationOf(parts, command.id))),
  })
  // Of a part of a package nobody has counted how much that is.
  const totals = asked.paths === undefined ? { totalEntries: entry.entries, totalBytes: entry.bytes } : {}
  const applyOne = (id: string, pkg: PackageId, before?: { entries: number; bytes: number }): Promise<Receipt> =>
    apply(parts, begun, { id, package: pkg, ...asked, progress: progressTo(headway, totals, before) }, signal, clock)
  if (ids === undefined) return { base, receipt: await applyOne(begun.id, entry.package) }
  let applied = begun.delivery.applied ?? { parts: 0, entries: 0, bytes: 0 }
  let appliedAt = new Date().toISOString()
  for (const [i, id] of ids.entries()) {
    if (i < applied.parts) continue
    const receipt = await applyOne(`${begun.id}/${i + 1}`, id, applied)
    applied = { parts: i + 1, entries: applied.entries + receipt.entries, bytes: applied.bytes + receipt.bytes }
    appliedAt = receipt.appliedAt
    await remember(parts, begun, applied)
  }
  const { entries, bytes } = applied
  const detail = { parts: ids.length }
  return { base, receipt: { delivery: begun.id, package: entry.package, entries, bytes, appliedAt, detail } }
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

/** So that a retry goes on with the part that failed. */
async function remember(parts: Parts, begun: Begun, applied: NonNullable<Delivery['applied']>): Promise<void> {
  const { command, agent, target } = begun.delivery
  const done = await advance(parts.store, command, agent, async () => {
    const was = await parts.store.get<Delivery>(deliveryKey(command, agent, target))
    if (was === undefined || !isUnderWay(was.value)) return undefined
    return { deliveries: [{ was, is: { ...was.value, applied } }], checks: stillHeld(begun.lane, begun.epoch) }
  })
  if (done === undefined) throw new ReplicationError('conflict', 'the lane was taken over', { transient: true })
}

async function apply(
  parts: Parts,
  begun: Begun,
  one: Pick<TargetDelivery, 'id' | 'paths' | 'progress'> & { readonly package: PackageId },
  signal: AbortSignal,
  clock: TryClock,
): Promise<Receipt> {
  const { agent, delivery } = begun
  const { target } = delivery
  const { traceparent: asked, application } = begun.progress.command
  const traceparent = currentTraceparent() ?? asked
  const endpoint = agent.target(target)
  if (endpoint.sends === true) {
    const { command, entry } = begun.progress
    await sealForOthers(parts, agent, command, { whole: entry.package ?? one.package, given: one.package })
  }
  const file = await parts.packages.file(one.package)
  if (begun.progress.command.mode === 'mirror') await keepMirrored(parts, begun, file, one.paths, signal)
  // What applies a comparison has seen to it before it was sealed.
  const own = application === undefined ? await preserved(parts, begun, file, one.paths, signal) : undefined
  clock.begins(endpoint.sends === true ? 'transfer' : 'apply')
  const receipt = await endpoint.apply(
    {
      ...one,
      sent: () => clock.sent(),
      lane: `${parts.installation}/${begun.lane.agent}/${target}`,
      epoch: begun.epoch,
      package: own?.package ?? file,
      deletes: agent.config.deletes,
      ...(traceparent !== undefined && { traceparent }),
    },
    signal,
  )
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
