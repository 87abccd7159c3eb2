import type { ResourcePath } from '../../resources/path.ts'
import type { Resource, ResourceState } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { batchesOf, maxThreads } from '../directory/job.ts'
import { resourcesOf } from '../documents/batches.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import type { FileOptions } from './options.ts'
import type { FileReadOrder } from './read-thread.ts'
import { formatNamed, whereabouts } from './whereabouts.ts'

const readers = new ThreadPool(maxThreads)
const listers = new ThreadPool(maxThreads)
const thread = new URL('./read-thread.js', import.meta.url)

export function fileSource(options: FileOptions): Source {
  return { read: (path, reading) => read(options, path, reading) }
}

async function* read(options: FileOptions, path: ResourcePath, reading: ReadOptions): AsyncGenerator<Resource> {
  const order = { ...(await orderOf(options)), path, deep: reading.deep, as: 'resources' } as const
  reading.signal.throwIfAborted()
  yield* resourcesOf(readers.start<FileReadOrder, void>(thread, order, reading.signal), reading)
}

export async function* listFile(
  options: FileOptions,
  path: ResourcePath,
  signal: AbortSignal,
): AsyncGenerator<ResourceState> {
  const order = { ...(await orderOf(options)), path, deep: true, as: 'states' } as const
  signal.throwIfAborted()
  const job = listers.start<FileReadOrder, void>(thread, order, signal)
  for await (const batch of batchesOf<ResourceState[]>(job, signal)) yield* batch
}

async function orderOf({
  path,
  format,
  schema,
}: FileOptions): Promise<Pick<FileReadOrder, 'file' | 'format' | 'schema'>> {
  const { file } = await whereabouts(path)
  return { file, format: format ?? formatNamed(path), schema }
}
