/** What a mirror in several parts does behind the last of them, in a thread: removes what no part lists, makes that durable, and gives the receipt. */
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import { rootPath } from '../../resources/path.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import type { Receipt } from '../endpoint.ts'
import { Breath } from './breath.ts'
import { inLane, type LaneWork } from './in-lane.ts'
import { Placer } from './placer.ts'
import { makeRoot } from './root.ts'
import { nothing, settle } from './settle.ts'
import { removeSurplus } from './surplus.ts'
import type { Surveyed } from './survey.ts'

export interface MirrorOrder extends DeliveryOrder {
  readonly root: string
  /** Absent where the receipt was there already. */
  readonly surveyed: Surveyed | undefined
}

export async function run(order: MirrorOrder, _port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const folders = makeRoot(order.root)
  const breath = new Breath(signal)
  try {
    return await inLane(folders, order, { what: "the target's folder", breath }, (staging, lane) =>
      remove(order, { folders, lane, staging, breath, signal }),
    )
  } finally {
    folders.close()
  }
}

async function remove(order: MirrorOrder, work: LaneWork): Promise<Receipt> {
  const { folders, lane, staging, breath } = work
  if (order.surveyed === undefined)
    throw new ReplicationError('unavailable', 'the receipt of the mirror has vanished; the target is looked at again')
  const { name } = order.surveyed
  const surplus = await removeSurplus(`${lane.place}/${name}`, { ...work, placer: new Placer(folders, staging) })
  const done = { syncedBefore: 0, placed: [], changes: nothing, unsynced: nothing }
  if (surplus.count > 0) await settle({ ...work, ...done, surplus })
  await lane.removeSurvey(name, breath)
  // Throws if a folder that was removed from has moved.
  folders.at(rootPath)
  const { delivery, package: index } = order
  const detail = { removed: surplus.count }
  return { delivery, package: index.id, entries: 0, bytes: 0, appliedAt: new Date().toISOString(), detail }
}
