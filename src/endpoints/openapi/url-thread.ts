/** Applies a package to an OpenAPI document that came from a URL, in a thread; whoever asked for it writes what it answers. */
import type { MessagePort } from 'node:worker_threads'
import { errorView, ReplicationError, type ErrorCode } from '../../errors.ts'
import { openPackage } from '../../packages/read.ts'
import type { DocumentsOrder } from '../delivery-order.ts'
import { Breath } from '../directory/breath.ts'
import { failed } from '../documents/failed.ts'
import { applied, type Applied } from './applied.ts'
import { type View } from './from.ts'

export interface UrlApplyOrder extends DocumentsOrder, View {
  /** Undefined for a document that is yet to be made. */
  readonly document: Uint8Array | undefined
  readonly title: string
}

export interface UrlApplied extends Pick<Applied, 'text' | 'entries' | 'bytes' | 'results'> {
  readonly package: string
  /** What `apply` throws when all else is done. */
  readonly failure: { readonly code: ErrorCode; readonly detail: string } | undefined
}

export async function run(order: UrlApplyOrder, port: MessagePort, signal: AbortSignal): Promise<UrlApplied> {
  const pkg = await openPackage(order.package)
  try {
    const { format, owned, title, document } = order
    const breath = new Breath(signal)
    const { failures, ...rest } = await applied(document, {
      ...{ pkg, order, port, signal, breath, format, owned, title },
    })
    const failure = failed(failures, rest.entries)
    return { ...rest, package: pkg.id, failure: failure && errorView(failure) }
  } catch (error) {
    throw signal.aborted ? new ReplicationError('unavailable', 'stopped') : error
  } finally {
    await pkg.close()
  }
}
