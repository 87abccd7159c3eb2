/**
 * Applies a package to a folder, in a thread. In this order: take the epoch, look for the receipt, look what is there already, unpack and
 * verify everything else into the staging folder, make it durable, move it into place, make that durable, give the receipt.
 *
 * What is there already counts as written when it was looked at: somebody else who changes it between that and the receipt is not seen,
 * as he is not a moment after it.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Receipt } from '../endpoint.ts'
import { regionsOf, surplusOf } from '../mirror.ts'
import { Breath } from './breath.ts'
import { ChosenEntries } from './chosen-entries.ts'
import { syncStaged } from './durable.ts'
import type { HeldFolders } from './held-folders.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import { inLane } from './in-lane.ts'
import type { LaneFolder } from './lane-folder.ts'
import { moveAll } from './move.ts'
import { NewFolders } from './new-folders.ts'
import { Placer } from './placer.ts'
import { Present } from './present.ts'
import { makeRoot } from './root.ts'
import { settle } from './settle.ts'
import { unpack, type Unpacked } from './unpack.ts'
import { walk } from './walk.ts'

export interface ApplyOrder extends DeliveryOrder {
  readonly root: string
  readonly cacheFolder: string | undefined
}

export interface Progress {
  readonly entries: number
  readonly bytes: number
}

export async function run(order: ApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(order.package)
  let folders: HeldFolders | undefined
  try {
    folders = makeRoot(order.root)
    const parts = { order, pkg, folders, port, signal, breath: new Breath(signal) }
    return await inLane(folders, order, { what: "the target's folder", breath: parts.breath }, (staging, lane) =>
      change(parts, staging, lane),
    )
  } finally {
    folders?.close()
    await pkg.close()
  }
}

interface Parts {
  readonly order: ApplyOrder
  readonly pkg: PackageReader
  readonly folders: HeldFolders
  readonly port: MessagePort
  readonly signal: AbortSignal
  readonly breath: Breath
}

async function change(parts: Parts, staging: string, lane: LaneFolder): Promise<Receipt> {
  const { order, pkg, folders, port, signal, breath } = parts
  const listed = (): AsyncIterable<ManifestEntry> => entriesOf(pkg, order)
  const [changes, unsynced] = [new ChosenEntries(listed), new ChosenEntries(listed)]
  const tell = (entries: number, bytes: number): void => port.postMessage({ entries, bytes } satisfies Progress)
  const present = presentIn(parts, lane)
  const newFolders = new NewFolders(staging)
  let unpacked: Unpacked
  try {
    const { paths } = order
    unpacked = await unpack(pkg, {
      ...{ paths, place: staging, present, newFolders, changes, unsynced, tell, breath, signal },
    })
  } finally {
    present.close()
    newFolders.close()
  }
  const surplus = await surplusIn(folders, pkg, order, signal)
  const syncedBefore = await syncStaged(staging, unpacked.staged, breath, signal, newFolders)
  const placer = new Placer(folders, staging)
  const placed: ResourcePath[] = []
  for (const { staged, path } of newFolders.all) {
    placed.push(...placer.putNew(staged, path))
    if (breath.due) await breath.take()
  }
  await moveAll(placer, changes.entries(), surplus, breath)
  await settle({ folders, lane, staging, syncedBefore, placed, changes, unsynced, surplus, breath, signal })
  // Throws if a folder that was written has moved, and so what was put into it is not where it belongs.
  folders.at(rootPath)
  const { entries, bytes, written, writtenBytes } = unpacked
  const detail = { written, writtenBytes }
  return { delivery: order.delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString(), detail }
}

function presentIn({ order, folders, breath }: Parts, { durableBefore }: LaneFolder): Present {
  const { root, cacheFolder, verify } = order
  return new Present(folders.fork(), { root, cacheFolder, verify, durableBefore, breath })
}

/** What a mirror removes; counted before anything changes, and never more than what was counted. */
async function surplusIn(
  folders: HeldFolders,
  pkg: PackageReader,
  order: ApplyOrder,
  signal: AbortSignal,
): Promise<readonly ResourcePath[]> {
  if (pkg.header.mode !== 'mirror' || pkg.header.action !== 'add') return []
  const looking = folders.fork()
  try {
    return await surplusOf(held(looking, pkg, order, signal), listed(pkg, order), pkg.header, order.deletes)
  } finally {
    looking.close()
  }
}

async function* held(
  folders: HeldFolders,
  { header }: PackageReader,
  { paths }: ApplyOrder,
  signal: AbortSignal,
): AsyncGenerator<ResourcePath> {
  const options = { deep: true, note: () => undefined, signal }
  for (const region of regionsOf(header, paths)) for await (const { path } of walk(folders, region, options)) yield path
}

async function* listed(pkg: PackageReader, order: ApplyOrder): AsyncGenerator<ResourcePath> {
  for await (const { type, path } of entriesOf(pkg, order)) if (type !== 'delete') yield path
}

/** What of the manifest is applied, in its order. */
async function* entriesOf(pkg: PackageReader, { paths }: ApplyOrder): AsyncGenerator<ManifestEntry> {
  const wanted = paths === undefined ? undefined : new Regions(paths)
  for await (const batch of pkg.manifest())
    for (const entry of batch) if (wanted === undefined || wanted.hold(entry.path)) yield entry
}
