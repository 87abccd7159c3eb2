/** Says in a thread which listing (PackageSummary) a package of all that a folder holds would have. */
import type { MessagePort } from 'node:worker_threads'
import { listingDigest } from '../../packages/manifest-text.ts'
import { blocks, type ListOrder } from './list-thread.ts'

export async function run(order: ListOrder, _port: MessagePort, signal: AbortSignal): Promise<string> {
  return listingDigest(blocks(order, signal))
}
