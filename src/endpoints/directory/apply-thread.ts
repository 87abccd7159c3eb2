/**
 * Applies a package to a folder, in a thread. In this order: take the epoch, look for the receipt, unpack and verify
 * everything into the staging folder, make it durable, move it into place, make that durable, give the receipt.
 */
import type { MessagePort } from 'node:worker_threads'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Receipt } from '../endpoint.ts'
import { regionsOf, surplusOf } from '../mirror.ts'
import { Breath } from './breath.ts'
import { fewFiles, syncFileSystem, syncStaged } from './durable.ts'
import type { HeldFolders } from './held-folders.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import { inLane } from './in-lane.ts'
import { moveAll, syncFolders } from './move.ts'
import { Placer } from './placer.ts'
import { makeRoot } from './root.ts'
import { unpack } from './unpack.ts'
import { walk } from './walk.ts'

export interface ApplyOrder extends DeliveryOrder {
  readonly root: string
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
    return await inLane(folders, order, { what: "the target's folder", breath: parts.breath }, (staging) =>
      change(parts, staging),
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

async function change({ order, pkg, folders, port, signal, breath }: Parts, staging: string): Promise<Receipt> {
  const tell = (entries: number, bytes: number): void => port.postMessage({ entries, bytes } satisfies Progress)
  const unpacked = await unpack(pkg, order.paths, staging, tell, breath, signal)
  const surplus = await surplusIn(folders, pkg, order, signal)
  await syncStaged(staging, unpacked.files, breath, signal)
  await moveAll(new Placer(folders, staging), entriesOf(pkg, order), surplus, breath)
  const few = unpacked.entries + surplus.length <= fewFiles
  if (few || !(await syncFileSystem(staging, signal)))
    await syncFolders(folders, entriesOf(pkg, order), surplus, breath)
  // Throws if a folder that was written has moved, and so what was put into it is not where it belongs.
  folders.at(rootPath)
  const { entries, bytes } = unpacked
  return { delivery: order.delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString() }
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
