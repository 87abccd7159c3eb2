import type { Receipt, Survey, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageId } from '../../packages/manifest.ts'
import type { Write } from '../../state/store.ts'
import { applicationOf } from '../comparisons/apply.ts'
import { baseWrite } from '../comparisons/ancestors.ts'
import { keepMirrored } from '../comparisons/mirrored.ts'
import { bringing, mirrorInParts } from './mirror-apply.ts'
import { preserved } from '../comparisons/preserve.ts'
import type { Application } from '../comparisons/records.ts'
import { keepReplaced } from '../comparisons/undo.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { bringsParts } from '../commands/mirrors.ts'
import { partOf } from '../commands/part.ts'
import { packageKey, type Delivery, type PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import { applyParts, type ApplyPart } from './apply-parts.ts'
import type { Begun } from './begin.ts'
import { broughtBefore, confirmed } from './confirm.ts'
import { judged, mend } from './mend.ts'
import { surveyMirror } from './mirror-survey.ts'
import { admitImport, sealForOthers } from './seal.ts'
import { deliveryOf, progressTo } from './target-delivery.ts'
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
  const lacks = lacksOf(begun.delivery)
  const mirrorOf = (whole: PackageRecord | undefined, totals = {}): ReturnType<typeof mirrorInParts> =>
    mirrorInParts(parts, begun, whole, {
      ...{ ...asked, lacks: lacks !== 'nothing', sent: () => clock.sent() },
      progress: progressTo(headway, asked.paths === undefined ? totals : {}),
    })
  const isBrought = command.mode === 'mirror' && bringsParts(begun.agent, begun.delivery.target)
  const mirror = isBrought ? undefined : await mirrorOf(known?.value)
  let applying = 0
  const applyOne: ApplyPart = async (id, pkg, { stage, entries, bytes }, before) => {
    if (lacks === 'all' || (lacks === 'next' && applying === 0)) await mend(parts, begun, pkg, signal)
    applying++
    // Of a part of a package nobody has counted how much that is, nor of a tree that is still being read.
    const isKnown = asked.paths === undefined && stage === 'ready'
    const totals = isKnown ? { totalEntries: entries, totalBytes: bytes } : {}
    const ofMirror = mirror !== undefined && { survey: await mirror.begin(before?.parts === 0, signal) }
    return apply(
      parts,
      begun,
      { id, package: pkg, ...asked, progress: progressTo(headway, totals, before), ofMirror },
      signal,
      clock,
    )
  }
  const finished = async (done: Receipt): Promise<Receipt> => {
    if (!isBrought && mirror === undefined) return done
    const { package: id, entries: totalEntries, bytes: totalBytes } = done
    const index = isBrought ? await parts.store.get<PackageRecord>(packageKey(id as PackageId)) : undefined
    const whole = mirror ?? (await mirrorOf(index?.value, { totalEntries, totalBytes }))
    if (whole === undefined) throw new ReplicationError('missing', `command ${command.id} has no package`)
    // What was brought has changed nothing yet.
    if (isBrought) await whole.begin(true, signal)
    clock.begins(isBrought ? 'transfer' : 'apply')
    const { entries, bytes, detail, appliedAt } = await whole.finish(signal)
    clock.ends()
    return { ...done, ...(isBrought && { entries, bytes }), appliedAt, detail: { ...detail, ...done.detail } }
  }
  if (entry.stage === 'ready' && known?.value.parts === undefined) {
    if (entry.package === undefined) throw new ReplicationError('missing', `command ${command.id} has no package`)
    return { base: await baseOf(entry.package), receipt: await applyOne(begun.id, entry.package, entry) }
  }
  if (mirror !== undefined && begun.delivery.applied === undefined) {
    clock.begins('apply')
    const receipt = await mirror.confirm(signal)
    clock.ends()
    if (receipt !== undefined) return { base: await baseOf(receipt.package as PackageId), receipt }
  }
  const one = isBrought ? bringing(parts, begun, watching, signal) : applyOne
  const before = isBrought && lacks === 'nothing' ? await broughtBefore(parts, begun, known?.value) : undefined
  const done = before ?? (await applyParts(parts, begun, one, { clock, doing: isBrought ? 'brought' : 'applied' }))
  if (done === undefined) return undefined
  return { base: await baseOf(done.package as PackageId), receipt: await finished(done) }
}

/**
 * What of a package, or of its parts that are still to be applied, the target turned out to lack in the last try: more than the next
 * one where that has happened before.
 */
function lacksOf({ error, tries }: Delivery): 'nothing' | 'next' | 'all' {
  if (error?.code !== 'incomplete') return 'nothing'
  return tries.filter((one) => one.error?.code === 'incomplete').length > 1 ? 'all' : 'next'
}

function baseAfter({ rebase, covers }: Application): { rows?: string; covers?: readonly ResourcePath[] } {
  return { ...(rebase !== undefined && { rows: rebase }), ...(covers !== undefined && { covers }) }
}

async function apply(
  parts: Parts,
  begun: Begun,
  {
    ofMirror,
    ...one
  }: Pick<TargetDelivery, 'id' | 'paths' | 'progress'> & {
    readonly package: PackageId
    readonly ofMirror: false | { readonly survey: Survey | undefined }
  },
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
  let survey = ofMirror === false ? undefined : ofMirror.survey
  // Of a mirror in parts it was kept before the first of them.
  if (begun.progress.command.mode === 'mirror' && ofMirror === false) {
    const { parts: _, ...header } = await parts.packages.describe(one.package)
    clock.begins('apply')
    const given = deliveryOf(parts, begun, { ...one, package: file })
    const receipt = await confirmed(parts, begun, header, given, signal)
    clock.ends()
    if (receipt !== undefined) return receipt
    survey = await surveyMirror(begun, given, { header, parts: [file] }, signal)
    const listing = (): Promise<string> => parts.packages.listings.of([one.package])
    await keepMirrored(parts, begun, { header, listing, parts: [file], paths: one.paths, survey }, signal)
  }
  // What applies a comparison has seen to it before it was sealed.
  const own = application === undefined ? await preserved(parts, begun, file, one.paths, signal) : undefined
  clock.begins(endpoint.sends === true ? 'transfer' : 'apply')
  const given = {
    ...deliveryOf(parts, begun, { ...one, package: own?.package ?? file }),
    ...(own === undefined && { survey }),
  }
  const receipt = await endpoint.apply({ ...given, sent: () => clock.sent() }, signal).catch(async (error: unknown) => {
    throw await judged(parts, begun, [one.package], error)
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
