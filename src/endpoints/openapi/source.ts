import type { ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { batchesOf, maxThreads } from '../directory/job.ts'
import { resourcesOf } from '../documents/batches.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import type { From, View } from './from.ts'
import type { OpenapiReadOrder } from './read-thread.ts'

const readers = new ThreadPool(maxThreads)
const listers = new ThreadPool(maxThreads)
const thread = new URL('./read-thread.js', import.meta.url)

/** Where a document is, and how it is looked at. */
export interface Home {
  /** Its place, or all of it; undefined when there is none. */
  find(signal: AbortSignal): Promise<(View & { readonly from: From }) | undefined>
  /** Throws `missing`. */
  refuse(): never
  close?(): Promise<void>
}

export function openapiSource(home: Home): Source {
  return {
    read: (path, reading) => read(home, path, reading),
    ...(home.close !== undefined && { close: () => home.close?.() ?? Promise.resolve() }),
  }
}

export async function* read(home: Home, path: ResourcePath, reading: ReadOptions): AsyncGenerator<Resource> {
  const found = (await home.find(reading.signal)) ?? home.refuse()
  reading.signal.throwIfAborted()
  const order: OpenapiReadOrder = { ...found, path, deep: reading.deep, as: 'resources' }
  yield* resourcesOf(readers.start<OpenapiReadOrder, void>(thread, order, reading.signal), reading)
}

export async function* list(home: Home, path: ResourcePath, signal: AbortSignal): AsyncGenerator<ResourceState> {
  const found = await home.find(signal)
  if (found === undefined) return
  signal.throwIfAborted()
  const order: OpenapiReadOrder = { ...found, path, deep: true, as: 'states' }
  const job = listers.start<OpenapiReadOrder, void>(thread, order, signal)
  for await (const batch of batchesOf<ResourceState[]>(job, signal)) yield* batch
}
