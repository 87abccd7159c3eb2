import type { Receipt, Survey, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile, PackageId } from '../../packages/manifest.ts'
import { keepMirrored } from '../comparisons/mirrored.ts'
import type { PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { ApplyPart } from './apply-parts.ts'
import type { Begun } from './begin.ts'
import { confirmed } from './confirm.ts'
import { judged, mend } from './mend.ts'
import { surveyMirror } from './mirror-survey.ts'
import { sealForOthers } from './seal.ts'
import { deliveryOf, progressTo } from './target-delivery.ts'
import type { HeadwayTeller } from './tell-headway.ts'
import type { TryClock } from './try-clock.ts'

/** What a mirror in parts is besides its parts. */
export interface MirrorInParts {
  /** The receipt for all of it, where nothing is to be changed and the target can say so at once. */
  confirm(signal: AbortSignal): Promise<Receipt | undefined>
  /**
   * Before a part is applied in this try, or all are brought: looks at what the target holds; and with `keeps`, for none was applied in an earlier try,
   * keeps what the mirror will replace. Throws `conflict` when the guard does not admit what is to be removed; nothing has changed by this try then.
   */
  begin(keeps: boolean, signal: AbortSignal): Promise<Survey | undefined>
  /** Behind the last: removes what no part lists, once for each delivery; or has all applied that was brought. */
  finish(signal: AbortSignal): Promise<Receipt>
}

/** What of it is to be applied, and who is told of that. */
interface Applying extends Pick<TargetDelivery, 'paths' | 'progress' | 'sent'> {
  /** The target turned out to lack what parts of it do not carry. */
  readonly lacks: boolean
}

/** Undefined for what is no mirror, or one package. Throws `conflict` where the target cannot take it any more. */
export async function mirrorInParts(
  parts: Parts,
  begun: Begun,
  whole: PackageRecord | undefined,
  { lacks, ...applying }: Applying,
): Promise<MirrorInParts | undefined> {
  if (whole?.parts === undefined || whole.mode !== 'mirror') return undefined
  const { id, parts: ids } = whole
  const { target } = begun.delivery
  const { mirrors, sends } = begun.agent.target(target)
  if (mirrors === undefined)
    throw new ReplicationError(
      'conflict',
      `target ${target} takes no mirror in several parts, and this one was made so; cancel it, and mirror again`,
    )
  if (sends === true) await sealForOthers(parts, begun.agent, begun.progress.command, { whole: id, given: id })
  const index = await parts.packages.file(id)
  const last = deliveryOf(parts, begun, { id: `${begun.id}/mirror`, package: index, ...applying })
  let surveyed: Promise<Survey | undefined> | undefined
  const begin: MirrorInParts['begin'] = async (keeps, signal) => {
    if (surveyed !== undefined && !keeps) return surveyed
    const { parts: _, ...header } = await parts.packages.describe(id)
    const files = await filesOf(parts, ids)
    surveyed ??= surveyMirror(begun, last, { header, parts: files }, signal)
    const survey = await surveyed
    const listing = (): Promise<string> => parts.packages.listings.of(ids)
    if (keeps)
      await keepMirrored(parts, begun, { header, listing, parts: files, paths: applying.paths, survey }, signal)
    return survey
  }
  return {
    confirm: async (signal) => {
      const given = deliveryOf(parts, begun, { id: begun.id, package: index, ...applying })
      const receipt = await confirmed(parts, begun, await parts.packages.describe(id), given, signal)
      return receipt && { ...receipt, detail: { ...receipt.detail, parts: ids.length } }
    },
    begin,
    finish: async (signal) => {
      // What was applied one by one was mended so.
      if (lacks && mirrors.bring !== undefined) for (const part of ids) await mend(parts, begun, part, signal)
      const given = { ...last, parts: await filesOf(parts, ids), survey: await begin(false, signal) }
      const receipt = await mirrors.finish(given, signal).catch(async (error: unknown) => {
        throw await judged(parts, begun, ids, error)
      })
      if (receipt.delivery === last.id && receipt.package === id) return receipt
      throw new ReplicationError(
        'rejected',
        `target ${target} sent a receipt for ${receipt.delivery}, not for this mirror`,
      )
    },
  }
}

async function filesOf({ packages }: Parts, ids: readonly PackageId[]): Promise<PackageFile[]> {
  const files: PackageFile[] = []
  for (const id of ids) files.push(await packages.file(id))
  return files
}

/** Brings parts to where all of them are applied when the mirror is finished. */
export function bringing(
  parts: Parts,
  begun: Begun,
  { headway, clock }: { readonly headway: HeadwayTeller; readonly clock: TryClock },
  signal: AbortSignal,
): ApplyPart {
  const { agent, delivery, progress } = begun
  const bring = agent.target(delivery.target).mirrors?.bring
  return async (id, pkg, entry, before) => {
    await sealForOthers(parts, agent, progress.command, { whole: entry.package ?? pkg, given: pkg })
    const one = { id, package: await parts.packages.file(pkg), progress: progressTo(headway, {}, before) }
    clock.begins('transfer')
    await bring?.(deliveryOf(parts, begun, one), signal)
    clock.ends()
    const { entries, bytes } = await parts.packages.describe(pkg)
    return { delivery: id, package: pkg, entries, bytes, appliedAt: new Date().toISOString() }
  }
}
