import { randomUUID } from 'node:crypto'
import { Queue, type Telemetry } from 'bullmq'
import type { Redis } from 'ioredis'
import { callMs, patienceMs, waitingFor } from '../state/patience.ts'
import type { RedisClients } from '../state/redis/clients.ts'
import type { Backoff } from './backoff.ts'
import { Line } from './bullmq/line.ts'
import { withScripts, type Scripts } from './bullmq/scripts.ts'
import { idOf, nameOf, optsOf, ticketOf, type Ticket } from './bullmq/ticket.ts'
import type { WorkLog } from './in-process.ts'
import type { Handler, Task, Work, WorkQueue } from './work.ts'

interface Options {
  /** How long a task waits that threw. */
  readonly backoff: Backoff
  /**
   * A job whose server is gone is another's once its lock has lapsed and two looks for such jobs have seen it, so after
   * at most `lockMs` and twice `stalledMs`. Locks are renewed in half that time: a server whose event loop stands still
   * for longer loses its jobs.
   */
  readonly lockMs: number
  readonly stalledMs: number
  /** What makes spans of jobs. */
  readonly telemetry?: Telemetry
}

const defaults: Options = {
  backoff: { initialMs: 1000, maxMs: 60_000, factor: 2, jitter: 0.2 },
  lockMs: 12_000,
  stalledMs: 3000,
}

/** What BullMQ keeps of the events of a queue, for whoever watches it. */
const keptEvents = 100

/**
 * Work that any number of servers share, by BullMQ on their Redis. A key has at most one job; one that runs is followed,
 * when it ends, by the next of its key.
 *
 * All commands go through the connection that waits for Redis and sends again after a break: so a wake-up is late at
 * worst, for nobody waits for it longer than a moment, and a repeated one does no harm.
 */
export class BullMqWork implements Work {
  readonly #redis: Redis & Scripts
  readonly #prefix: string
  readonly #log: WorkLog
  readonly #options: Options
  readonly #queues = new Map<WorkQueue, Queue<Ticket, void>>()
  readonly #lines = new Map<WorkQueue, Line>()
  #state: 'new' | 'started' | 'closed' = 'new'
  #unheard = false
  #broken = false

  constructor(clients: Pick<RedisClients, 'workers' | 'prefix'>, log: WorkLog, options: Partial<Options> = {}) {
    this.#redis = withScripts(clients.workers)
    this.#prefix = clients.prefix
    this.#log = log
    this.#options = { ...defaults, ...options }
  }

  handle(queue: WorkQueue, handler: Handler, { concurrency }: { readonly concurrency: number }): void {
    if (this.#state !== 'new' || this.#lines.has(queue)) throw new Error(`${queue} is handled already, or too late`)
    const around = {
      ...this.#options,
      ...{ workers: this.#redis, prefix: this.#prefix, log: this.#log },
      wake: (task: Task, at: number) => this.wake(task, at),
    }
    this.#lines.set(queue, new Line(queue, handler, concurrency, around))
  }

  /** Never fails. What nobody handles here, and what comes after `close`, may be done by other servers. */
  async wake(task: Task, at = 0): Promise<void> {
    await this.#inTime(task, this.#wake(task, at))
  }

  async recur(task: Task, everyMs: number): Promise<void> {
    await Promise.all([this.#inTime(task, this.#schedule(task, everyMs)), this.wake(task)])
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error('it was started before')
    this.#state = 'started'
    for (const line of this.#lines.values()) line.start()
    this.#redis.on('close', this.#onBreak).on('ready', this.#onReady)
  }

  async close(graceMs: number): Promise<void> {
    this.#state = 'closed'
    this.#redis.off('close', this.#onBreak).off('ready', this.#onReady)
    await Promise.all([...this.#lines.values()].map((line) => line.close(graceMs)))
  }

  readonly #onBreak = (): void => {
    this.#broken = true
  }

  readonly #onReady = (): void => {
    if (this.#broken) for (const line of this.#lines.values()) line.takeBack()
    this.#broken = false
  }

  async #wake(task: Task, at: number): Promise<void> {
    const { queue, key } = task
    const ticket = ticketOf(task)
    const name = nameOf(task)
    const base = `${this.#prefix}:${queue}:`
    for (;;) {
      const known = await this.#redis.wakeTask(
        ...[`${base}de:${idOf(key)}`, `${base}dn:${idOf(key)}`, `${base}active`, `${base}delayed`, `${base}marker`],
        ...[base, String(at), name, JSON.stringify(ticket), optsOf(key)],
      )
      if (known === 1) return
      const jobId = randomUUID()
      const timestamp = Date.now()
      const delay = Math.max(0, at - timestamp)
      const job = await this.#queue(queue).add(name, ticket, {
        ...{ jobId, timestamp, delay },
        deduplication: { id: idOf(key) },
      })
      // Otherwise another was faster, whose job may be due later.
      if (job.id === jobId) return
    }
  }

  async #schedule(task: Task, everyMs: number): Promise<void> {
    const id = idOf(task.key)
    const queue = this.#queue(task.queue)
    // BullMQ would go on to count the new interval from where the old one began, which may be as far away as that was long.
    const known = await queue.getJobScheduler(id)
    if (known !== undefined && known.every !== everyMs) await queue.removeJobScheduler(id)
    // The first time is now, which is no matter of the scheduler's; when it is known already, its next time stays.
    const times = { every: everyMs, startDate: Date.now() + everyMs }
    await queue.upsertJobScheduler(id, times, { name: nameOf(task), data: ticketOf(task) })
  }

  #queue(name: WorkQueue): Queue<Ticket, void> {
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = new Queue<Ticket, void>(name, {
      connection: this.#redis,
      prefix: this.#prefix,
      skipVersionCheck: true,
      streams: { events: { maxLen: keptEvents } },
      ...(this.#options.telemetry && { telemetry: this.#options.telemetry }),
    })
    queue.on('error', () => undefined)
    this.#queues.set(name, queue)
    return queue
  }

  /** Waits no longer than its caller may be kept waiting. Tells once of what Redis does not answer, until it does. */
  async #inTime(task: Task, asked: Promise<unknown>): Promise<void> {
    const ms = patienceMs(callMs)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`redis has not answered for ${Math.round(ms)} ms`)), ms)
    })
    try {
      await waitingFor(Promise.race([asked, late]))
      this.#unheard = false
    } catch (err) {
      if (!this.#unheard && this.#state !== 'closed')
        this.#log.error({ queue: task.queue, key: task.key, err }, 'wake-up is late or lost')
      this.#unheard = true
    } finally {
      clearTimeout(timer)
    }
  }
}
