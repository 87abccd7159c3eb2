/** The threads of all pools: what they are told, and what they say; those that do nothing are kept for a while. */
import { Worker, type MessagePort, type Transferable } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'
import { thaw, type Frozen } from './frozen.ts'

/** To call the module's `run`. */
export interface Order {
  readonly module: string
  readonly data: unknown
  readonly port: MessagePort
}
export type JobOrder = Order & { readonly job: number }
export type Notice = { readonly abort: number } | { readonly load: string }
export type Answer =
  | { readonly job: number; readonly result: unknown }
  | { readonly job: number; readonly error: Frozen }
  | { readonly job: number; readonly works: true }
  | { readonly job: number; readonly assistant: Order }

/** Threads that do nothing, the one that was used last at the end: those of all pools, for each takes some ten megabytes. */
const idle = new Set<Thread>()

/** Ends those that have been idle for that long. */
const idleMs = 60_000

/** One that has done such a job before, if there is one: it need not load and compile it. What was started ahead is for its own module. */
export function takeIdle(module: string): Thread | undefined {
  let best: Thread | undefined
  for (const thread of idle)
    if (thread.knows(module) || (thread.hasWorked && best?.knows(module) !== true)) best = thread
  best?.wake()
  return best
}

/** Whether one does nothing that has loaded the module. */
export function hasIdle(module: string): boolean {
  for (const thread of idle) if (thread.knows(module)) return true
  return false
}

/** A thread, from outside. */
export class Thread {
  readonly #worker: Worker
  /** That it has loaded. */
  readonly #modules = new Set<string>()
  /** When it was last heard that it works, or has got its job. */
  workedAt = 0
  #alive = true
  #jobs = 0
  #timer: NodeJS.Timeout | undefined
  #asked: ((assistant: Order) => void) | undefined
  #settle: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | undefined

  constructor() {
    this.#worker = new Worker(new URL('./thread.js', import.meta.url), {
      // Batches are short-lived: a small young generation keeps a thread small, and costs little.
      resourceLimits: { maxYoungGenerationSizeMb: 8 },
    })
    this.#worker.on('message', (answer: Answer) => {
      if (answer.job !== this.#jobs) return
      if ('assistant' in answer) this.#asked?.(answer.assistant)
      else if ('works' in answer) this.workedAt = performance.now()
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

  async perform(order: Order, signal: AbortSignal, asked?: (assistant: Order) => void): Promise<unknown> {
    const job = ++this.#jobs
    this.#asked = asked
    this.workedAt = performance.now()
    this.#modules.add(order.module)
    const notice: Notice = { abort: job }
    const abort = (): void => this.#worker.postMessage(notice)
    this.#worker.ref()
    try {
      return await new Promise((resolve, reject) => {
        this.#settle = { resolve, reject }
        signal.addEventListener('abort', abort)
        this.#worker.postMessage({ ...order, job } satisfies JobOrder, [order.port as Transferable])
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
