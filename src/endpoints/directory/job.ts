import { availableParallelism } from 'node:os'
import type { Job } from '../../threads/pool.ts'
import { receive } from '../../threads/stream.ts'

/**
 * As many jobs of one sort may run at a time. Each sort has threads of its own, since a comparison lists one endpoint
 * while it reads another; callers limit what runs, so this is only a bound.
 */
export const maxThreads = 16

/** So many packages are applied at a time: more would go no faster, and each takes some 40 MB. With two there is work while one waits for the disk. */
export const maxApplying = Math.min(maxThreads, Math.max(2, availableParallelism()))

/**
 * The batches that a job sends. Ends when the job has ended, also when it is left early, so that nothing stays open; when
 * it is aborted it throws the signal's reason, and when the thread is lost what the job's result says. `leave` tells the
 * job that nobody reads any more, if it waits for more than a reader.
 */
export async function* batchesOf<T>(job: Job<void>, signal: AbortSignal, leave?: () => void): AsyncGenerator<T> {
  const ended = job.result.then(
    () => undefined,
    (error: unknown) => ({ error }),
  )
  try {
    for await (const batch of receive<T>(job.port)) {
      signal.throwIfAborted()
      yield batch
    }
  } catch (error) {
    leave?.()
    const lost = await ended
    signal.throwIfAborted()
    throw lost === undefined ? error : lost.error
  } finally {
    leave?.()
    await ended
  }
}
