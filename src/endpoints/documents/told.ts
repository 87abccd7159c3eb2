/** What a thread that applies a package tells meanwhile. */
import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import type { Job } from '../../threads/pool.ts'
import type { Receipt, ResourceResult, TargetDelivery } from '../endpoint.ts'

export type Told =
  | { readonly entries: number; readonly bytes: number }
  | {
      readonly results: readonly ResourceResult[]
      /** Whoever told it waits to hear that it was heard. */
      readonly waits?: true
    }

const toldAtOnce = 1000
/** So many batches may be on their way. */
const unheardAtOnce = 2
const heard = 'heard'

/** No faster than they are heard: there may be millions. */
export async function tellResults(port: MessagePort, results: Iterable<ResourceResult>): Promise<void> {
  let unheard = 0
  let isClosed = false
  let wake: (() => void) | undefined
  const hear = (): void => {
    unheard--
    wake?.()
  }
  const close = (): void => {
    isClosed = true
    wake?.()
  }
  port.on('message', hear).on('close', close)
  try {
    for (const batch of batchesIn(results)) {
      while (unheard === unheardAtOnce && !isClosed)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      unheard++
      port.postMessage({ results: batch, waits: true } satisfies Told)
    }
  } finally {
    port.off('message', hear).off('close', close)
  }
}

function* batchesIn(results: Iterable<ResourceResult>): Generator<readonly ResourceResult[], void, void> {
  let batch: ResourceResult[] = []
  for (const result of results)
    if (batch.push(result) === toldAtOnce) {
      yield batch
      batch = []
    }
  if (batch.length > 0) yield batch
}

/** The receipt, or what `apply` throws, once everything that was told has been passed on. */
export async function toldOf(
  job: Job<Receipt>,
  { progress, result }: Pick<TargetDelivery, 'progress' | 'result'>,
  signal: AbortSignal,
): Promise<Receipt> {
  job.port.on('message', (told: Told) => {
    if ('results' in told) {
      for (const one of told.results) result?.(one)
      if (told.waits) job.port.postMessage(heard)
    } else progress?.(told.entries, told.bytes)
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
