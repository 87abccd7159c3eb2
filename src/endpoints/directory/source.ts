import { lstat } from 'node:fs/promises'
import type { ThreadReading } from '../../packages/thread-reading.ts'
import type { Filter } from '../../resources/glob.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import { ThreadPool } from '../../threads/pool.ts'
import { plainPath, type PathBounds } from '../bounds/paths.ts'
import type { ReadOptions, Source } from '../endpoint.ts'
import { codeOf, readFault } from './faults.ts'
import { batchesOf, maxThreads } from './job.ts'
import { listBlocks, listDirectory, listingAt, type Listed } from './list.ts'
import { refuseOwn } from './own-folder.ts'
import type { PickOrder } from './pick-thread.ts'
import type { PiecesOrder } from './pieces.ts'
import { smallBytes, type Answer, type PickBatch, type ReadBatch, type ReadOrder } from './read-thread.ts'
import { rootFault } from './root.ts'
import { foundIn } from './touched.ts'
import { smallContent, streamOf } from './stable-file.ts'

const readers = new ThreadPool(maxThreads)
const thread = new URL('./read-thread.js', import.meta.url)
const pickers = new ThreadPool(maxThreads)
const pickThread = new URL('./pick-thread.js', import.meta.url)
/** So many paths are one job: their names alone travel before anything is read. */
const atOnce = 2000

/** `root` is the absolute path of a folder. */
export function directorySource(root: string, cacheFolder?: string, paths?: PathBounds): Source {
  const listed: Listed = { root, cacheFolder, paths }
  return {
    read: (path, options) => read(listed, path, options),
    inThread: (paths, options) => inThread(listed, paths, options),
    list: (path, signal, options) => listDirectory(listed, path, signal, options),
    listBlocks: (path, signal, options) => listBlocks(listed, path, signal, options),
    listedAs: async (path, listings, signal, delivery) => {
      const listing = await listingAt(listed, path, delivery, signal)
      return listings.find((one) => one === listing)
    },
    pick: (paths, signal) => pick(listed, paths, signal),
  }
}

const pieces = new URL('./pieces.js', import.meta.url)

async function inThread(
  listed: Listed,
  paths: readonly ResourcePath[],
  options: { readonly deep: boolean; readonly filters: readonly Filter[] },
): Promise<ThreadReading> {
  for (const path of paths) refuseOwn(path)
  const root = await plainPath(listed.root, listed.paths)
  return {
    module: pieces,
    order: {
      root,
      paths,
      ...options,
      ...(listed.cacheFolder !== undefined && { cacheFolder: listed.cacheFolder }),
    } satisfies PiecesOrder,
  }
}

async function* read(listed: Listed, path: ResourcePath, options: ReadOptions): AsyncGenerator<Resource> {
  const { deep, includes, note, signal } = options
  refuseOwn(path)
  const root = await plainPath(listed.root, listed.paths)
  signal.throwIfAborted()
  const order: ReadOrder = { root, path, deep, filtered: includes !== undefined }
  const job = readers.start<ReadOrder, void>(thread, order, signal)
  const answer = (wanted: Answer['wanted']): void => job.port.postMessage({ wanted } satisfies Answer)
  for await (const batch of batchesOf<ReadBatch>(job, signal, () => answer(null))) {
    if ('asks' in batch) {
      answer(batch.asks.map((asked) => includes?.(asked) ?? true))
      continue
    }
    for (const text of batch.notes) note?.(text)
    for (const resource of resourcesIn(batch, root, signal)) {
      yield resource
      signal.throwIfAborted()
    }
  }
}

async function* pick(
  { root: place, paths: bounds }: Listed,
  paths: readonly ResourcePath[],
  signal: AbortSignal,
): AsyncGenerator<Resource> {
  for (const path of paths) refuseOwn(path)
  const root = await plainPath(place, bounds)
  const [only] = paths
  if (only !== undefined && paths.length === 1) {
    const found = await pickOne(root, only, signal)
    if (found !== undefined) yield found
    return
  }
  for (let at = 0; at < paths.length; at += atOnce) {
    signal.throwIfAborted()
    const order: PickOrder = { root, paths: paths.slice(at, at + atOnce) }
    for await (const batch of batchesOf<PickBatch>(pickers.start<PickOrder, void>(pickThread, order, signal), signal))
      for (const resource of resourcesIn(batch, root, signal)) {
        yield resource
        signal.throwIfAborted()
      }
  }
}

/** Without a thread: to hand it over would take longer than to read it. */
async function pickOne(root: string, path: ResourcePath, signal: AbortSignal): Promise<Resource | undefined> {
  const identity = await lstat(root).catch((error: unknown) => {
    throw rootFault(error)
  })
  try {
    const found = await smallContent(root, identity, path, smallBytes)
    if (found === 'folder') return undefined
    return { path, content: () => (found === 'large' ? streamOf(root, identity, path, signal) : found) }
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return undefined
    throw readFault(error, path)
  }
}

function* resourcesIn(batch: PickBatch, root: string, signal: AbortSignal): Generator<Resource> {
  for (const { was } of foundIn(batch, root, signal)) if (was !== undefined) yield was
}
