import type { ResourcePath } from '../../resources/path.ts'
import type { ResourceState } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { batchesOf, maxThreads } from './job.ts'
import type { ListOrder } from './list-thread.ts'
import { refuseOwn } from './own-folder.ts'

const listers = new ThreadPool(maxThreads)
const thread = new URL('./list-thread.js', import.meta.url)

/** What a folder holds at the path and below, in path order, with digests; nothing when there is nothing. */
export async function* listDirectory(
  root: string,
  path: ResourcePath,
  signal: AbortSignal,
): AsyncGenerator<ResourceState> {
  refuseOwn(path)
  const job = listers.start<ListOrder, void>(thread, { root, path }, signal)
  for await (const batch of batchesOf<ResourceState[]>(job, signal)) yield* batch
}
