import { statesOf, type Block } from '../../resources/listing.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { ResourceState } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import type { BlockOptions, ListOptions } from '../endpoint.ts'
import { plainPath, type PathBounds } from '../bounds/paths.ts'
import { batchesOf, maxThreads } from './job.ts'
import type { ListOrder } from './list-thread.ts'
import type { ListingOrder } from './listing-thread.ts'
import { refuseOwn } from './own-folder.ts'
import { walks, type Walked } from './walks.ts'

/** For whatever looks at all that a folder holds. */
export const listers = new ThreadPool(maxThreads)
const thread = new URL('./list-thread.js', import.meta.url)

const listingThread = new URL('./listing-thread.js', import.meta.url)

/** A folder that is listed. */
export interface Listed {
  /** Absolute. */
  readonly root: string
  /** Where digests of unchanged files are remembered. */
  readonly cacheFolder?: string | undefined
  readonly paths?: PathBounds | undefined
}

/** What a folder holds at the path and below, in path order, with digests; nothing when there is nothing. */
export async function* listDirectory(
  listed: Listed,
  path: ResourcePath,
  signal: AbortSignal,
  options?: ListOptions,
): AsyncGenerator<ResourceState> {
  for await (const { bytes } of listBlocks(listed, path, signal, options))
    for (const state of statesOf(bytes)) {
      yield state
      signal.throwIfAborted()
    }
}

/** What digest a package of all that would have of what it lists. What is found counts for the delivery too, if it comes soon. */
export async function listingAt(
  { root: place, cacheFolder, paths }: Listed,
  path: ResourcePath,
  delivery: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  refuseOwn(path)
  const root = await plainPath(place, paths)
  signal.throwIfAborted()
  const order: ListOrder = { root, path, ...(cacheFolder !== undefined && { cacheFolder }) }
  const walk = (fd?: number): Promise<Walked> =>
    listers.run<ListingOrder, Walked>(listingThread, { ...order, fd }, signal)
  const found = delivery === undefined ? walk() : walks.keep(delivery, { root, path, cacheFolder }, walk)
  return (await found).listing
}

export async function* listBlocks(
  { root: place, cacheFolder, paths }: Listed,
  path: ResourcePath,
  signal: AbortSignal,
  { verify = false, filters = [], note }: BlockOptions = {},
): AsyncGenerator<Block> {
  refuseOwn(path)
  const root = await plainPath(place, paths)
  signal.throwIfAborted()
  const order: ListOrder = {
    ...{ root, path, verify, filters, notes: note !== undefined },
    ...(cacheFolder !== undefined && { cacheFolder }),
  }
  for await (const block of batchesOf<Block>(listers.start<ListOrder, void>(thread, order, signal), signal)) {
    for (const text of block.notes ?? []) note?.(text)
    yield block
  }
}
