/**
 * Work: what must be done now or at a time, by exactly one server. A task is known by its queue and key; there is never
 * more than one of a key, and its handler never runs twice at the same time, over all servers.
 *
 * Tasks are hints, the Store has the facts: a wake-up may come twice or too early, so a handler first looks whether
 * there is anything to do; and one may be lost with the process, so a sweep at the start and at intervals wakes again.
 */
export interface Work {
  /** Says who does the tasks of a queue, how many at the same time at most. Once for each queue, before `start`. */
  handle(queue: WorkQueue, handler: Handler, options: { readonly concurrency: number }): void
  /**
   * Asks that the task be done, at once or from `at` (ms since the epoch). An earlier time replaces a later one, a later
   * one never an earlier. A wake-up while the handler runs makes it run once more afterwards.
   */
  wake(task: Task, at?: number): Promise<void>
  /**
   * Wakes the task now, and again each `everyMs`, once over all servers, from now on and also after a restart. Said
   * again with another interval, the new one counts.
   */
  recur(task: Task, everyMs: number): Promise<void>
  /** From now on handlers are called; what was woken before is done now. */
  start(): Promise<void>
  /**
   * Takes no new task, waits for the handlers that run; after `graceMs` their signals abort, and it waits for them to
   * end. What was not done is done by another server, or after the next start's sweep.
   */
  close(graceMs: number): Promise<void>
}

/**
 * `deliveries`: one key a lane. `exports`: one a command and agent. `schedules`: what fires by the clock or after another agent, and
 * what is pulled. `watches`: sources that are watched, each for as long as its handler runs. `hooks`: one key a receiver of what is
 * told to others. `chores`: what recurs.
 */
export type WorkQueue = 'deliveries' | 'exports' | 'schedules' | 'watches' | 'hooks' | 'chores'

export interface Task {
  readonly queue: WorkQueue
  readonly key: string
  /** What the handler needs; plain data, small. */
  readonly data: Readonly<Record<string, string>>
  /** What a board shows: the delivery's id, for example. */
  readonly label?: string
}

/** When to go on with the same key: ms since the epoch, 0 for at once. */
export interface Again {
  readonly at: number
  /** The task's label from then on; without one it keeps the one that it has. */
  readonly label?: string
}

/**
 * Answers when to go on, or undefined when there is nothing more to do. One that throws is logged, and called again
 * after a back-off.
 */
export type Handler = (task: Task, signal: AbortSignal) => Promise<Again | undefined>
