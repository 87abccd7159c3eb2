import { readFileSync } from 'node:fs'
import { Redis, type RedisOptions } from 'ioredis'
import { ReplicationError } from '../../errors.ts'
import { callMs } from '../patience.ts'

/** Where Redis is, and how it is spoken to. */
export interface RedisAddress {
  /**
   * `redis://user:password@host:6379/0`, `rediss://…` for TLS, or `unix:///path/to.sock?db=0`. With `sentinels` its host
   * is not asked; its protocol, credentials and database count.
   */
  readonly url: string
  /** Instead of those in the URL. */
  readonly username?: string
  readonly password?: string
  /** Of every key and every queue: two installations on one Redis have two of them. */
  readonly prefix: string
  /** `host:port` of each Sentinel. */
  readonly sentinels?: readonly string[]
  /** What the Sentinels call the master. */
  readonly sentinelMaster?: string
  readonly sentinelPassword?: string
  /** PEM file of who vouches for the server's certificate; without it the system's. */
  readonly tlsCaFile?: string
}

/** Where connections tell what happens to them: pino's methods. */
export interface RedisLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

/**
 * A connection that is silent for so long is given up, so that what hangs with it is known to be lost. The silence of a
 * blocking read is no fault, and may be longer.
 */
const silentMs = 4000
const blockingSilentMs = 15_000

/**
 * The connections of one server, all made here: one for callers, which answer or fail in time; one for workers, whose
 * commands wait until Redis is back; one that follows the feed. Whoever needs more of them duplicates one.
 */
export class RedisClients {
  /** All keys lie in one slot of a cluster, for a batch needs all of them at once. */
  readonly prefix: string
  /** Sends nothing while it is not connected, and nothing twice: what was sent without an answer may have been done. */
  readonly callers: Redis
  /** Waits for ever, and sends again after a break: for commands that may be repeated, as those of BullMQ may. */
  readonly workers: Redis
  /** As `callers`, for reads that block. */
  readonly feed: Redis
  readonly #log: RedisLog
  #closed = false

  constructor(address: RedisAddress, log: RedisLog) {
    this.#log = log
    this.prefix = `{${address.prefix}}`
    const impatient = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }
    this.callers = this.#connect(address, 'callers', { ...impatient, socketTimeout: silentMs })
    this.feed = this.#connect(address, 'feed', { ...impatient, socketTimeout: blockingSilentMs })
    this.workers = this.#connect(address, 'workers', { maxRetriesPerRequest: null, socketTimeout: blockingSilentMs })
  }

  /** Calls back whenever the callers' connection is there again after a break. Answers how to stop that. */
  onReturn(listener: () => void): () => void {
    let gone = this.callers.status !== 'ready'
    const onClose = (): void => {
      gone = true
    }
    const onReady = (): void => {
      if (gone) listener()
      gone = false
    }
    this.callers.on('close', onClose).on('ready', onReady)
    return () => void this.callers.off('close', onClose).off('ready', onReady)
  }

  /** Ends all connections at once. What waits for one of them fails. */
  close(): void {
    this.#closed = true
    for (const client of [this.callers, this.feed, this.workers]) client.disconnect()
  }

  #connect(address: RedisAddress, name: string, more: RedisOptions): Redis {
    const options = {
      ...optionsOf(address),
      ...more,
      connectionName: `trebuchet-${name}`,
      protocol: 2 as const,
      replyMapping: 'legacy' as const,
      connectTimeout: callMs,
      keepAlive: 5000,
      retryStrategy: (times: number) => Math.min(50 * times, 1000),
      // After a failover the old master is a replica: only a new connection finds the new one.
      reconnectOnError: (error: Error): 1 | false => (error.message.startsWith('READONLY') ? 1 : false),
    }
    const client = new Redis(options)
    // Each call that waits for the connection listens.
    client.setMaxListeners(0)
    this.#tell(client, name)
    return client
  }

  /** Once when it breaks, once when it is back. */
  #tell(client: Redis, connection: string): void {
    let broken = false
    client.on('error', (err: Error) => {
      if (!broken && !this.#closed) this.#log.warn({ err, connection }, 'redis is away')
      broken = true
    })
    client.on('ready', () => {
      if (broken) this.#log.info({ connection }, 'redis is back')
      broken = false
    })
  }
}

/** Throws `invalid` for what is no address. */
export function optionsOf(address: RedisAddress): RedisOptions {
  const { url, sentinels, sentinelMaster, sentinelPassword, tlsCaFile } = address
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  const secure = parsed?.protocol === 'rediss:'
  if (parsed === undefined || !['redis:', 'rediss:', 'unix:'].includes(parsed.protocol))
    throw new ReplicationError('invalid', 'REDIS_URL must begin with redis://, rediss:// or unix://')
  const db = parsed.protocol === 'unix:' ? (parsed.searchParams.get('db') ?? '') : parsed.pathname.slice(1)
  if (!/^\d*$/.test(db)) throw new ReplicationError('invalid', 'the database in REDIS_URL must be a number')
  const tls = { ...(tlsCaFile !== undefined && { ca: readFileSync(tlsCaFile) }) }
  return {
    username: address.username ?? decodeURIComponent(parsed.username),
    password: address.password ?? decodeURIComponent(parsed.password),
    ...(db !== '' && { db: Number(db) }),
    ...(secure && { tls }),
    ...(sentinels === undefined
      ? placeOf(parsed)
      : {
          sentinels: sentinels.map(sentinelAt),
          name: sentinelMaster ?? 'mymaster',
          ...(sentinelPassword !== undefined && { sentinelPassword }),
          ...(secure && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
          sentinelRetryStrategy: (times: number) => Math.min(50 * times, 1000),
        }),
  }
}

function placeOf({ protocol, hostname, port, pathname }: URL): RedisOptions {
  if (protocol === 'unix:') return { path: decodeURIComponent(pathname) }
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 6379) }
}

function sentinelAt(text: string): { host: string; port: number } {
  const { hostname, port } = new URL(`redis://${text}`)
  return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || 26_379) }
}
