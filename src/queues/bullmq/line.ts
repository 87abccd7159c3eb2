import { setTimeout as delay } from 'node:timers/promises'
import { DelayedError, WaitingError, type Telemetry } from 'bullmq'
import type { Redis } from 'ioredis'
import { backoffMs, type Backoff } from '../backoff.ts'
import type { WorkLog } from '../in-process.ts'
import type { Again, Handler, Task, WorkQueue } from '../work.ts'
import { takeBack, takeFromDead } from './recovery.ts'
import { Run } from './run.ts'
import { idOf, nameOf, optsOf, taskOf, ticketOf, type Ticket } from './ticket.ts'
import { QueueWorker, type TicketJob } from './worker.ts'

/** How long BullMQ may take at the end to tell Redis how the last jobs ended. */
const farewellMs = 2000

interface Surroundings {
  readonly workers: Redis
  readonly prefix: string
  readonly log: WorkLog
  readonly backoff: Backoff
  readonly lockMs: number
  readonly stalledMs: number
  readonly telemetry?: Telemetry
  /** Never fails. */
  wake(task: Task, at: number): Promise<void>
}

/** One queue and its handler in this process. */
export class Line {
  readonly #queue: WorkQueue
  readonly #handler: Handler
  readonly #concurrency: number
  readonly #around: Surroundings
  /** By job. */
  readonly #runs = new Map<string, Run>()
  /** By key: until its handler has ended. */
  readonly #busy = new Map<string, Promise<void>>()
  /** By key: how often in a row it threw here. */
  readonly #failures = new Map<string, number>()
  #worker: QueueWorker | undefined
  readonly #closing = new AbortController()
  #troubled = false

  constructor(queue: WorkQueue, handler: Handler, concurrency: number, around: Surroundings) {
    this.#queue = queue
    this.#handler = handler
    this.#concurrency = concurrency
    this.#around = around
  }

  /** Begins as soon as Redis is there, and does not wait for that. */
  start(): void {
    const { workers, prefix, lockMs, stalledMs, log, telemetry } = this.#around
    const worker = QueueWorker.open(this.#queue, (job, token) => this.#process(job, token), {
      ...{ workers, prefix, lockMs, stalledMs, ...(telemetry && { telemetry }) },
      concurrency: this.#concurrency,
    })
    worker.on('locksRenewed', ({ jobIds }) => {
      for (const id of jobIds) this.#runs.get(id)?.renewed()
    })
    worker.on('lockRenewalFailed', (jobIds) => {
      for (const id of jobIds) this.#runs.get(id)?.lose()
    })
    worker.on('active', () => (this.#troubled = false))
    worker.on('error', (err) => this.#tell(err))
    this.#worker = worker
    worker.run().catch((err: unknown) => log.error({ queue: this.#queue, err }, 'the queue has stopped'))
    takeFromDead(workers, worker, this.#closing.signal).catch((err: unknown) => this.#tell(err))
  }

  /** Begins to look for what a break of the connection has left undone. */
  takeBack(): void {
    if (this.#worker === undefined || this.#closing.signal.aborted) return
    takeBack(this.#around.workers, this.#worker, this.#closing.signal).catch((err: unknown) => this.#tell(err))
  }

  async close(graceMs: number): Promise<void> {
    this.#closing.abort()
    if (this.#worker === undefined) return
    const closed = this.#worker.close().catch((err: unknown) => this.#tell(err))
    const patience = new AbortController()
    const grace = delay(graceMs, undefined, { signal: patience.signal }).then(
      () => {
        for (const run of this.#runs.values()) run.abort()
      },
      () => undefined,
    )
    await Promise.all(this.#busy.values())
    patience.abort()
    await grace
    const farewell = new AbortController()
    await Promise.race([closed, delay(farewellMs, undefined, { signal: farewell.signal }).catch(() => undefined)])
    farewell.abort()
    this.#worker.letGo()
  }

  async #process(job: TicketJob, token: string): Promise<void> {
    const task = taskOf(this.#queue, job.data)
    // A scheduler's job only wakes the task, so that the two never run at the same time.
    if (job.repeatJobKey !== undefined) return this.#around.wake(task, 0)
    const { key } = task
    // When Redis was away for longer than a lock holds, the job comes again while its first handler is still ending.
    for (let before = this.#busy.get(key); before !== undefined; before = this.#busy.get(key)) await before
    if (this.#closing.signal.aborted) return giveBack(job, token)

    const run = new Run(this.#around.lockMs)
    this.#runs.set(job.id ?? '', run)
    const outcome = this.#perform(task, run)
    this.#busy.set(
      key,
      outcome.then(() => void this.#busy.delete(key)),
    )
    try {
      const { again, error } = await outcome
      if (run.lost) throw new DelayedError('the lock was lost')
      if (error !== undefined && run.signal.aborted) return await giveBack(job, token)
      this.#plan(job, token, task, again)
      // BullMQ writes down what it is told, and an error may quote what somebody was sent; the log has it without secrets.
      if (error !== undefined) throw new Error('the task failed')
    } finally {
      run.end()
      this.#runs.delete(job.id ?? '')
    }
  }

  async #perform(task: Task, run: Run): Promise<{ again?: Again | undefined; error?: Error }> {
    try {
      const again = await this.#handler(task, run.signal)
      this.#failures.delete(task.key)
      return { again }
    } catch (err) {
      const error = err instanceof Error ? err : new Error(String(err))
      // What a task says that was told to end is no news.
      if (run.signal.aborted) return { error }
      const failures = (this.#failures.get(task.key) ?? 0) + 1
      this.#failures.set(task.key, failures)
      const waitMs = backoffMs(failures, this.#around.backoff)
      this.#around.log.error({ queue: task.queue, key: task.key, err, failures, waitMs }, 'task failed')
      return { error, again: { at: Date.now() + waitMs } }
    }
  }

  #plan(job: TicketJob, token: string, task: Task, again: Again | undefined): void {
    const base = `${this.#around.prefix}:${this.#queue}:`
    const id = job.id ?? ''
    const next: Ticket = ticketOf(again?.label === undefined ? task : { ...task, label: again.label })
    this.#worker?.plan(id, [
      ...[`${base}${id}:lock`, `${base}dn:${idOf(task.key)}`],
      ...[token, String(Date.now()), again === undefined ? '' : String(again.at)],
      ...[nameOf(next), JSON.stringify(next), optsOf(task.key), again?.label ?? ''],
    ])
  }

  /** Tells once what Redis refuses, until something works again. That it is away is told where the connections are made. */
  #tell(err: unknown): void {
    const { code, message } = err as NodeJS.ErrnoException
    if (this.#closing.signal.aborted) return
    // BullMQ's own codes tell of jobs that have ended or are another's meanwhile; the system's, of connections.
    if (code !== undefined || /^(Connection is closed|Socket timeout|could not renew lock)/.test(message)) return
    if (!this.#troubled) this.#around.log.error({ queue: this.#queue, err }, 'redis refuses the queue')
    this.#troubled = true
  }
}

/** So that another server takes it at once, without waiting for the lock to lapse. */
async function giveBack(job: TicketJob, token: string): Promise<never> {
  await job.moveToWait(token)
  throw new WaitingError('the server closes')
}
