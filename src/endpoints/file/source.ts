import type { ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { batchesOf, maxThreads } from '../directory/job.ts'
import { resourcesOf } from '../documents/batches.ts'
import type { PathBounds } from '../bounds/paths.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import type { FileOptions } from './options.ts'
import type { FileReadOrder } from './read-thread.ts'
import { formatNamed, whereabouts } from './whereabouts.ts'

const readers = new ThreadPool(maxThreads)
const listers = new ThreadPool(maxThreads)
const thread = new URL('./read-thread.js', import.meta.url)

export function fileSource(options: FileOptions, paths?: PathBounds): Source {
  return { read: (path, reading) => read({ options, paths }, path, reading) }
}

/** Which file, and where it may be. */
export interface Bounded {
  readonly options: FileOptions
  readonly paths: PathBounds | undefined
}

async function* read(bounded: Bounded, path: ResourcePath, reading: ReadOptions): AsyncGenerator<Resource> {
  const order = { ...(await orderOf(bounded)), path, deep: reading.deep, as: 'resources' } as const
  reading.signal.throwIfAborted()
  yield* resourcesOf(readers.start<FileReadOrder, void>(thread, order, reading.signal), reading)
}

export async function* listFile(
  bounded: Bounded,
  path: ResourcePath,
  signal: AbortSignal,
): AsyncGenerator<ResourceState> {
  const order = { ...(await orderOf(bounded)), path, deep: true, as: 'states' } as const
  signal.throwIfAborted()
  const job = listers.start<FileReadOrder, void>(thread, order, signal)
  for await (const batch of batchesOf<ResourceState[]>(job, signal)) yield* batch
}

async function orderOf({ options, paths }: Bounded): Promise<Pick<FileReadOrder, 'file' | 'format' | 'schema'>> {
  const { path, format, schema } = options
  const { file } = await whereabouts(path, paths)
  return { file, format: format ?? formatNamed(path), schema }
}
