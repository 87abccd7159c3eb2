/** Says in a thread what a folder holds: which listing (PackageSummary) a package of all that would have, and how old it is. */
import { writeFileSync } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { listingSum } from '../../packages/manifest-text.ts'
import { parentPath, type ResourcePath } from '../../resources/path.ts'
import { HeldFolders } from './held-folders.ts'
import { blocks, type ListHooks, type ListOrder } from './list-thread.ts'
import type { Walked } from './walks.ts'

export interface ListingOrder extends ListOrder {
  /** Of an open file, that gets the lines. */
  readonly fd?: number | undefined
}

export async function run({ fd, ...order }: ListingOrder, _port: MessagePort, signal: AbortSignal): Promise<Walked> {
  // Nobody will want to know how old it is.
  if (fd === undefined) return { ...(await listingSum(blocks(order, signal))), newestMs: Infinity }
  const folders = new HeldFolders(order.root)
  try {
    let newestMs = 0
    const newer = (ctimeMs: number): void => void (newestMs = Math.max(newestMs, ctimeMs))
    const saw: ListHooks['saw'] = (path, seen) => newer(seen === 'folder' ? folders.look(path).ctimeMs : seen.ctimeMs)
    const sum = await listingSum(blocks(order, signal, { saw }), (lines) => writeFileSync(fd, lines))
    for (let above: ResourcePath | undefined = parentPath(order.path); above !== undefined; above = parentPath(above))
      newer(folders.look(above).ctimeMs)
    return { ...sum, newestMs }
  } finally {
    folders.close()
  }
}
