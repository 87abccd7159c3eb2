import type { Receipt } from '../endpoint.ts'
import type { Breath } from './breath.ts'
import { writeFault } from './faults.ts'
import type { HeldFolders } from './held-folders.ts'
import { LaneFolder, overtaken } from './lane-folder.ts'
import { Receipts } from './receipts.ts'
import { emptyFolder } from './remove.ts'

export interface LaneOrder {
  readonly delivery: string
  readonly lane: string
  readonly epoch: number
}

/** What a change is made with. */
export interface LaneWork {
  readonly folders: HeldFolders
  readonly lane: LaneFolder
  /** What to put before `/<name>` to reach what lies in the staging folder. */
  readonly staging: string
  readonly breath: Breath
  readonly signal: AbortSignal
}

/**
 * Makes a change once for each delivery: takes the epoch, looks for the receipt, else lets `change` do its work, given what
 * to put before `/<name>` to reach its own staging folder, and the lane, and keeps the receipt that it answers, if it answers one. `own` is
 * the name of the folder of the lanes, `what` names the target in errors.
 */
export async function inLane<R extends Receipt | undefined>(
  folders: HeldFolders,
  order: LaneOrder,
  { own, what, breath }: { readonly own?: string; readonly what: string; readonly breath: Breath },
  change: (staging: string, lane: LaneFolder) => Promise<R>,
): Promise<Receipt | R> {
  const lane = new LaneFolder(folders.fork(), order.lane, own)
  try {
    const staging = await lane.takeEpoch(order.epoch, breath)
    let receipts: Receipts | undefined
    try {
      receipts = new Receipts(lane.place, staging, lane.wasAbandoned)
      if (lane.isOver(staging)) throw overtaken()
      const known = receipts.find(order.delivery)
      if (known !== undefined) return known
      const receipt = await change(`${lane.place}/${staging}`, lane)
      if (receipt !== undefined) {
        receipts.keep(receipt)
        lane.sync()
      }
      return receipt
    } catch (error) {
      throw lane.isOver(staging) ? overtaken() : writeFault(error, what)
    } finally {
      receipts?.close()
      // What is left behind is removed by the next delivery.
      await emptyFolder(`${lane.place}/${staging}`, breath).catch(() => undefined)
      lane.end(staging)
    }
  } finally {
    lane.close()
  }
}
