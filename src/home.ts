import { once } from 'node:events'
import { mkdir } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Logger } from 'pino'
import { ReplicationError } from './errors.ts'
import { BullMqWork } from './queues/bullmq.ts'
import { InProcessWork } from './queues/in-process.ts'
import type { Work } from './queues/work.ts'
import type { Settings } from './settings.ts'
import { openEmbedded } from './state/embedded.ts'
import { mustNotBeImporting, stateFolder } from './state/embedded-transfer.ts'
import { lockFolder } from './state/lock.ts'
import type { RedisAddress } from './state/redis/address.ts'
import { RedisClients, type RedisLog } from './state/redis/clients.ts'
import { checkUsable, weaknessesOf } from './state/redis/inspect.ts'
import { announce, type Presence } from './state/redis/presence.ts'
import { openShared } from './state/redis/store.ts'
import { proveShared } from './state/shared-folder.ts'
import type { Store } from './state/store.ts'

/** Where the state of a server is at home, and who does its work: this machine, or a Redis that several servers share. */
export interface Home {
  readonly store: Store
  readonly work: Work
  /** Which promises are weaker than they could be, as sentences. Throws when the state cannot be used now. */
  warnings(): Promise<readonly string[]>
  /** Calls back whenever the state is there again after it was away: wake-ups may have got lost meanwhile. */
  onReturn(listener: () => void): void
  /** What is left when `work` and `store` are closed. */
  leave(): Promise<void>
}

/** Opens the one or the other: see `redisUrl`. Throws what makes a start impossible. */
export async function openHome(settings: Settings, log: Logger): Promise<Home> {
  return settings.redisUrl === undefined ? openMachine(settings, log) : openRedis(settings, settings.redisUrl, log)
}

async function openMachine({ dataDir }: Settings, log: Logger): Promise<Home> {
  await mkdir(dataDir, { recursive: true })
  const lock = await lockFolder(dataDir)
  try {
    await mustNotBeImporting(dataDir)
    const store = await openEmbedded(stateFolder(dataDir))
    return {
      ...{ store, work: new InProcessWork(log) },
      warnings: async () => {
        await store.get('installation')
        return []
      },
      onReturn: () => undefined,
      leave: () => lock.release(),
    }
  } catch (error) {
    await lock.release()
    throw error
  }
}

async function openRedis(settings: Settings, url: string, log: Logger): Promise<Home> {
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
      ...{ store, work: new BullMqWork(clients, log) },
      warnings: async () => {
        await store.get('installation')
        return weaknessesOf(clients, replicas)
      },
      onReturn: (listener) => clients.onReturn(listener),
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
