/**
 * Gives the receipt of a mirror that would change nothing, in a thread: the target is walked once, unless it was for this delivery a moment ago and
 * all that was found was durable; its digests, as they are remembered, say whether it holds what the package lists and nothing else. The package itself is not opened, for nothing of it is written.
 */
import type { Stats } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import { listingSum } from '../../packages/manifest-text.ts'
import type { ManifestFilter } from '../../packages/manifest.ts'
import type { Block } from '../../resources/listing.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import type { Receipt } from '../endpoint.ts'
import { Breath } from './breath.ts'
import { inLane, type LaneWork } from './in-lane.ts'
import { blocks } from './list-thread.ts'
import { makeRoot } from './root.ts'
import { nothing, settle } from './settle.ts'
import { Unsynced } from './unsynced.ts'
import { stillGood, type KeptWalk } from './walks.ts'

export interface ConfirmOrder extends DeliveryOrder {
  readonly root: string
  readonly cacheFolder: string | undefined
  /** What the mirror is of, none within another. */
  readonly regions: readonly ResourcePath[]
  readonly filters: readonly ManifestFilter[]
  /** Of the package (PackageSummary). */
  readonly listing: string
  /** What was found there a moment ago for its sake. */
  readonly walked: KeptWalk | undefined
}

/** Undefined where something is to be changed. */
export async function run(order: ConfirmOrder, _port: MessagePort, signal: AbortSignal): Promise<Receipt | undefined> {
  const folders = makeRoot(order.root)
  const breath = new Breath(signal)
  try {
    return await inLane(folders, order, { what: "the target's folder", breath }, (staging, lane) =>
      confirmed(order, { folders, lane, staging, breath, signal }),
    )
  } finally {
    folders.close()
  }
}

async function confirmed(order: ConfirmOrder, work: LaneWork): Promise<Receipt | undefined> {
  const { folders, lane, signal } = work
  const looking = folders.fork()
  try {
    const unsynced = new Unsynced(looking, order.regions, lane.durableBefore, signal)
    const walked = stillGood(order, lane)
    const found = walked ?? (await listingSum(blocksOf(order, unsynced, signal)).catch(notListed))
    if (found?.listing !== order.listing) return undefined
    const done = { syncedBefore: 0, placed: [], changes: nothing, surplus: nothing }
    await settle({ ...work, ...done, unsynced })
    folders.at(rootPath)
    const { delivery, package: pkg } = order
    const { entries, bytes } = found
    const detail = { written: 0, writtenBytes: 0 }
    return { delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString(), detail }
  } finally {
    looking.close()
  }
}

/** Whatever cannot be read is replaced by applying, or told then. */
function notListed(error: unknown): undefined {
  if (!(error instanceof ReplicationError)) throw error
}

async function* blocksOf(order: ConfirmOrder, unsynced: Unsynced, signal: AbortSignal): AsyncGenerator<Block> {
  const { root, cacheFolder, verify, filters, regions } = order
  const saw = (path: ResourcePath, seen: Stats | 'folder'): void => unsynced.saw(path, seen)
  for (const path of regions)
    yield* blocks({ root, path, verify, filters, ...(cacheFolder !== undefined && { cacheFolder }) }, signal, { saw })
}
