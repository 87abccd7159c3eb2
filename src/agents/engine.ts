import type { Again, Task } from '../queues/work.ts'
import { below, scan, type Store } from '../state/store.ts'
import { deliverHead } from './work/deliveries.ts'
import { exportEntry } from './work/exports.ts'
import type { Parts } from './parts.ts'
import { preparingPrefix, type Command, type Preparing } from './commands/records.ts'
import type { ReplicationEvent } from './events/events.ts'
import type { Agent } from './roster.ts'
import { agentsOf } from './commands/command.ts'
import { pullNext } from './work/pulling.ts'
import { sweepRows } from './retention/comparisons.ts'
import { sweepOrphans } from './retention/packages.ts'
import { tidy } from './retention/tidy.ts'
import { exportTask } from './work/wake.ts'
import { followUp } from './triggers/after.ts'
import { fireSchedules } from './triggers/schedule.ts'
import { afterTask, leftChained, scheduleTask, triggerTasks } from './triggers/tasks.ts'
import { Watches } from './triggers/watches.ts'
import { leftToSend } from './webhooks/outbox.ts'
import { hasNotices } from './webhooks/notices.ts'
import { sendDue } from './webhooks/send.ts'

/** How many at the same time, on one server: exports share the disk, deliveries mostly wait for their targets. */
const concurrentExports = 2
const concurrentDeliveries = 16
const concurrentSchedules = 16
/** A watch costs nothing while nothing changes, and its handler runs as long as it does. */
const concurrentWatches = 1000
const concurrentHooks = 16

/** How long one lane goes on before others have their turn. */
const turnMs = 200

/** Wake-ups may be lost; what should be awake is looked for again at the start and this often, by one server for all. */
export const sweepEveryMs = 60_000
const sweptKey = 'swept'
const tidyEveryMs = 600_000
const orphansEveryMs = 24 * 3_600_000
const sweep: Task = { queue: 'chores', key: 'sweep', data: {} }
const tidying: Task = { queue: 'chores', key: 'tidy', data: {} }
const orphans: Task = { queue: 'chores', key: 'orphans', data: {} }

/** When one last ended, on any server: ms since the epoch, 0 for never. */
export async function lastSweep(store: Pick<Store, 'get'>): Promise<number> {
  return (await store.get<number>(sweptKey))?.value ?? 0
}

/** Drives what was accepted to its end: exports, then the lanes. Knows nothing of HTTP. */
export class Engine {
  readonly #parts: Parts
  /** Exports under way in this process, by task, so that cancelling a command stops them. */
  readonly #exporting = new Map<string, AbortController>()
  readonly #watches: Watches
  #unlisten: (() => void) | undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#watches = new Watches(parts, (command) => this.begin(command))
  }

  async start(): Promise<void> {
    const { work, events } = this.#parts
    work.handle('exports', (task, signal) => this.#export(task, signal), { concurrency: concurrentExports })
    work.handle('deliveries', (task, signal) => this.#deliver(task, signal), { concurrency: concurrentDeliveries })
    work.handle('schedules', (task, signal) => this.#fire(task, signal), { concurrency: concurrentSchedules })
    work.handle('watches', ({ data }, signal) => this.#watches.watch(data['agent'] ?? '', signal), {
      concurrency: concurrentWatches,
    })
    work.handle('hooks', ({ data }, signal) => sendDue(this.#parts, data['agent'] ?? '', data['hook'] ?? '', signal), {
      concurrency: concurrentHooks,
    })
    work.handle('chores', (task, signal) => this.#chore(task, signal), { concurrency: 2 })
    this.#unlisten = events.listen((event) => this.#hear(event))
    await work.start()
    await work.recur(sweep, sweepEveryMs)
    await work.recur(tidying, tidyEveryMs)
    await work.recur(orphans, orphansEveryMs)
  }

  /** Looks for what should be awake, for wake-ups may have got lost. */
  async sweepNow(): Promise<void> {
    await this.#parts.work.wake(sweep)
  }

  /** Takes note of nothing more; what was seen in watched sources is accepted yet. */
  async stop(): Promise<void> {
    this.#unlisten?.()
    await this.#watches.stop()
  }

  /** What was just accepted begins: its exports, or for an import its deliveries. */
  async begin(command: Command): Promise<void> {
    await Promise.all(
      agentsOf(command).map(async (name) => {
        if (command.kind !== 'import') return this.#parts.work.wake(exportTask(command.id, name))
        const agent = await this.#parts.roster.find(name)
        return agent && this.#parts.wakeLanes(agent, command.id)
      }),
    )
  }

  #hear(event: ReplicationEvent): void {
    const { type, agent, command } = event
    const meanwhile = (wakeUp: Promise<void>): void => {
      wakeUp.catch((err: unknown) => this.#parts.log.error({ err }, 'wake-up failed'))
    }
    if (type === 'command.cancelled') this.#exporting.get(`${command}/${agent}`)?.abort()
    if (type === 'command.finished') meanwhile(this.#wakeFollowers(event))
    if (hasNotices(event)) meanwhile(this.#wakeHooks(agent))
    if (this.#watches.isFor(agent)) meanwhile(this.#watches.hear(event))
    // An agent that was enabled, or got its target mended, goes on at once.
    if (type === 'config.changed' || type === 'agent.resumed') meanwhile(this.#wakeAgent(agent))
    if (type === 'config.changed' && (event.data as { action?: string }).action === 'deleted')
      this.#parts.metrics.forget(agent)
    if (type === 'config.changed') meanwhile(this.#watches.configChanged(agent))
  }

  async #wakeFollowers({ followers = [] }: ReplicationEvent): Promise<void> {
    for (const follower of followers) await this.#parts.work.wake(afterTask(follower))
  }

  /** What the batch of a fact has left to be told. */
  async #wakeHooks(agent?: string): Promise<void> {
    for await (const { task, at } of leftToSend(this.#parts.store, agent)) await this.#parts.work.wake(task, at)
  }

  async #export({ key, data }: Task, signal: AbortSignal): Promise<Again | undefined> {
    const abort = new AbortController()
    this.#exporting.set(key, abort)
    try {
      return await exportEntry(
        this.#parts,
        data['command'] ?? '',
        data['agent'] ?? '',
        AbortSignal.any([signal, abort.signal]),
      )
    } catch (error) {
      if (abort.signal.aborted) return undefined
      throw error
    } finally {
      this.#exporting.delete(key)
    }
  }

  /** Goes on with the lane's next heads for a while, so that many small ones cost no wake-up each. */
  async #deliver({ data }: Task, signal: AbortSignal): Promise<Again | undefined> {
    const lane = { agent: data['agent'] ?? '', queue: data['queue'] ?? '' }
    const end = performance.now() + turnMs
    const more = (): boolean => !signal.aborted && performance.now() < end
    for (;;) {
      const again = await deliverHead(this.#parts, lane, signal, more)
      if (again?.at !== 0 || !more()) return again
    }
  }

  #fire({ key, data }: Task, signal: AbortSignal): Promise<Again | undefined> {
    const agent = data['agent'] ?? ''
    const begin = (command: Command): Promise<void> => this.begin(command)
    if (key === scheduleTask(agent).key) return fireSchedules(this.#parts, agent, begin, Date.now(), signal)
    if (key === afterTask(agent).key) return followUp(this.#parts, agent, begin, signal)
    return pullNext(this.#parts, agent, begin, signal)
  }

  async #wakeAgent(name: string): Promise<void> {
    const agent = await this.#parts.roster.find(name)
    // What a task of a trigger has left is cleared away by the task itself.
    for (const task of triggerTasks(name)) await this.#parts.work.wake(task)
    if (agent === undefined) return
    await this.#parts.wakeLanes(agent)
    await this.#wakePull(agent)
    await this.#wakeExports((preparing) => preparing.agent === name)
  }

  async #wakeExports(which: (preparing: Preparing) => boolean): Promise<void> {
    const { store, work } = this.#parts
    for await (const { value } of scan<Preparing>(store, below(preparingPrefix)))
      if (which(value)) await work.wake(exportTask(value.command, value.agent))
  }

  async #chore({ key }: Task, signal: AbortSignal): Promise<Again | undefined> {
    if (key === sweep.key) return this.#sweep()
    if (key === orphans.key) {
      await sweepOrphans(this.#parts, Date.now(), signal)
      await sweepRows(this.#parts, Date.now(), signal)
    }
    // Other chores have their turn before it goes on.
    else if (await tidy(this.#parts, Date.now(), signal)) return { at: 0 }
    return undefined
  }

  async #sweep(): Promise<undefined> {
    await this.#parts.packages.unfinished.sweep()
    await this.#wakeExports(() => true)
    for await (const agent of this.#parts.roster.all()) {
      await this.#parts.wakeLanes(agent)
      await this.#wakePull(agent)
      for (const task of triggerTasks(agent.name, agent.config)) await this.#parts.work.wake(task)
    }
    for await (const name of leftChained(this.#parts.store)) await this.#parts.work.wake(afterTask(name))
    await this.#wakeHooks()
    await this.#parts.store.commit({ writes: [{ put: sweptKey, value: Date.now() }] })
  }

  async #wakePull({ name, puller }: Agent): Promise<void> {
    if (puller !== undefined)
      await this.#parts.work.wake({ queue: 'schedules', key: `pull/${name}`, data: { agent: name }, label: name })
  }
}
