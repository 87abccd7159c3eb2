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
  { readonly job: number; readonly result: unknown } | { readonly job: number; readonly error: Frozen }

/** Threads that have begun to load a module, and are nobody's yet. */
const ahead = new Map<string, Thread>()

/**
 * Starts a thread that loads the module, for whichever pool first starts a job of it: who knows that there will be one has
 * something else to do meanwhile.
 */
export function startAhead(module: URL): void {
  if (ahead.has(module.href)) return
  const thread = new Thread(() => ahead.delete(module.href))
  thread.load(module)
  ahead.set(module.href, thread)
}

/**
 * Worker threads for work over many files, which is several times faster with synchronous calls and must never be done
 * on the event loop. A thread does one job at a time, is made when first needed and ended when idle.
 *
 * Whoever needs two threads at once takes them from two pools, always in the same order, or two jobs that wait for each
 * other's thread would wait for ever.
 */
export class ThreadPool {
  readonly #size: number
  readonly #idleMs: number
  readonly #threads = new Set<Thread>()
  readonly #waiting: ((thread: Thread) => void)[] = []
  #closed = false

  constructor(size: number, idleMs = 60_000) {
    this.#size = size
    this.#idleMs = idleMs
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

  /** Ends all threads at once, whatever they do. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#threads].map((thread) => thread.end()))
  }

  async #run<Result>(module: URL, data: unknown, port: MessagePort, signal: AbortSignal): Promise<Result> {
    let thread: Thread | undefined
    try {
      signal.throwIfAborted()
      thread = await this.#take(module)
      signal.throwIfAborted()
      return (await thread.perform({ module: module.href, data, port }, signal)) as Result
    } finally {
      // A port that went to the thread is closed there, behind all that was sent: from here, what is still on its way
      // would be lost. This is for one that stayed.
      port.close()
      if (thread !== undefined) this.#giveBack(thread)
    }
  }

  async #take(module?: URL): Promise<Thread> {
    if (this.#closed) throw new ReplicationError('unavailable', 'the server is closing')
    for (const thread of this.#threads) if (thread.take()) return thread
    if (this.#threads.size < this.#size) {
      const onGone = (): void => void this.#threads.delete(thread)
      const thread = takeAhead(module, onGone) ?? new Thread(onGone)
      thread.take()
      this.#threads.add(thread)
      return thread
    }
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #giveBack(thread: Thread): void {
    if (!thread.alive) {
      const next = this.#waiting.shift()
      if (next !== undefined) void this.#take().then(next)
      return
    }
    const next = this.#waiting.shift()
    if (next === undefined) thread.release(this.#idleMs)
    else next(thread)
  }
}

function takeAhead(module: URL | undefined, onGone: () => void): Thread | undefined {
  const thread = module === undefined ? undefined : ahead.get(module.href)
  if (module === undefined || thread === undefined) return undefined
  ahead.delete(module.href)
  thread.onGone = onGone
  return thread
}

class Thread {
  alive = true
  onGone: () => void
  readonly #worker: Worker
  #busy = false
  #jobs = 0
  #idle: NodeJS.Timeout | undefined
  #settle: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined

  constructor(onGone: () => void) {
    this.onGone = onGone
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      // Batches are short-lived: a small young generation keeps a thread small, and costs little.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    this.#worker.on('message', (answer: Answer) => {
      if (answer.job !== this.#jobs) return
      if ('error' in answer) this.#settle?.reject(thaw(answer.error))
      else this.#settle?.resolve(answer.result)
    })
    this.#worker.on('error', (error) => this.#gone(error))
    this.#worker.on('exit', () => this.#gone(undefined))
    this.#worker.unref()
  }

  load(module: URL): void {
    this.#worker.postMessage({ load: module.href } satisfies Notice)
  }

  take(): boolean {
    if (this.#busy || !this.alive) return false
    this.#busy = true
    clearTimeout(this.#idle)
    return true
  }

  release(idleMs: number): void {
    this.#busy = false
    this.#idle = setTimeout(() => void this.end(), idleMs)
    this.#idle.unref()
  }

  async perform(order: Omit<Order, 'job'>, signal: AbortSignal): Promise<unknown> {
    const job = ++this.#jobs
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
    this.alive = false
    this.onGone()
    await this.#worker.terminate()
  }

  #gone(cause: unknown): void {
    this.alive = false
    this.onGone()
    this.#settle?.reject(new ReplicationError('unavailable', 'a worker thread ended unexpectedly', { cause }))
  }
}
