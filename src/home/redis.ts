import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ReplicationError } from '../errors.ts'
import { BullMqWork } from '../queues/bullmq.ts'
import type { Settings } from '../settings.ts'
import type { RedisAddress } from '../state/redis/address.ts'
import { RedisClients, type RedisLog } from '../state/redis/clients.ts'
import { checkUsable, memoryOf, weaknessesOf } from '../state/redis/inspect.ts'
import { announce, type Presence } from '../state/redis/presence.ts'
import { openShared } from '../state/redis/store.ts'
import { proveShared } from '../state/shared-folder.ts'
import type { QueueTelemetry } from '../tracing/queues.ts'
import type { Home } from './home.ts'

/** State and work of all servers that share a Redis. Waits for it; throws what waiting cannot mend. */
export async function openRedis(
  settings: Settings,
  url: string,
  log: Logger,
  telemetry?: QueueTelemetry,
): Promise<Home> {
  const clients = new RedisClients(addressIn(settings, url), log)
  try {
    const { redisReplicas: replicas, packagesDir } = settings
    const store = openShared(clients, { replicas })
    let presence: Presence | undefined
    await whenThere(clients, log, async () => {
      await checkUsable(clients)
      await proveShared(store, packagesDir)
      for (const weakness of await weaknessesOf(clients, replicas))
        log.warn({ weakness }, 'redis promises less than it could')
      presence = await announce(clients)
    })
    return {
      ...{ store, work: new BullMqWork(clients, log, telemetry && { telemetry }) },
      warnings: async () => {
        await store.get('installation')
        return weaknessesOf(clients, replicas)
      },
      onReturn: (listener) => clients.onReturn(listener),
      redis: {
        isUp: () => clients.callers.status === 'ready',
        memory: () => memoryOf(clients),
        onBreak: (listener) => clients.tally.onBreak(listener),
        onAnswer: (listener) => clients.tally.onAnswer(listener),
      },
      leave: async () => {
        await presence?.leave()
        clients.close()
      },
    }
  } catch (error) {
    clients.close()
    throw error
  }
}

/**
 * The connections, once Redis is there and can be used. Throws what waiting cannot mend, and `unavailable` when it takes longer
 * than `patienceMs`.
 */
export async function reachRedis(
  settings: Settings,
  url: string,
  log: RedisLog,
  patienceMs: number,
): Promise<RedisClients> {
  const clients = new RedisClients(addressIn(settings, url), log)
  try {
    await whenThere(clients, log, () => checkUsable(clients), Date.now() + patienceMs)
    return clients
  } catch (error) {
    clients.close()
    throw error
  }
}

/** What waiting does not mend, as Redis and TLS say it, and what that means. */
const refusals: readonly (readonly [RegExp, string])[] = [
  [/^(WRONGPASS|NOAUTH|NOPERM|ERR .*(AUTH|DB index))/, 'Redis refuses this server'],
  [
    /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_TLS_CERT)/,
    'this server does not trust the certificate of Redis (REDIS_TLS_CA_FILE)',
  ],
]

function refusalIn(error: Error): ReplicationError | undefined {
  const words = [(error as NodeJS.ErrnoException).code ?? '', error.message]
  const means = refusals.find(([said]) => words.some((word) => said.test(word)))?.[1]
  return means === undefined
    ? undefined
    : new ReplicationError('invalid', `${means}: ${error.message}`, { cause: error })
}

/** Servers and their Redis may be started in any order. Throws what waiting cannot mend. */
async function whenThere(
  { callers }: RedisClients,
  log: RedisLog,
  begin: () => Promise<void>,
  deadline = Infinity,
): Promise<void> {
  let refused: ReplicationError | undefined
  const onError = (error: Error): void => {
    refused ??= refusalIn(error)
  }
  callers.on('error', onError)
  try {
    for (let tries = 1; ; tries++)
      try {
        await connected(callers)
        return await begin()
      } catch (error) {
        if (error instanceof ReplicationError && error.code !== 'unavailable') throw error
        onError(error instanceof ReplicationError && error.cause instanceof Error ? error.cause : (error as Error))
        if (refused !== undefined) throw refused
        if (Date.now() > deadline)
          throw new ReplicationError('unavailable', `Redis cannot be reached: ${(error as Error).message}`, {
            cause: error,
          })
        if (tries % 20 === 1) log.warn({ err: error }, 'waiting for redis')
        await delay(200)
      }
  } finally {
    callers.off('error', onError)
  }
}

/** Waits for the connection to be there or to fail; one that hangs is left to whoever asks it. */
async function connected(client: RedisClients['callers']): Promise<void> {
  const limit = new AbortController()
  if (client.status !== 'ready')
    await Promise.race(['ready', 'close'].map((event) => once(client, event, { signal: limit.signal }))).finally(() =>
      limit.abort(),
    )
}

function addressIn(settings: Settings, url: string): RedisAddress {
  const { redisUsername, redisPassword, redisSentinels, redisSentinelPassword, redisTlsCaFile } = settings
  return {
    ...{ url, prefix: settings.redisPrefix },
    ...(redisUsername !== undefined && { username: redisUsername }),
    ...(redisPassword !== undefined && { password: redisPassword }),
    ...(redisSentinels !== undefined && { sentinels: redisSentinels.split(',') }),
    sentinelMaster: settings.redisSentinelMaster,
    ...(redisSentinelPassword !== undefined && { sentinelPassword: redisSentinelPassword }),
    ...(redisTlsCaFile !== undefined && { tlsCaFile: redisTlsCaFile }),
  }
}
