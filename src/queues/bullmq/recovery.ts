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

/** A server that lives is connected again within this, when its connection has broken. */
const reconnectedMs = 1500

/**
 * To be called at the start: whose server was killed has no connection any more, and so what it was at need not wait until
 * its locks lapse. That goes for the one whose place this server takes, above all. Should a server live after all, cut off
 * from Redis, it loses its jobs as it would by a lapsed lock. Where Redis does not tell who is connected, nothing happens.
 * Throws when the signal says that it is no longer wanted.
 */
export async function takeFromDead(workers: Redis, worker: QueueWorker, signal: AbortSignal): Promise<void> {
  const backend = worker.getBackend()
  let dead = new Map(await locksOf(workers, worker))
  for (let looks = 0; looks < 2 && dead.size > 0; looks++) {
    if (looks > 0) await delay(reconnectedMs, undefined, { signal })
    const connected = await connectedTo(workers, worker)
    const still = new Map(await locksOf(workers, worker))
    dead = new Map([...dead].filter(([id, token]) => still.get(id) === token && !connected.has(ownerOf(token))))
    // Whoever does not see himself sees nobody.
    if (!connected.has(worker.id)) return
  }
  for (const [id, token] of dead) await backend.moveJobFromActiveToWait(id, token).catch(() => undefined)
}

/** The names of the workers of this queue that Redis has a connection of, or none where it does not tell. */
async function connectedTo(workers: Redis, { connectionOf }: QueueWorker): Promise<ReadonlySet<string>> {
  const list = await workers.client('LIST').catch(() => '')
  const name = new RegExp(`^.*? name=${connectionOf('(\\S+)')} `, 'gm')
  return new Set([...String(list).matchAll(name)].map((match) => match[1] ?? ''))
}

/** The jobs that Redis holds for this worker, each with its token. */
async function oursOf(workers: Redis, worker: QueueWorker): Promise<[string, string][]> {
  return (await locksOf(workers, worker)).filter(([, token]) => ownerOf(token) === worker.id)
}

/** The jobs that are locked, each with the token of its lock. */
async function locksOf(workers: Redis, { keys, toKey }: QueueWorker): Promise<[string, string][]> {
  const ids = await workers.lrange(keys['active'] ?? '', 0, -1)
  if (ids.length === 0) return []
  const tokens = await workers.mget(ids.map((id) => `${toKey(id)}:lock`))
  return ids.flatMap((id, i): [string, string][] => {
    const token = tokens[i] ?? null
    return token === null ? [] : [[id, token]]
  })
}

/** The worker that a token was given to. */
function ownerOf(token: string): string {
  return token.slice(0, token.indexOf(':'))
}
