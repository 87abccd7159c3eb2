import { Redis, type RedisOptions } from 'ioredis'
import { callMs, countPatience } from '../patience.ts'
import { optionsOf, type RedisAddress } from './address.ts'
import { Tally } from './facts.ts'
import { blockMs } from './feed.ts'

/** Where connections tell what happens to them: pino's methods. */
export interface RedisLog {
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
}

/**
 * A connection that is silent for so long while it owes an answer is given up, so that what hangs with it is known to be
 * lost, and a failover is found. BullMQ's blocking reads may be silent for ten seconds.
 */
const silentMs = 4000
const workersSilentMs = 15_000

/** What is not done in half a second, such as ending a connection to a Redis that hangs, is not waited for. */
const politeMs = 500

/**
 * The connections of one server, all made here: one for callers, which answer or fail in time; one for workers, whose
 * commands wait until Redis is back; one that follows the feed. Whoever needs more of them duplicates that of the workers.
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
  /** What becomes of all of them. */
  readonly tally = new Tally()
  readonly #address: RedisAddress
  readonly #log: RedisLog
  readonly #all = new Set<Redis>()
  #commits: Redis | undefined
  #closed = false

  /** Throws `invalid` for an address that is none. */
  constructor(address: RedisAddress, log: RedisLog) {
    countPatience()
    this.#address = address
    this.#log = log
    this.prefix = `{${address.prefix}}`
    this.callers = this.#connect('callers', { ...impatient, socketTimeout: silentMs })
    this.feed = this.#connect('feed', { ...impatient, socketTimeout: blockMs + silentMs })
    this.workers = this.#connect('workers', { maxRetriesPerRequest: null, socketTimeout: workersSilentMs })
    const duplicate = this.workers.duplicate.bind(this.workers)
    this.workers.duplicate = (override) => this.#keep(duplicate(override))
  }

  /** As `callers`, for commits that wait for replicas; made when it is asked for. */
  get commits(): Redis {
    return (this.#commits ??= this.#connect('commits', { ...impatient, socketTimeout: silentMs }))
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

  /** Ends all connections at once, and what waits for one of them fails, whatever state they are in. */
  close(): void {
    this.#closed = true
    for (const client of this.#all) end(client)
  }

  #connect(name: string, more: RedisOptions): Redis {
    const renewMs = more.maxRetriesPerRequest === null ? 0 : 1000
    let renewed = -Infinity
    const client = new Redis({
      ...optionsOf(this.#address),
      ...more,
      connectionName: `trebuchet-${name}`,
      protocol: 2,
      replyMapping: 'legacy',
      connectTimeout: callMs,
      disconnectTimeout: politeMs,
      maxLoadingRetryTime: politeMs,
      keepAlive: 5000,
      retryStrategy: pauseMs,
      // After a failover the old master is a replica: only a new connection finds the new one. If it does not, a replica is
      // all that there is, and who only reads from it is not disturbed more often than this.
      reconnectOnError: ({ message }: Error): 1 | false => {
        if (!message.startsWith('READONLY') || performance.now() - renewed < renewMs) return false
        renewed = performance.now()
        return 1
      },
    })
    return this.#keep(client)
  }

  #keep(client: Redis): Redis {
    // Each call that waits for the connection listens.
    client.setMaxListeners(0)
    this.#all.add(client)
    client.once('end', () => this.#all.delete(client))
    this.#tell(client)
    return client
  }

  /**
   * The feed always owes an answer soon, so it is the first to know that its Redis hangs. Those who may wait longer for
   * theirs are told, so that they, too, find the one that has taken its place.
   */
  #giveUpWorkers(): void {
    for (const { options, stream } of this.#all as unknown as Set<Inside>)
      if (options.maxRetriesPerRequest === null) stream?.destroy()
  }

  /** Once when it breaks, once when it is back. */
  #tell(client: Redis): void {
    const connection = client.options.connectionName
    let broken = false
    client.on('error', (err: Error & { command?: { name: string } }) => {
      // ioredis would go on with the first database: the wrong one.
      if (err.command?.name === 'select') client.stream.destroy()
      if (client === this.feed && err.message.startsWith('Socket timeout')) this.#giveUpWorkers()
      if (!broken && !this.#closed) this.#log.warn({ err, connection }, 'redis is away')
      broken = true
    })
    let there = false
    client.on('close', () => {
      if (there && !this.#closed) this.tally.broke()
      there = false
    })
    client.on('ready', () => {
      there = true
      if (broken) this.#log.info({ connection }, 'redis is back')
      broken = false
    })
  }
}

const impatient = { enableOfflineQueue: false, maxRetriesPerRequest: 0, autoResendUnfulfilledCommands: false }

function pauseMs(times: number): number {
  return Math.min(50 * times, 1000)
}

/**
 * At once, and nothing that waits is left waiting. ioredis ends politely, which a Redis that hangs does not hear; it tells
 * nobody of an end without a connection; and it forgets what it has kept for the next connection.
 */
function end(client: Redis): void {
  client.disconnect()
  if (client.status === 'reconnecting') {
    client.connect().catch(() => undefined)
    client.disconnect()
  }
  const { stream, prevCommandQueue: kept } = client as unknown as Inside
  stream?.destroy()
  for (let item = kept?.shift(); item !== undefined; item = kept?.shift())
    item.command.reject(new Error('Connection is closed.'))
}

/** What ioredis does not say of itself: there is no stream before the first, and commands of the last may be kept. */
interface Inside {
  readonly options: RedisOptions
  readonly stream?: Redis['stream']
  readonly prevCommandQueue?: { shift(): { readonly command: { reject(error: Error): void } } | undefined } | null
}
