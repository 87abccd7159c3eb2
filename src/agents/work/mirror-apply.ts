import type { Receipt, TargetDelivery } from '../../endpoints/endpoint.ts'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile } from '../../packages/manifest.ts'
import { keepMirrored } from '../comparisons/mirrored.ts'
import type { PackageRecord } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'

/** What a mirror in parts is besides its parts. */
export interface MirrorInParts {
  readonly index: PackageFile
  /** Before the first part: judges the guard, and keeps what the mirror will replace. Throws `conflict`; nothing has changed then. */
  begin(delivery: TargetDelivery, signal: AbortSignal): Promise<void>
  /** Behind the last: removes what no part lists, once for each delivery. */
  finish(delivery: TargetDelivery, signal: AbortSignal): Promise<Receipt>
}

/** Undefined for what is no mirror, or one package. Throws `conflict` where the target cannot take it any more. */
export async function mirrorInParts(
  parts: Parts,
  begun: Begun,
  whole: PackageRecord | undefined,
): Promise<MirrorInParts | undefined> {
  if (whole?.parts === undefined || whole.mode !== 'mirror') return undefined
  const { target } = begun.delivery
  const { mirrors } = begun.agent.target(target)
  if (mirrors === undefined)
    throw new ReplicationError(
      'conflict',
      `target ${target} takes no mirror in several parts, and this one was made so; cancel it, and mirror again`,
    )
  const { parts: ids = [], ...header } = await parts.packages.describe(whole.id)
  const files: PackageFile[] = []
  for (const id of ids) files.push(await parts.packages.file(id))
  return {
    index: await parts.packages.file(whole.id),
    begin: async (delivery, signal) => {
      await mirrors.judge({ ...delivery, parts: files }, signal)
      await keepMirrored(parts, begun, { header, parts: files }, delivery.paths, signal)
    },
    finish: async (delivery, signal) => {
      const receipt = await mirrors.finish({ ...delivery, parts: files }, signal)
      if (receipt.delivery === delivery.id && receipt.package === whole.id) return receipt
      throw new ReplicationError(
        'rejected',
        `target ${target} sent a receipt for ${receipt.delivery}, not for this mirror`,
      )
    },
  }
}
