/**
 * Applies a package to a file, in a thread. In this order: take the epoch, look for the receipt, write what the file will be
 * beside it, make that durable, see that the file has not changed meanwhile, put the new one in its place, make that
 * durable, give the receipt.
 */
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  statSync,
  type Stats,
} from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { inOrder } from '../../documents/order.ts'
import type { Schema } from '../../documents/schema.ts'
import type { StreamFormat } from '../../documents/streams/read.ts'
import { streamWriter } from '../../documents/streams/write.ts'
import { ReplicationError } from '../../errors.ts'
import { openPackage, type PackageChange, type PackageReader } from '../../packages/read.ts'
import { rootPath, type ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import { Breath } from '../directory/breath.ts'
import { codeOf } from '../directory/faults.ts'
import type { HeldFolders } from '../directory/held-folders.ts'
import { inLane } from '../directory/in-lane.ts'
import { makeRoot } from '../directory/root.ts'
import { differs } from '../directory/stable-file.ts'
import { failed } from '../documents/failed.ts'
import { schemaOf, type SchemaOption } from '../../documents/schema.ts'
import { Spool, TextFile } from '../documents/spool.ts'
import { surplusAmong } from '../documents/surplus.ts'
import { tellResults, type Told } from '../documents/told.ts'
import type { Receipt, ResourceResult } from '../endpoint.ts'
import type { DocumentsOrder } from '../delivery-order.ts'
import { changed, openDocuments, type OpenDocuments } from './documents.ts'
import { exclusively } from './lock.ts'
import { merge } from './merge.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface FileApplyOrder extends DocumentsOrder {
  readonly where: Whereabouts
  readonly format: StreamFormat | undefined
  readonly schema: SchemaOption | undefined
}

/** So often somebody else may have written the file while it was read, before this gives up. */
const maxTries = 5
const what = "the file endpoint's file"

export async function run(order: FileApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const pkg = await openPackage(order.package)
  let folders: HeldFolders | undefined
  try {
    folders = makeRoot(order.where.folder)
    const breath = new Breath(signal)
    const parts = { order, pkg, folders, port, signal, breath, schema: schemaOf(order.schema) }
    return await inLane(folders, order, { own: order.where.own, what, breath }, async (staging) => {
      for (let tries = 1; ; tries++) {
        const receipt = await change(parts, `${staging}/${tries}`)
        if (receipt !== undefined) return receipt
        if (tries === maxTries) throw changed()
      }
    })
  } catch (error) {
    throw signal.aborted ? new ReplicationError('unavailable', 'stopped') : error
  } finally {
    folders?.close()
    await pkg.close()
  }
}

interface Parts {
  readonly order: FileApplyOrder
  readonly pkg: PackageReader
  readonly folders: HeldFolders
  readonly port: MessagePort
  readonly signal: AbortSignal
  readonly breath: Breath
  readonly schema: Schema
}

/** Undefined when the file was changed by somebody else, and nothing was done. */
async function change(parts: Parts, staged: string): Promise<Receipt | undefined> {
  const { order, pkg } = parts
  const results = new Spool<ResourceResult>(`${staged}-results`)
  try {
    let looked: { readonly stats: Stats | undefined } | undefined
    const surplus = await surplusAmong(
      () => {
        const found = open(parts)
        looked = { stats: found?.stats }
        return resourcesIn(found, parts.signal)
      },
      pkg,
      order,
    )
    if (looked !== undefined && !isStill(order.where.file, looked.stats)) return undefined
    const before = open(parts)
    const fd = openSync(staged, 'wx+')
    try {
      const { entries, bytes, failures } = await write(parts, before, surplus, fd, results)
      if (!(await place(parts, staged, fd, before?.stats))) return undefined
      results.end()
      await tellResults(parts.port, results.all())
      const failure = failed(failures, entries)
      if (failure !== undefined) throw failure
      return { delivery: order.delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString() }
    } finally {
      closeSync(fd)
    }
  } finally {
    results.close()
  }
}

function open({ order, schema, breath }: Parts): OpenDocuments | undefined {
  return openDocuments(order.where.file, order.format, schema, breath)
}

async function* resourcesIn(
  open: OpenDocuments | undefined,
  signal: AbortSignal,
): AsyncGenerator<Resource, void, void> {
  if (open !== undefined) yield* inOrder(open.documents, { signal })
}

async function write(
  { order, pkg, port, signal, schema }: Parts,
  before: OpenDocuments | undefined,
  surplus: readonly ResourcePath[],
  fd: number,
  results: Spool<ResourceResult>,
): Promise<Awaited<ReturnType<typeof merge>>> {
  const { paths, onFailure } = order
  const file = new TextFile(fd)
  const writer = streamWriter(before?.format ?? order.format ?? 'yaml')
  const merged = await merge(
    resourcesIn(before, signal),
    told(pkg.batches({ ...(paths !== undefined && { paths }), signal }), port),
    {
      write: (value) => file.write(writer.document(value)),
      result: (result) => {
        if (result.outcome === 'failed') port.postMessage({ results: [result] } satisfies Told)
        else if (order.tells) results.add(result)
      },
    },
    { schema, surplus, onFailure },
  )
  file.write(writer.end())
  file.flush()
  return merged
}

async function* told(batches: AsyncIterable<PackageChange[]>, port: MessagePort): AsyncGenerator<PackageChange> {
  let [entries, bytes] = [0, 0]
  for await (const batch of batches) {
    for (const change of batch) {
      yield change
      entries++
      if (change.kind === 'put') bytes += change.entry.size
    }
    port.postMessage({ entries, bytes } satisfies Told)
  }
}

/** Whether the file is the one that was read. */
function isStill(file: string, before: Stats | undefined): boolean {
  const now = statSync(file, { throwIfNoEntry: false })
  return now === undefined || before === undefined ? now === before : !differs(before, now)
}

const compareBytes = 256 * 1024

function isSame(fd: number, file: string): boolean {
  const other = openSync(file, 'r')
  try {
    if (fstatSync(fd).size !== fstatSync(other).size) return false
    const [one, two] = [Buffer.allocUnsafe(compareBytes), Buffer.allocUnsafe(compareBytes)]
    for (let at = 0; ;) {
      const [left, right] = [readSync(fd, one, 0, compareBytes, at), readSync(other, two, 0, compareBytes, at)]
      if (left !== right || one.compare(two, 0, right, 0, left) !== 0) return false
      if (left === 0) return true
      at += left
    }
  } finally {
    closeSync(other)
  }
}

/**
 * The new file takes the place of the old one, whole, and has its mode; one that would be the same is left alone. False when
 * the old one is not the one that was read any more.
 */
async function place(parts: Parts, staged: string, fd: number, before: Stats | undefined): Promise<boolean> {
  const { order, folders, signal } = parts
  const { file, name, own } = order.where
  if (before !== undefined) {
    if (!isStill(file, before)) return false
    if (isSame(fd, file)) return isStill(file, before)
    fchmodSync(fd, before.mode & 0o7777)
    keepOwner(fd, before)
  }
  fsyncSync(fd)
  const folder = folders.at(rootPath)
  const isPlaced = await exclusively(`${folder}/${own}/lock`, signal, () => {
    if (!isStill(file, before)) return false
    renameSync(staged, `${folder}/${name}`)
    return true
  })
  if (isPlaced) folders.sync(rootPath)
  return isPlaced
}

function keepOwner(fd: number, { uid, gid }: Stats): void {
  const own = fstatSync(fd)
  if (own.uid === uid && own.gid === gid) return
  try {
    fchownSync(fd, uid, gid)
  } catch (error) {
    // Only the superuser may give a file away; others get a file of their own.
    if (codeOf(error) !== 'EPERM') throw error
  }
}
