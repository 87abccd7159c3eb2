import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import type { Reply } from './reply.ts'

/** What is longer than this is read while it comes, and not again when it breaks off. */
const wholeBytes = 8 * 1024 * 1024

/** Of a request: a stream for each answer costs as much as all else of it, and most are a few bytes. */
export interface Asked {
  readonly origin: string
  readonly path: string
  readonly method: Dispatcher.HttpMethod
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | null
}

/** Throws what the request failed with, and when `signal` aborts its reason. `uri` is where it goes. */
export async function answerTo(dispatcher: Dispatcher, asked: Asked, uri: string, signal: AbortSignal): Promise<Reply> {
  signal.throwIfAborted()
  const answer = new Answer(uri)
  const abort = (): void => answer.abort(signal.reason as Error)
  signal.addEventListener('abort', abort)
  void answer.ended.then(() => signal.removeEventListener('abort', abort))
  dispatcher.dispatch(asked, answer)
  return answer.reply
}

class Answer implements Dispatcher.DispatchHandler {
  readonly reply: Promise<Reply>
  /** Whether it came or failed. */
  readonly ended: Promise<void>
  readonly #uri: string
  readonly #chunks: Buffer[] = []
  #settle!: { resolve(reply: Reply): void; reject(error: unknown): void; end(): void }
  #controller: Dispatcher.DispatchController | undefined
  #aborted: Error | undefined
  #status = 0
  #headers: Reply['headers'] = {}
  #size = 0
  #rest: Readable | undefined

  constructor(uri: string) {
    this.#uri = uri
    let end: () => void = () => undefined
    this.ended = new Promise((done) => (end = done))
    this.reply = new Promise((resolve, reject) => (this.#settle = { resolve, reject, end }))
  }

  abort(reason: Error): void {
    this.#aborted = reason
    this.#controller?.abort(reason)
    this.#fail(reason)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#aborted !== undefined) controller.abort(this.#aborted)
  }

  /** Comes before, too, for a status that is only for information. */
  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: Reply['headers']): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#rest !== undefined) {
      if (!this.#rest.push(chunk)) controller.pause()
      return
    }
    this.#chunks.push(chunk)
    this.#size += chunk.length
    if (this.#size <= wholeBytes) return
    const rest = new Readable({
      read: () => controller.resume(),
      destroy: (error, done) => {
        // Nothing to be said to whoever destroys it unread, on purpose.
        controller.abort(error ?? new Error('the rest of the answer is not wanted'))
        done(error)
      },
    })
    // Who reads it hears of an error by reading.
    rest.on('error', () => undefined)
    this.#rest = rest
    this.#settle.resolve({ ...this.#whole(), rest })
  }

  onResponseEnd(): void {
    if (this.#rest === undefined) this.#settle.resolve(this.#whole())
    else this.#rest.push(null)
    this.#settle.end()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(error)
  }

  #fail(error: Error): void {
    if (this.#rest === undefined) this.#settle.reject(error)
    else this.#rest.destroy(error)
    this.#settle.end()
  }

  #whole(): Omit<Reply, 'rest'> {
    const [first, ...others] = this.#chunks
    const body = first === undefined ? Buffer.alloc(0) : others.length === 0 ? first : Buffer.concat(this.#chunks)
    return { status: this.#status, headers: this.#headers, uri: this.#uri, body }
  }
}
