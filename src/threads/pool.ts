import { availableParallelism } from 'node:os'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'
import type { AskAssistant } from './assistant.ts'
import { hasIdle, takeIdle, Thread, type Order } from './worker.ts'

/**
 * A job: the module's `run`, called in a thread. It may work synchronously for as long as it likes; what it returns must be
 * cloneable. `port` is for streams of batches (stream.ts), `askAssistant` for tasks that another thread can do (assistant.ts).
 */
export type Run<Data, Result> = (
  data: Data,
  port: MessagePort,
  signal: AbortSignal,
  askAssistant: AskAssistant,
) => Promise<Result>

export interface Job<Result> {
  readonly port: MessagePort
  readonly result: Promise<Result>
}

/** Whoever has not worked for that long waits for what may never come. */
const standstillMs = 10_000
/** How often it is looked for those, while others wait. */
const lookMs = 1000

/** How many threads of all pools do a job. */
let atWork = 0

/** To do a job now. */
interface Turn {
  thread?: Thread
}

/**
 * Starts a thread that loads the module, for whichever pool first starts a job of it: who knows that there will be one has
 * something else to do meanwhile.
 */
export function startAhead(module: URL): void {
  if (hasIdle(module.href)) return
  const thread = new Thread()
  thread.load(module)
  thread.rest()
}

/**
 * Worker threads for work over many files, which is several times faster with synchronous calls and must never be done
 * on the event loop. A thread does one job at a time, is made when there is none that does nothing, and ended when it has been idle for a while.
 *
 * A pool says how many of them work for it at a time. A job that stands still, as on a disk that does not answer, gives its turn to the next,
 * until there are `most` jobs. Whoever needs two threads at once takes them from two pools, always in
 * the same order, or two jobs that wait for each other's thread would wait for ever.
 */
export class ThreadPool {
  readonly #size: number
  readonly #most: number
  readonly #working = new Set<Thread>()
  readonly #turns = new Set<Turn>()
  /** In the order of asking. */
  readonly #waiting = new Set<(turn: Turn) => void>()
  /** Jobs under way that have given their turn to others. */
  #still = 0
  #looking: NodeJS.Timeout | undefined
  #closed = false

  constructor(size: number, most = size) {
    this.#size = size
    this.#most = most
  }

  /**
   * Starts a job as soon as a thread is free. When `signal` aborts, the job's own signal does, and it must end itself;
   * the result then rejects with what it threw. A ReplicationError arrives as one.
   */
  start<Data, Result>(module: URL, data: Data, signal: AbortSignal): Job<Result> {
    const { port1, port2 } = new MessageChannel()
    // A port keeps the process alive while somebody listens to it, and the result is what is waited for.
    port1.unref()
    return { port: port1, result: this.#run<Result>(module, data, port2, signal) }
  }

  run<Data, Result>(module: URL, data: Data, signal: AbortSignal): Promise<Result> {
    return this.start<Data, Result>(module, data, signal).result
  }

  /** Ends what works for it at once, and takes no more jobs. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#working].map((thread) => thread.end()))
  }

  async #run<Result>(module: URL, data: unknown, port: MessagePort, signal: AbortSignal): Promise<Result> {
    try {
      signal.throwIfAborted()
      const turn = await this.#turn(signal)
      try {
        signal.throwIfAborted()
        if (this.#closed) throw new ReplicationError('unavailable', 'the server is closing')
        return await this.#perform<Result>({ module: module.href, data, port }, turn, signal)
      } finally {
        this.#end(turn)
      }
    } finally {
      // A port that went to the thread is closed there, behind all that was sent: from here, what is still on its way
      // would be lost. This is for one that stayed.
      port.close()
    }
  }

  async #turn(signal: AbortSignal): Promise<Turn> {
    if (this.#turns.size < this.#size) return this.#begin()
    let leave = (): void => undefined
    try {
      return await new Promise<Turn>((resolve, reject) => {
        leave = () => {
          this.#waiting.delete(resolve)
          reject(signal.reason as Error)
        }
        signal.addEventListener('abort', leave)
        this.#waiting.add(resolve)
        this.#looking ??= setInterval(() => this.#look(), lookMs).unref()
      })
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #begin(): Turn {
    const turn: Turn = {}
    this.#turns.add(turn)
    return turn
  }

  #end(turn: Turn): void {
    if (this.#turns.has(turn)) this.#pass(turn)
    else this.#still--
  }

  #pass(turn: Turn): void {
    this.#turns.delete(turn)
    const [next] = this.#waiting
    if (next === undefined) return
    this.#waiting.delete(next)
    next(this.#begin())
  }

  #look(): void {
    const before = performance.now() - standstillMs
    for (const turn of this.#turns) {
      if (this.#waiting.size === 0 || this.#turns.size + this.#still >= this.#most) break
      if ((turn.thread?.workedAt ?? Infinity) >= before) continue
      this.#still++
      this.#pass(turn)
    }
    if (this.#waiting.size > 0) return
    clearInterval(this.#looking)
    this.#looking = undefined
  }

  async #perform<Result>(order: Order, turn: Turn, signal: AbortSignal): Promise<Result> {
    const over = new AbortController()
    const stop = (): void => over.abort()
    signal.addEventListener('abort', stop)
    atWork++
    try {
      return (await this.#inThread(order, signal, (asked) => this.#assist(asked, over.signal), turn)) as Result
    } finally {
      atWork--
      signal.removeEventListener('abort', stop)
      stop()
    }
  }

  /** With no more threads at work than there are processors: what helps one job would hold up another. */
  #assist(order: Order, signal: AbortSignal): void {
    if (this.#closed || signal.aborted || this.#waiting.size > 0 || atWork >= availableParallelism()) {
      order.port.close()
      return
    }
    atWork++
    // It has nothing to do from then on, though it may take a moment to hear that.
    signal.addEventListener('abort', () => atWork--)
    // Whoever asked hears what becomes of his tasks through the port.
    this.#inThread(order, signal).catch(() => undefined)
  }

  async #inThread(
    order: Order,
    signal: AbortSignal,
    asked?: (assistant: Order) => void,
    turn?: Turn,
  ): Promise<unknown> {
    const thread = takeIdle(order.module) ?? new Thread()
    this.#working.add(thread)
    if (turn !== undefined) turn.thread = thread
    try {
      return await thread.perform(order, signal, asked)
    } finally {
      this.#working.delete(thread)
      thread.rest()
    }
  }
}
