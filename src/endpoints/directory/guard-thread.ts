/** Counts in a thread what a mirror would remove of a folder. Nothing of it is held, and no content is looked at. */
import type { MessagePort } from 'node:worker_threads'
import { entriesOfAll } from '../../packages/whole.ts'
import { Regions } from '../../packages/regions.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { DeleteGuard, Mirroring } from '../delivery.ts'
import { countSurplus, regionsOf } from '../mirror.ts'
import type { HeldFolders } from './held-folders.ts'
import { rootIfThere } from './root.ts'
import { walk } from './walk.ts'

export interface GuardOrder extends Mirroring {
  /** Absolute. */
  readonly root: string
  readonly deletes: DeleteGuard
}

/** Throws `conflict` beyond the guard. */
export async function run(order: GuardOrder, _port: MessagePort, signal: AbortSignal): Promise<void> {
  const folders = rootIfThere(order.root)
  if (folders === undefined) return
  try {
    await countSurplus(held(folders, order, signal), listed(order), order.header, order.deletes)
  } finally {
    folders.close()
  }
}

async function* held(
  folders: HeldFolders,
  { header, paths }: GuardOrder,
  signal: AbortSignal,
): AsyncGenerator<ResourcePath> {
  const options = { deep: true, note: () => undefined, signal }
  for (const region of regionsOf(header, paths)) for await (const { path } of walk(folders, region, options)) yield path
}

async function* listed({ parts, paths }: GuardOrder): AsyncGenerator<ResourcePath> {
  const wanted = paths === undefined ? undefined : new Regions(paths)
  for await (const { entries } of entriesOfAll(parts))
    for (const { type, path } of entries) if (type !== 'delete' && wanted?.hold(path) !== false) yield path
}
