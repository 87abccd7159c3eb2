import { receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import { ReplicationError } from '../../errors.ts'
import type { ResourcePath } from '../../resources/path.ts'
import { intoBytes, type FromAhead, type ReadFiles, type ToAhead } from './ahead-thread.ts'

/** One is read into, one is full, one is written from. */
const buffers = 3

/** Files that another thread reads for this one, from when it is ready until it is gone. */
export class ReadAhead {
  readonly #port: MessagePort
  readonly #signal: AbortSignal
  readonly #arrived: ReadFiles[] = []
  #ready = false
  #gone = false
  #wake: (() => void) | undefined

  /** `port` leads to the other thread. */
  constructor(port: MessagePort, signal: AbortSignal) {
    this.#port = port
    this.#signal = signal
    port.on('message', (message: FromAhead) => this.#hear(message))
    port.on('close', () => {
      this.#gone = true
      this.#wake?.()
    })
    signal.addEventListener('abort', this.#stop)
  }

  get ready(): boolean {
    this.#listen()
    return this.#ready && !this.#gone
  }

  /** They are read behind those that it was asked for before. */
  ask(paths: readonly ResourcePath[]): void {
    this.#tell({ paths })
  }

  /** What was read of those that come next; undefined when nothing more comes. Throws `unavailable` when it was told to stop. */
  async next(): Promise<ReadFiles | undefined> {
    for (;;) {
      this.#listen()
      const read = this.#arrived.shift()
      if (read !== undefined || this.#gone) return read
      // The signal's own reason does not survive the way out of a thread.
      if (this.#signal.aborted) throw new ReplicationError('unavailable', 'stopped')
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  /** Its memory is used again. */
  release({ into }: ReadFiles): void {
    this.#tell({ into }, into)
  }

  close(): void {
    this.#signal.removeEventListener('abort', this.#stop)
    this.#port.close()
  }

  readonly #stop = (): void => this.#wake?.()

  /** Whoever works with synchronous calls hears nothing else. While a port tells that it is closed, node:worker_threads crashes on it. */
  #listen(): void {
    if (this.#gone) return
    for (let got = receiveMessageOnPort(this.#port); got !== undefined; got = receiveMessageOnPort(this.#port))
      this.#hear(got.message as FromAhead)
  }

  #hear(message: FromAhead): void {
    if (message === 'ready') {
      this.#ready = true
      for (let i = 0; i < buffers; i++) {
        const into = new ArrayBuffer(intoBytes)
        this.#tell({ into }, into)
      }
    } else this.#arrived.push(message)
    this.#wake?.()
  }

  #tell(what: ToAhead, into?: ArrayBuffer): void {
    this.#port.postMessage(what, into === undefined ? [] : [into])
  }
}
