/** A folder of files as documents: `/<type>/<id>` is in `<type>/<id>.yaml`, or wherever else there is a document that says so. */
import { rootPath, segmentsOf, type ResourcePath } from '../../../resources/path.ts'
import type { Resource, ResourceState } from '../../../resources/resource.ts'
import { ThreadPool } from '../../../threads/pool.ts'
import { resourcesOf } from '../../documents/batches.ts'
import { documentsOrder } from '../../delivery-order.ts'
import { toldOf } from '../../documents/told.ts'
import type { ReadOptions, Receipt, Source, Target, Watcher } from '../../endpoint.ts'
import { plainPath, type PathBounds } from '../../bounds/paths.ts'
import { batchesOf, maxThreads } from '../job.ts'
import { refuseOwn } from '../own-folder.ts'
import { directoryTarget } from '../target.ts'
import { directoryWatcher } from '../watch.ts'
import type { DocumentsApplyOrder } from './apply-thread.ts'
import type { DocumentsView } from './chosen.ts'
import type { DocumentsReadOrder } from './read-thread.ts'

const readers = new ThreadPool(maxThreads)
const listers = new ThreadPool(maxThreads)
const appliers = new ThreadPool(maxThreads)
const readThread = new URL('./read-thread.js', import.meta.url)
const applyThread = new URL('./apply-thread.js', import.meta.url)

export function documentsSource(view: DocumentsView, paths?: PathBounds): Source {
  return { read: (path, options) => read(view, path, options, paths) }
}

async function* read(
  { root: place, schema }: DocumentsView,
  path: ResourcePath,
  options: ReadOptions,
  paths: PathBounds | undefined,
): AsyncGenerator<Resource> {
  refuseOwn(path)
  const root = await plainPath(place, paths)
  options.signal.throwIfAborted()
  const order = { root, schema, path, deep: options.deep, as: 'resources' } as const
  yield* resourcesOf(readers.start<DocumentsReadOrder, void>(readThread, order, options.signal), options)
}

export function documentsTarget(view: DocumentsView, paths?: PathBounds): Target {
  const { test, remembers } = directoryTarget(view.root, undefined, paths)
  return {
    ...(remembers !== undefined && { remembers }),
    test,
    apply: async (delivery, signal) => {
      const order = { ...view, root: await plainPath(view.root, paths), ...documentsOrder(delivery) }
      signal.throwIfAborted()
      const job = appliers.start<DocumentsApplyOrder, Receipt>(applyThread, order, signal)
      return toldOf(job, delivery, signal)
    },
    list: (path, signal) => list(view, path, signal, paths),
    holdings: documentsSource(view, paths),
  }
}

async function* list(
  { root: place, schema }: DocumentsView,
  path: ResourcePath,
  signal: AbortSignal,
  paths: PathBounds | undefined,
): AsyncGenerator<ResourceState> {
  refuseOwn(path)
  const root = await plainPath(place, paths)
  signal.throwIfAborted()
  const order = { root, schema, path, deep: true, as: 'states' } as const
  const job = listers.start<DocumentsReadOrder, void>(readThread, order, signal)
  for await (const batch of batchesOf<ResourceState[]>(job, signal)) yield* batch
}

/** What a file says of itself is not known from its name: whichever changes, all are to be looked at. */
export function documentsWatcher(root: string, paths?: PathBounds): Watcher {
  const watcher = directoryWatcher(root, paths)
  return {
    look: (paths, signal) => watcher.look(paths, signal),
    watch: (hear, ready, signal) =>
      watcher.watch(
        ({ path, passing }) => {
          const isHidden = segmentsOf(path).some((name) => name.startsWith('.'))
          if (!isHidden) hear({ path: rootPath, whole: true, ...(passing !== undefined && { passing }) })
        },
        ready,
        signal,
      ),
  }
}
