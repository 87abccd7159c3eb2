/**
 * Applies a package to a folder, in a thread. In this order: take the epoch, look for the receipt, unpack and verify
 * everything into the staging folder, make it durable, move it into place, make that durable, give the receipt.
 */
import { mkdirSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import type { PackageFile } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/reader.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { DeleteGuard, Receipt } from '../endpoint.ts'
import { regionsOf, surplusOf } from '../mirror.ts'
import { Breath } from './breath.ts'
import { syncFolders, syncStaged } from './durable.ts'
import { codeOf, writeFault } from './faults.ts'
import { HeldFolders } from './held-folders.ts'
import { LaneFolder, overtaken } from './lane-folder.ts'
import { Placer } from './placer.ts'
import { findReceipt, keepReceipt } from './receipts.ts'
import { emptyFolder } from './remove.ts'
import { unpack } from './unpack.ts'
import { walk } from './walk.ts'

export interface ApplyOrder {
  readonly root: string
  readonly delivery: string
  readonly lane: string
  readonly epoch: number
  readonly package: PackageFile
  readonly paths: readonly ResourcePath[] | undefined
  readonly deletes: DeleteGuard
}

export interface Progress {
  readonly entries: number
  readonly bytes: number
}

export async function run(order: ApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(order.package.file)
  try {
    if (pkg.id !== order.package.id)
      throw new ReplicationError('corrupt', `package ${order.package.id} holds another one, ${pkg.id}; export it again`)
    const { folders, fresh } = makeRoot(order.root)
    try {
      const lane = new LaneFolder(folders.fork(), order.lane)
      try {
        return await applyIn(lane, folders, fresh, pkg, order, port, signal)
      } finally {
        lane.close()
      }
    } finally {
      folders.close()
    }
  } finally {
    await pkg.close()
  }
}

async function applyIn(
  lane: LaneFolder,
  folders: HeldFolders,
  pkg: PackageReader,
  order: ApplyOrder,
  port: MessagePort,
  signal: AbortSignal,
): Promise<Receipt> {
  const breath = new Breath(signal)
  const staging = await lane.takeEpoch(order.epoch, breath)
  const place = `${lane.place}/${staging}`
  try {
    const known = findReceipt(lane.place, order.delivery)
    if (known !== undefined) return known
    const tell = (progress: Progress): void => port.postMessage(progress)
    const { files, entries, bytes } = await unpack(pkg, order.paths, place, tell, signal)
    const surplus = await surplusIn(folders, pkg, order, signal)
    await syncStaged(place, files, signal)
    await move(new Placer(folders, place), pkg, order, surplus, breath)
    await syncMoved(folders, pkg, order, surplus, signal)
    const receipt: Receipt = {
      delivery: order.delivery,
      package: pkg.id,
      entries,
      bytes,
      appliedAt: new Date().toISOString(),
    }
    keepReceipt(lane.place, staging, receipt)
    lane.sync()
    return receipt
  } catch (error) {
    throw lane.isOver(staging) ? overtaken() : writeFault(error, "the target's folder")
  } finally {
    // What is left behind is removed by the next delivery.
    await emptyFolder(place, breath).catch(() => undefined)
  }
}
