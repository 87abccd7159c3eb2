/**
 * A thread that helps with the job of another: it does tasks that the job can give away. The assistant asks for them, and the job does
 * itself what nobody has asked for: one that never comes costs nothing, and nothing waits but for what it has taken.
 */
import { once } from 'node:events'
import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../errors.ts'
import { freeze, thaw, type Frozen } from './frozen.ts'

/**
 * Asks for an assistant, which runs the module's `run` with `data`, to call `assist`. It comes only if a processor has nothing to do; nobody
 * is told if it does not. It is stopped by its signal when the job ends.
 */
export type AskAssistant = (module: URL, data: unknown) => MessagePort

/** How many tasks it has at a time: with a second it need not wait for the next. */
const ahead = 2

const ready = 'ready'
type Message<Result> = typeof ready | { readonly result: Result } | { readonly error: Frozen }

interface Waiter<Result> {
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** The side of the job. Tasks and results must be cloneable. */
export class Assistant<Task, Result> {
  readonly #port: MessagePort
  /** Of the tasks that it has, in their order, which is also that of the answers. */
  readonly #waiters: Waiter<Result>[] = []
  #last: Promise<unknown> | undefined
  #free = 0
  #gone = false

  constructor(port: MessagePort) {
    this.#port = port
    port.on('message', (message: Message<Result>) => this.#hear(message))
    port.on('close', () => {
      this.#free = 0
      this.#gone = true
      for (const { reject } of this.#waiters.splice(0))
        reject(new ReplicationError('unavailable', 'a worker thread ended unexpectedly'))
    })
  }

  /**
   * Undefined when it has not asked for a task: then the job is to do it. Does not wait, nor need the job to have waited since. What it
   * answers rejects with what the assistant threw, and may be looked at late.
   */
  give(task: Task): Promise<Result> | undefined {
    // While a port tells that it is closed, receiveMessageOnPort crashes the process.
    if (this.#gone) return undefined
    for (let got = receiveMessageOnPort(this.#port); got !== undefined; got = receiveMessageOnPort(this.#port))
      this.#hear(got.message as Message<Result>)
    if (this.#free === 0) return undefined
    this.#free--
    this.#port.postMessage(task)
    const done = new Promise<Result>((resolve, reject) => this.#waiters.push({ resolve, reject }))
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Waits until nothing that was given is worked on any more, done or failed. */
  async settled(): Promise<void> {
    await this.#last
  }

  #hear(message: Message<Result>): void {
    if (message === ready) {
      this.#free = ahead
      return
    }
    this.#free++
    const waiter = this.#waiters.shift()
    if ('error' in message) waiter?.reject(thaw(message.error))
    else waiter?.resolve(message.result)
  }
}

/** The side of the assistant: does one task after the other until the signal of its own job aborts. */
export async function assist<Task, Result>(
  port: MessagePort,
  signal: AbortSignal,
  perform: (task: Task) => Promise<Result>,
): Promise<void> {
  let working = Promise.resolve()
  const hear = (task: Task): void => {
    working = working.then(async () => {
      try {
        port.postMessage({ result: await perform(task) } satisfies Message<Result>)
      } catch (error) {
        port.postMessage({ error: freeze(error) } satisfies Message<Result>)
      }
    })
  }
  port.on('message', hear)
  port.postMessage(ready)
  if (!signal.aborted) await once(signal, 'abort')
  port.off('message', hear)
  await working
}
