/**
 * Applies a package to a folder, in a thread. In this order: take the epoch, look for the receipt, look what is there already, unpack and
 * verify everything else into the staging folder, make it durable, move it into place, make that durable, give the receipt.
 *
 * What is there already counts as written when it was looked at: somebody else who changes it between that and the receipt is not seen,
 * as he is not a moment after it.
 */
import type { MessagePort } from 'node:worker_threads'
import { EntrySet } from '../../packages/entry-set.ts'
import type { ManifestEntry } from '../../packages/manifest.ts'
import { openPackage, type PackageReader } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Receipt } from '../endpoint.ts'
import { hasSurplus } from '../mirror.ts'
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
import { nothing, settle } from './settle.ts'
import { removeSurplus } from './surplus.ts'
import { survey, type Surveyed } from './survey.ts'
import type { SurveyedMirror } from './survey-thread.ts'
import { unpack, type Unpacked } from './unpack.ts'

export interface ApplyOrder extends DeliveryOrder {
  readonly root: string
  readonly cacheFolder: string | undefined
  /** Of the mirror that the package is, or is a part of. */
  readonly surveyed: SurveyedMirror | undefined
}

export interface Progress {
  readonly entries: number
  readonly bytes: number
}

export async function run(order: ApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const settled = order.surveyed?.settled[order.package.id]
  return settled === undefined ? apply(order, port, signal) : confirm(order, settled, signal)
}

/** Gives the receipt of what is there already. */
async function confirm(
  order: ApplyOrder,
  { entries, bytes }: { readonly entries: number; readonly bytes: number },
  signal: AbortSignal,
): Promise<Receipt> {
  const folders = makeRoot(order.root)
  const breath = new Breath(signal)
  const detail = { written: 0, writtenBytes: 0 }
  try {
    return await inLane(folders, order, { what: "the target's folder", breath }, async () => {
      const { delivery, package: pkg } = order
      return { delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString(), detail }
    })
  } finally {
    folders.close()
  }
}

async function apply(order: ApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
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
  const surveyed = await surveyedIn(parts, staging, lane)
  const present = presentIn(parts, lane)
  const newFolders = new NewFolders(staging)
  let unpacked: Unpacked
  try {
    const { paths } = order
    unpacked = await unpack(pkg, {
      ...{ paths, place: staging, present, newFolders, changes, unsynced, tell, breath, signal },
      visits: visitsOf(surveyed, pkg.id),
    })
  } finally {
    present.close()
    newFolders.close()
  }
  const syncedBefore = await syncStaged(staging, unpacked.staged, breath, signal, newFolders)
  const placer = new Placer(folders, staging)
  const placed: ResourcePath[] = []
  for (const { staged, path } of newFolders.all) {
    placed.push(...placer.putNew(staged, path))
    if (breath.due) await breath.take()
  }
  await moveAll(placer, changes.entries(), breath)
  const isWhole = hasSurplus(pkg.header) && surveyed !== undefined
  const surplus = isWhole
    ? await removeSurplus(`${lane.place}/${surveyed.name}`, { folders, placer, staging, breath })
    : nothing
  await settle({ folders, lane, staging, syncedBefore, placed, changes, unsynced, surplus, breath, signal })
  if (isWhole) await lane.removeSurvey(surveyed.name, breath)
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

/** What a mirror does; found before anything changes. Of what is no mirror all is looked at. */
async function surveyedIn(parts: Parts, staging: string, lane: LaneFolder): Promise<Surveyed | undefined> {
  const { order, pkg, folders, breath, signal } = parts
  const { header } = pkg
  if (order.surveyed !== undefined) return order.surveyed
  if (!hasSurplus(header)) return undefined
  return survey({ ...order, header, parts: [order.package], filters: [] }, { folders, lane, staging, breath, signal })
}

/** What of the manifest is applied, in its order. */
async function* entriesOf(pkg: PackageReader, { paths }: ApplyOrder): AsyncGenerator<ManifestEntry> {
  const wanted = paths === undefined ? undefined : new Regions(paths)
  for await (const batch of pkg.manifest())
    for (const entry of batch) if (wanted === undefined || wanted.hold(entry.path)) yield entry
}

function visitsOf(surveyed: Surveyed | undefined, id: string): EntrySet | undefined {
  const bits = surveyed?.parts.find((part) => part.package === id)?.visits
  return bits && new EntrySet(bits)
}
