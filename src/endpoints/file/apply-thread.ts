/**
 * Applies a package to a file, in a thread. In this order: take the epoch, look for the receipt, write what the file will be
 * beside it, make that durable, see that the file has not changed meanwhile, put the new one in its place, make that
 * durable, give the receipt.
 */
import { closeSync, openSync, type Stats } from 'node:fs'
import type { MessagePort } from 'node:worker_threads'
import { inOrder } from '../../documents/order.ts'
import { schemaOf, type Schema, type SchemaOption } from '../../documents/schema.ts'
import type { StreamFormat } from '../../documents/streams/read.ts'
import { streamWriter } from '../../documents/streams/write.ts'
import type { PackageChange } from '../../packages/read.ts'
import type { ResourcePath } from '../../resources/path.ts'
import type { Resource } from '../../resources/resource.ts'
import type { DocumentsOrder } from '../delivery-order.ts'
import { failed } from '../documents/failed.ts'
import { Spool, TextFile } from '../documents/spool.ts'
import { surplusAmong } from '../documents/surplus.ts'
import { tellResults, type Told } from '../documents/told.ts'
import type { Receipt, ResourceResult } from '../endpoint.ts'
import { deliver, type Delivering } from './deliver.ts'
import { openDocuments, type OpenDocuments } from './documents.ts'
import { merge } from './merge.ts'
import { isStill, replace } from './replace.ts'
import type { Whereabouts } from './whereabouts.ts'

export interface FileApplyOrder extends DocumentsOrder {
  readonly where: Whereabouts
  readonly format: StreamFormat | undefined
  readonly schema: SchemaOption | undefined
}

export function run(order: FileApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  const schema = schemaOf(order.schema)
  return deliver(order, signal, (delivering, staged) => change({ order, ...delivering, port, signal, schema }, staged))
}

interface Parts extends Delivering {
  readonly order: FileApplyOrder
  readonly port: MessagePort
  readonly signal: AbortSignal
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
      if (!(await replace({ ...parts, where: order.where }, staged, fd, before?.stats))) return undefined
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
