/**
 * What a mirror in several parts does besides applying them, in a thread: before the first it counts what would go; behind the last it
 * counts again, removes what no part lists, makes that durable, and gives the receipt. However much that is, none of it is held.
 */
import type { MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import type { ManifestHeader, PackageFile } from '../../packages/manifest.ts'
import { openPackage } from '../../packages/read.ts'
import { Regions } from '../../packages/regions.ts'
import { entriesOfAll } from '../../packages/whole.ts'
import { parentPath, rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Receipt } from '../endpoint.ts'
import type { DeliveryOrder } from '../delivery-order.ts'
import { countSurplus, regionsOf, surplusUpwards } from '../mirror.ts'
import { Breath } from './breath.ts'
import { fewFiles, syncFileSystem } from './durable.ts'
import type { HeldFolders } from './held-folders.ts'
import { inLane } from './in-lane.ts'
import { syncFolders, type Move } from './move.ts'
import { Placer } from './placer.ts'
import { emptyFolder } from './remove.ts'
import { makeRoot } from './root.ts'
import { walk, type Found } from './walk.ts'

export interface MirrorOrder extends DeliveryOrder {
  readonly root: string
  readonly parts: readonly PackageFile[]
  readonly step: 'judge' | 'finish'
}

/** So many are moved out before their space is given back. */
const trashed = 10_000

export async function run(order: MirrorOrder, _port: MessagePort, signal: AbortSignal): Promise<Receipt | undefined> {
  const index = await openPackage(order.package)
  const { header } = index
  await index.close()
  const folders = makeRoot(order.root)
  try {
    const mirror = new Mirror(order, header, folders, signal)
    if (order.step === 'judge') {
      await mirror.count()
      return undefined
    }
    return await inLane(folders, order, { what: "the target's folder", breath: mirror.breath }, (staging) =>
      mirror.remove(staging),
    )
  } finally {
    folders.close()
  }
}

class Mirror {
  readonly breath: Breath
  readonly #order: MirrorOrder
  readonly #header: ManifestHeader
  readonly #folders: HeldFolders
  readonly #signal: AbortSignal

  constructor(order: MirrorOrder, header: ManifestHeader, folders: HeldFolders, signal: AbortSignal) {
    this.breath = new Breath(signal)
    this.#order = order
    this.#header = header
    this.#folders = folders
    this.#signal = signal
  }

  /** Throws `conflict` beyond the guard. */
  async count(): Promise<number> {
    const looking = this.#folders.fork()
    try {
      return await countSurplus(this.#held(looking), this.#listed(), this.#header, this.#order.deletes)
    } finally {
      looking.close()
    }
  }

  async remove(staging: string): Promise<Receipt> {
    const total = await this.count()
    const placer = new Placer(this.#folders, staging)
    const parents: ResourcePath[] = []
    let removed = 0
    const looking = this.#folders.fork()
    try {
      for await (const path of surplusUpwards(this.#held(looking), this.#listed(), this.#header)) {
        if (++removed > total)
          throw new ReplicationError(
            'unavailable',
            'the target has more to remove than a moment ago; it is counted again',
          )
        placer.remove(path, true)
        if (removed <= fewFiles) parents.push(parentPath(path) ?? rootPath)
        if (removed % trashed === 0) await emptyFolder(staging, this.breath)
        if (this.breath.due) await this.breath.take()
      }
    } finally {
      looking.close()
    }
    await this.#settle(staging, removed, parents)
    // Throws if a folder that was removed from has moved.
    this.#folders.at(rootPath)
    const { delivery, package: index } = this.#order
    const detail = { removed }
    return { delivery, package: index.id, entries: 0, bytes: 0, appliedAt: new Date().toISOString(), detail }
  }

  async #settle(staging: string, removed: number, parents: readonly ResourcePath[]): Promise<void> {
    if (removed === 0) return
    const few = removed <= fewFiles
    if (!few && (await syncFileSystem(staging, this.#signal))) return
    const looking = this.#folders.fork()
    try {
      const changed = few ? parents.map(asFolder) : this.#foldersIn(looking)
      await syncFolders(this.#folders, changed, [], this.breath)
    } finally {
      looking.close()
    }
  }

  async *#foldersIn(looking: HeldFolders): AsyncGenerator<Move> {
    for (const region of this.#regions) yield asFolder(parentPath(region) ?? rootPath)
    for await (const { path, folder } of this.#walk(looking)) if (folder) yield asFolder(path)
  }

  async *#held(looking: HeldFolders): AsyncGenerator<ResourcePath> {
    for await (const { path } of this.#walk(looking)) yield path
  }

  async *#walk(looking: HeldFolders): AsyncGenerator<Found> {
    const options = { deep: true, note: () => undefined, signal: this.#signal }
    for (const region of this.#regions) yield* walk(looking, region, options)
  }

  async *#listed(): AsyncGenerator<ResourcePath> {
    const { parts, paths } = this.#order
    const wanted = paths === undefined ? undefined : new Regions(paths)
    for await (const { entries } of entriesOfAll(parts))
      for (const { type, path } of entries) if (type !== 'delete' && wanted?.hold(path) !== false) yield path
  }

  get #regions(): readonly ResourcePath[] {
    return regionsOf(this.#header, this.#order.paths)
  }
}

function asFolder(path: ResourcePath): Move {
  return { type: 'folder', path }
}
