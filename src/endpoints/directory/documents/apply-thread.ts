/**
 * Applies a package to a folder as documents, in a thread: as apply-thread.ts does it, but for what is staged. A document that
 * says what it said before is left where it is, in whatever form; any other one comes into a file of its own, and the
 * files that held it go, what else was in them having files of its own, too.
 */
import type { MessagePort } from 'node:worker_threads'
import { inOrder } from '../../../documents/order.ts'
import { errorView, ReplicationError } from '../../../errors.ts'
import { openPackage, type PackageChange, type PackageReader } from '../../../packages/read.ts'
import type { ResourcePath } from '../../../resources/path.ts'
import { documentAt, refuseStray } from '../../documents/admit.ts'
import { failed } from '../../documents/failed.ts'
import { schemaOf } from '../../../documents/schema.ts'
import { surplusAmong } from '../../documents/surplus.ts'
import { tellResults, type Told } from '../../documents/told.ts'
import type { Receipt } from '../../endpoint.ts'
import { Breath } from '../breath.ts'
import { fewFiles, syncFileSystem, syncStaged } from '../durable.ts'
import type { HeldFolders } from '../held-folders.ts'
import { inLane } from '../in-lane.ts'
import { moveAll, syncFolders } from '../move.ts'
import { Placer } from '../placer.ts'
import { makeRoot } from '../root.ts'
import type { DocumentsView } from './chosen.ts'
import { goneIn, type Gone } from './gone.ts'
import { Homes } from './homes.ts'
import { documentsIn } from './read-thread.ts'
import type { ScanOptions } from './scan.ts'
import type { DocumentsOrder } from '../../delivery-order.ts'
import { Staging } from './staging.ts'

export interface DocumentsApplyOrder extends DocumentsOrder, DocumentsView {}

interface Parts {
  readonly order: DocumentsApplyOrder
  readonly pkg: PackageReader
  readonly folders: HeldFolders
  readonly port: MessagePort
  readonly options: ScanOptions
}

export async function run(order: DocumentsApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(order.package)
  let folders: HeldFolders | undefined
  try {
    folders = makeRoot(order.root)
    const breath = new Breath(signal)
    const options = { schema: schemaOf(order.schema), note: () => undefined, signal, breath }
    const parts = { order, pkg, folders, port, options }
    return await inLane(folders, order, { what: "the target's folder", breath }, (staging) => change(parts, staging))
  } catch (error) {
    throw signal.aborted ? new ReplicationError('unavailable', 'stopped') : error
  } finally {
    folders?.close()
    await pkg.close()
  }
}

async function change(parts: Parts, place: string): Promise<Receipt> {
  const { order, pkg, folders, port, options } = parts
  const { signal, breath } = options
  const looking = folders.fork()
  const staging = new Staging(place, order.tells)
  try {
    const surplus = await surplusAmong(() => inOrder(documentsIn(looking, options), { signal }), pkg, order)
    const gone = await goneIn(pkg, order.paths, surplus)
    const homes = new Homes(looking, options, staging, order.format)
    await homes.look(gone)
    const { entries, bytes, failures } = await stage(parts, homes, gone)
    staging.end()
    await syncStaged(place, staging.files, breath, signal)
    await moveAll(new Placer(folders, place), staging.moves.all(), breath)
    if (staging.count <= fewFiles || !(await syncFileSystem(place, signal)))
      await syncFolders(folders, staging.moves.all(), breath)
    folders.at('/' as ResourcePath)
    await tellResults(port, staging.results)
    const failure = failed(failures, entries)
    if (failure !== undefined) throw failure
    return { delivery: order.delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString() }
  } finally {
    staging.close()
    looking.close()
  }
}

interface Staged {
  entries: number
  bytes: number
  readonly failures: ReplicationError[]
}

async function stage({ order, pkg, port, options }: Parts, homes: Homes, gone: Gone): Promise<Staged> {
  const { paths, onFailure } = order
  const staged: Staged = { entries: 0, bytes: 0, failures: [] }
  for await (const batch of pkg.batches({ ...(paths !== undefined && { paths }), signal: options.signal })) {
    for (const change of batch) {
      staged.entries++
      if (change.kind === 'put') staged.bytes += change.entry.size
      try {
        await stageOne(change, homes, options)
      } catch (error) {
        if (!(error instanceof ReplicationError) || error.code !== 'invalid') throw error
        const { path } = change.entry
        const results = [{ path, outcome: 'failed' as const, error: errorView(error) }]
        port.postMessage({ results } satisfies Told)
        if (onFailure !== 'go-on') throw error
        staged.failures.push(error)
      }
    }
    port.postMessage({ entries: staged.entries, bytes: staged.bytes } satisfies Told)
    if (options.breath.due) await options.breath.take()
  }
  await homes.clear(gone)
  return staged
}

async function stageOne(change: PackageChange, homes: Homes, { schema }: ScanOptions): Promise<void> {
  if (change.kind === 'folder') refuseStray(change.entry)
  else if (change.kind === 'put') {
    const { path } = change.entry
    await homes.put(path, await documentAt(path, change.content, schema, true))
  }
}
