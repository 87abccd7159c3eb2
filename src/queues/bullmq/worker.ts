import { setTimeout as delay } from 'node:timers/promises'
import { Worker, type Job, type Telemetry, type WorkerOptions } from 'bullmq'
import type { Redis } from 'ioredis'
import type { WorkQueue } from '../work.ts'
import { Backend } from './backend.ts'
import type { Ticket } from './ticket.ts'

/** Once it is back, Redis is asked again within this; one that refuses is asked this often. */
const retryMs = 1000

export type TicketJob = Job<Ticket, void>

interface Options {
  readonly workers: Redis
  readonly prefix: string
  readonly concurrency: number
  readonly lockMs: number
  readonly stalledMs: number
  readonly telemetry?: Telemetry
}

/**
 * BullMQ's worker of one queue. It has one connection of its own, on which it waits for jobs; for all else it shares
 * `workers`. Different from BullMQ's own, it does not ask without a pause a Redis that refuses (because it is full, for
 * example), and it can be let go of whatever Redis does.
 */
export class QueueWorker extends Worker<Ticket, void, string, Backend> {
  readonly #blocking: Redis
  /** By job: its token. */
  readonly #underWay = new Map<string, string>()

  private constructor(
    blocking: Redis,
    queue: WorkQueue,
    process: (job: TicketJob, token: string) => Promise<void>,
    options: Options,
  ) {
    const { workers, prefix, concurrency, lockMs, stalledMs, telemetry } = options
    const settings: WorkerOptions = {
      connection: workers,
      prefix,
      concurrency,
      autorun: false,
      lockDuration: lockMs,
      stalledInterval: stalledMs,
      // A job that was under way in servers that died is no worse than others.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
      runRetryDelay: retryMs,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
      ...(telemetry && { telemetry }),
    }
    super(
      queue,
      (job, token) => process(job, token ?? ''),
      settings,
      (name, opts) => new Backend(name, opts, workers, blocking),
    )
    this.#blocking = blocking
    // By it others see that this worker lives.
    blocking.options.connectionName = this.connectionOf(this.id)
  }

  /** What the connection is called on which a worker of this queue waits for jobs. */
  readonly connectionOf = (worker: string): string => `trebuchet-${this.name}-${worker}`

  static open(
    queue: WorkQueue,
    process: (job: TicketJob, token: string) => Promise<void>,
    options: Options,
  ): QueueWorker {
    const blocking = options.workers.duplicate()
    // Whoever made `workers` tells of Redis being away, and BullMQ listens only until it is closed.
    blocking.on('error', () => undefined)
    return new QueueWorker(blocking, queue, process, options)
  }

  /** Whether the job that was given out with this token is under way here, or its end on the way to Redis. */
  isUnderWay(jobId: string, token: string): boolean {
    return this.#underWay.get(jobId) === token
  }

  /** Says what follows a job when it ends: see `planScript`. */
  plan(jobId: string, words: readonly string[]): void {
    this.backend.plan(jobId, words)
  }

  /** Ends what may still wait for Redis. */
  letGo(): void {
    void this.lockManager.close()
    this.#blocking.disconnect()
  }

  override async processJob(job: TicketJob, token: string, mayFetch?: () => boolean): Promise<void | TicketJob> {
    const id = job.id ?? ''
    this.#underWay.set(id, token)
    try {
      return await super.processJob(job, token, mayFetch)
    } finally {
      const newest = this.#underWay.get(id)
      if (newest === token) {
        this.#underWay.delete(id)
        this.backend.forget(id)
        // The same job has come again, for its lock had lapsed; now BullMQ has forgotten to renew its new one.
      } else if (newest !== undefined) this.lockManager.trackJob(id, newest, Date.now())
    }
  }

  protected override async moveToActive(token: string, name?: string): Promise<TicketJob> {
    try {
      return await super.moveToActive(token, name)
    } catch (error) {
      await delay(retryMs)
      throw error
    }
  }
}
