import { MessageChannel, Worker, type MessagePort, type Transferable } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'
import { thaw, type Frozen } from './frozen.ts'

/**
 * A job: the module's `run(data, port, signal)`, called in a thread. It may work synchronously for as long as it likes;
 * what it returns must be cloneable. `port` is for streams of batches (stream.ts).
 */
export type Run<Data, Result> = (data: Data, port: MessagePort, signal: AbortSignal) => Promise<Result>

export interface Job<Result> {
  readonly port: MessagePort
  readonly result: Promise<Result>
}

export interface Order {
  readonly job: number
  readonly module: string
  readonly data: unknown
  readonly port: MessagePort
}
export type Notice = { readonly abort: number } | { readonly load: string }
export type Answer =
  | { readonly job: number; readonly result: unknown }
  | { readonly job: number; readonly error: Frozen }
  | { readonly job: number; readonly works: true }

/** Threads that do nothing, the one that was used last at the end: those of all pools, for each takes some ten megabytes. */
const idle = new Set<Thread>()

/** Ends those that have been idle for that long. */
const idleMs = 60_000

/** Whoever has not worked for that long waits for what may never come. */
const standstillMs = 10_000
/** How often it is looked for those, while others wait. */
const lookMs = 1000

/** To do a job now. */
interface Turn {
  thread?: Thread
}

/**
 * Starts a thread that loads the module, for whichever pool first starts a job of it: who knows that there will be one has
 * something else to do meanwhile.
 */
export function startAhead(module: URL): void {
  for (const thread of idle) if (thread.knows(module.href)) return
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

  async #perform<Result>(order: Omit<Order, 'job'>, turn: Turn, signal: AbortSignal): Promise<Result> {
    const thread = takeIdle(order.module) ?? new Thread()
    this.#working.add(thread)
    turn.thread = thread
    try {
      return (await thread.perform(order, signal)) as Result
    } finally {
      this.#working.delete(thread)
      thread.rest()
    }
  }
}

/** One that has done such a job before, if there is one: it need not load and compile it. What was started ahead is for its own module. */
function takeIdle(module: string): Thread | undefined {
  let best: Thread | undefined
  for (const thread of idle)
    if (thread.knows(module) || (thread.hasWorked && best?.knows(module) !== true)) best = thread
  best?.wake()
  return best
}

class Thread {
  readonly #worker: Worker
  /** That it has loaded. */
  readonly #modules = new Set<string>()
  /** When it was last heard that it works, or has got its job. */
  workedAt = 0
  #alive = true
  #jobs = 0
  #timer: NodeJS.Timeout | undefined
  #settle: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined

  constructor() {
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      // Batches are short-lived: a small young generation keeps a thread small, and costs little.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    this.#worker.on('message', (answer: Answer) => {
      if (answer.job !== this.#jobs) return
      if ('works' in answer) this.workedAt = performance.now()
      else if ('error' in answer) this.#settle?.reject(thaw(answer.error))
      else this.#settle?.resolve(answer.result)
    })
    this.#worker.on('error', (error) => this.#gone(error))
    this.#worker.on('exit', () => this.#gone(undefined))
    this.#worker.unref()
  }

  get hasWorked(): boolean {
    return this.#jobs > 0
  }

  knows(module: string): boolean {
    return this.#modules.has(module)
  }

  load(module: URL): void {
    this.#modules.add(module.href)
    this.#worker.postMessage({ load: module.href } satisfies Notice)
  }

  rest(): void {
    if (!this.#alive) return
    idle.add(this)
    this.#timer = setTimeout(() => void this.end(), idleMs)
    this.#timer.unref()
  }

  wake(): void {
    idle.delete(this)
    clearTimeout(this.#timer)
  }

  async perform(order: Omit<Order, 'job'>, signal: AbortSignal): Promise<unknown> {
    const job = ++this.#jobs
    this.workedAt = performance.now()
    this.#modules.add(order.module)
    const notice: Notice = { abort: job }
    const abort = (): void => this.#worker.postMessage(notice)
    this.#worker.ref()
    try {
      return await new Promise((resolve, reject) => {
        this.#settle = { resolve, reject }
        signal.addEventListener('abort', abort)
        this.#worker.postMessage({ ...order, job } satisfies Order, [order.port as Transferable])
      })
    } finally {
      signal.removeEventListener('abort', abort)
      this.#settle = undefined
      this.#worker.unref()
    }
  }

  async end(): Promise<void> {
    this.#leave()
    await this.#worker.terminate()
  }

  #gone(cause: unknown): void {
    this.#leave()
    this.#settle?.reject(new ReplicationError('unavailable', 'a worker thread ended unexpectedly', { cause }))
  }

  #leave(): void {
    this.#alive = false
    this.wake()
  }
}
