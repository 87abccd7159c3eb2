import { setTimeout as delay } from 'node:timers/promises'
import { outsideCalls } from '../state/patience.ts'
import { backoffMs, type Backoff } from './backoff.ts'
import type { Again, Handler, Task, Work, WorkQueue } from './work.ts'

/** Where tasks that fail are told of: pino's `error`. */
export interface WorkLog {
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

interface Options {
  /** How long a task waits that threw. */
  readonly backoff: Backoff
  /** A timer knows nothing of a clock that is set or a machine that slept, and no more than 2^31 ms: so look at times. */
  readonly lookAgainMs: number
}

const defaults: Options = {
  backoff: { initialMs: 1000, maxMs: 60_000, factor: 2, jitter: 0.2 },
  lookAgainMs: 60_000,
}

/**
 * Work inside one process. A key costs memory only while it waits, runs, or is to be done at a time; nothing outlives the
 * process. Timers run from `start` to `close`, and keep the process alive meanwhile.
 */
export class InProcessWork implements Work {
  readonly #log: WorkLog
  readonly #options: Options
  readonly #lines = new Map<WorkQueue, Line>()
  readonly #early: { task: Task; at: number }[] = []
  readonly #recurring = new Map<string, NodeJS.Timeout>()
  #state: 'new' | 'started' | 'closed' = 'new'

  constructor(log: WorkLog, options: Partial<Options> = {}) {
    this.#log = log
    this.#options = { ...defaults, ...options }
  }

  handle(queue: WorkQueue, handler: Handler, { concurrency }: { readonly concurrency: number }): void {
    if (this.#state !== 'new' || this.#lines.has(queue)) throw new Error(`${queue} is handled already, or too late`)
    this.#lines.set(queue, new Line(handler, concurrency, this.#log, this.#options))
  }

  /** What nobody handles, and what comes after `close`, is forgotten: it is a hint. */
  async wake(task: Task, at = 0): Promise<void> {
    if (this.#state === 'new') this.#early.push({ task, at })
    else this.#lines.get(task.queue)?.wake(task, at)
  }

  async recur(task: Task, everyMs: number): Promise<void> {
    const name = `${task.queue}/${task.key}`
    clearTimeout(this.#recurring.get(name))
    const again = (): void => {
      if (this.#state === 'closed') return
      void this.wake(task)
      this.#recurring.set(name, setTimeout(again, everyMs))
    }
    again()
  }

  async start(): Promise<void> {
    if (this.#state !== 'new') throw new Error('it was started before')
    this.#state = 'started'
    for (const { task, at } of this.#early.splice(0)) this.#lines.get(task.queue)?.wake(task, at)
  }

  async close(graceMs: number): Promise<void> {
    this.#state = 'closed'
    for (const timer of this.#recurring.values()) clearTimeout(timer)
    await Promise.all([...this.#lines.values()].map((line) => line.close(graceMs)))
  }
}

/** One key that waits in the line, runs, or is to be done at a time. */
interface Place {
  task: Task
  state: 'waiting' | 'running' | 'later'
  /** When it is to be done: `later`, or once more after it has run. */
  at: number | undefined
  timer?: NodeJS.Timeout | undefined
  /** How often in a row it threw. */
  failures: number
}

/** One queue: its keys, those that wait in the order in which they came. */
class Line {
  readonly #handler: Handler
  readonly #concurrency: number
  readonly #log: WorkLog
  readonly #options: Options
  readonly #places = new Map<string, Place>()
  readonly #waiting = new Set<Place>()
  readonly #running = new Set<Promise<void>>()
  readonly #abort = new AbortController()
  #next: NodeJS.Immediate | undefined
  #closed = false

  constructor(handler: Handler, concurrency: number, log: WorkLog, options: Options) {
    this.#handler = handler
    this.#concurrency = concurrency
    this.#log = log
    this.#options = options
  }

  /** The task is not a part of the call that wakes it, which may be answered long before. */
  wake(task: Task, at: number): void {
    outsideCalls(() => this.#wake(task, at))
  }

  #wake(task: Task, at: number): void {
    if (this.#closed) return
    const place = this.#places.get(task.key) ?? { task, state: 'later', at: undefined, failures: 0 }
    this.#places.set(task.key, place)
    place.task = task
    if (place.state !== 'waiting') this.#plan(place, at)
  }

  async close(graceMs: number): Promise<void> {
    this.#closed = true
    clearImmediate(this.#next)
    for (const place of this.#places.values()) clearTimeout(place.timer)
    this.#waiting.clear()
    this.#places.clear()
    const ended = Promise.all(this.#running)
    const patience = new AbortController()
    const grace = delay(graceMs, undefined, { signal: patience.signal }).then(
      () => this.#abort.abort(),
      () => undefined,
    )
    await ended
    patience.abort()
    await grace
  }

  /** The earlier of what is asked for and what was planned before. */
  #plan(place: Place, at: number): void {
    place.at = Math.min(at, place.at ?? Infinity)
    if (place.state === 'running') return
    clearTimeout(place.timer)
    place.timer = undefined
    const waitMs = place.at - Date.now()
    if (waitMs > 0) {
      place.state = 'later'
      place.timer = setTimeout(() => this.#plan(place, Infinity), Math.min(waitMs, this.#options.lookAgainMs))
    } else {
      place.state = 'waiting'
      place.at = undefined
      this.#waiting.add(place)
      this.#advance()
    }
  }

  /** A turn of the event loop between a task and the next: tasks that are always due must not hold up all else. */
  #advance(): void {
    this.#next ??= setImmediate(() => {
      this.#next = undefined
      for (const place of this.#waiting) {
        if (this.#running.size >= this.#concurrency) return
        this.#waiting.delete(place)
        place.state = 'running'
        const run = this.#run(place).finally(() => this.#running.delete(run))
        this.#running.add(run)
      }
    })
  }

  async #run(place: Place): Promise<void> {
    const again = await this.#perform(place)
    if (this.#closed) return
    place.state = 'later'
    if (again?.label !== undefined) place.task = { ...place.task, label: again.label }
    if (again === undefined && place.at === undefined) this.#places.delete(place.task.key)
    else this.#plan(place, again?.at ?? Infinity)
    // The place of this run is free only when its promise has ended, which is before the next turn.
    this.#advance()
  }

  async #perform(place: Place): Promise<Again | undefined> {
    const { task } = place
    try {
      const again = await this.#handler(task, this.#abort.signal)
      place.failures = 0
      return again
    } catch (err) {
      // What a task says that was told to end is no news.
      if (this.#abort.signal.aborted) return undefined
      const waitMs = backoffMs(++place.failures, this.#options.backoff)
      this.#log.error({ queue: task.queue, key: task.key, err, failures: place.failures, waitMs }, 'task failed')
      return { at: Date.now() + waitMs }
    }
  }
}
