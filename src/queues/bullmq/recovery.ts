import { setTimeout as delay } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { QueueWorker } from './worker.ts'

/** Within this, what was sent again after a break is done and answered. */
const settledMs = 1000

/**
 * To be called when a connection is there again. What Redis did and could not answer any more is only partly made up for
 * by sending it again: it may have given us a job that we know nothing of. Without this the job would wait until its
 * lock lapses; and so would those whose lock lapsed while Redis was away, for BullMQ looks at each of them twice.
 * Throws when the signal says that it is no longer wanted.
 */
export async function takeBack(workers: Redis, worker: QueueWorker, signal: AbortSignal): Promise<void> {
  const { keys } = worker
  const backend = worker.getBackend()
  for (let looks = 0; looks < 2; looks++) {
    await workers.del(keys['stalled-check'] ?? '')
    await backend.moveStalledJobsToWait()
  }
  const unknown = await oursOf(workers, worker)
  await delay(settledMs, undefined, { signal })
  const still = new Map(await oursOf(workers, worker))
  for (const [id, token] of unknown)
    if (still.get(id) === token && !worker.isUnderWay(id, token))
      await backend.moveJobFromActiveToWait(id, token).catch(() => undefined)
  // One that waits for a job may have been told that there is one, and not have heard it.
  await workers.zadd(keys['marker'] ?? '', 0, '0')
}

/** The jobs that Redis holds for this worker, each with its token. */
async function oursOf(workers: Redis, { keys, id: ours, toKey }: QueueWorker): Promise<[string, string][]> {
  const ids = await workers.lrange(keys['active'] ?? '', 0, -1)
  if (ids.length === 0) return []
  const tokens = await workers.mget(ids.map((id) => `${toKey(id)}:lock`))
  return ids.flatMap((id, i): [string, string][] => {
    const token = tokens[i] ?? ''
    return token.startsWith(`${ours}:`) ? [[id, token]] : []
  })
}
