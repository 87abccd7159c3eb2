/** Applies a package to an OpenAPI document in a file, in a thread: the same way as one of documents is applied to its file. */
import { closeSync, openSync, writeFileSync } from 'node:fs'
import { basename, extname } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import type { DocumentsOrder } from '../delivery-order.ts'
import { failed } from '../documents/failed.ts'
import { tellResults } from '../documents/told.ts'
import type { Receipt } from '../endpoint.ts'
import { deliver, type Delivering } from '../file/deliver.ts'
import { replace } from '../file/replace.ts'
import type { Whereabouts } from '../file/whereabouts.ts'
import { applied } from './applied.ts'
import { bytesOf, type View } from './from.ts'

export interface OpenapiApplyOrder extends DocumentsOrder, View {
  readonly where: Whereabouts
}

export function run(order: OpenapiApplyOrder, port: MessagePort, signal: AbortSignal): Promise<Receipt> {
  return deliver(order, signal, (delivering, staged) => change(order, { ...delivering, port, signal }, staged))
}

type Parts = Delivering & { readonly port: MessagePort; readonly signal: AbortSignal }

async function change(order: OpenapiApplyOrder, parts: Parts, staged: string): Promise<Receipt | undefined> {
  const { pkg, port, breath } = parts
  const { where, format, owned } = order
  const before = await bytesOf(where.file, breath)
  const title = basename(where.name, extname(where.name))
  const { text, entries, bytes, results, failures } = await applied(before?.bytes, {
    ...{ ...parts, order, format, owned, title },
  })
  if (text !== undefined) {
    const fd = openSync(staged, 'wx+')
    try {
      writeFileSync(fd, text)
      if (!(await replace({ ...parts, where }, staged, fd, before?.stats))) return undefined
    } finally {
      closeSync(fd)
    }
  }
  await tellResults(port, order.tells ? results : results.filter(({ outcome }) => outcome === 'failed'))
  const failure = failed(failures, entries)
  if (failure !== undefined) throw failure
  return { delivery: order.delivery, package: pkg.id, entries, bytes, appliedAt: new Date().toISOString() }
}
