/** What a thread that applies a package tells meanwhile. */
import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import type { Job } from '../../threads/pool.ts'
import type { Receipt, ResourceResult, TargetDelivery } from '../endpoint.ts'

export type Told =
  { readonly entries: number; readonly bytes: number } | { readonly results: readonly ResourceResult[] }

const toldAtOnce = 1000

export function tellResults(port: MessagePort, results: Iterable<ResourceResult>): void {
  let batch: ResourceResult[] = []
  const tell = (): void => port.postMessage({ results: batch } satisfies Told)
  for (const result of results) {
    batch.push(result)
    if (batch.length < toldAtOnce) continue
    tell()
    batch = []
  }
  if (batch.length > 0) tell()
}

/** The receipt, or what `apply` throws, once everything that was told has been passed on. */
export async function toldOf(
  job: Job<Receipt>,
  { progress, result }: Pick<TargetDelivery, 'progress' | 'result'>,
  signal: AbortSignal,
): Promise<Receipt> {
  job.port.on('message', (told: Told) => {
    if ('results' in told) for (const one of told.results) result?.(one)
    else progress?.(told.entries, told.bytes)
  })
  // The port is closed behind all that was sent through it, which may come later than the result.
  const closed = once(job.port, 'close')
  try {
    return await job.result
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    await closed
  }
}
