import type { MessagePort } from 'node:worker_threads'
import { Assistant } from '../../threads/assistant.ts'
import type { ContentWriter, Writing } from './content-writer.ts'

/** What waits in a batch outlives collections: few of them keep a thread small. */
const batchEntries = 32
const batchBytes = 1024 * 1024
/** From so many on it is worth waking a thread, or starting one. */
const manyEntries = 256
const manyBytes = 16 * 1024 * 1024

/** The contents of a package that are written, in batches: a thread that assists has those that it asks for. */
export class Writings {
  readonly #writer: ContentWriter
  readonly #ask: (() => MessagePort) | undefined
  #assistant: Assistant<readonly Writing[], void> | undefined
  #batch: Writing[] = []
  #batched = 0
  #entries = 0
  #bytes = 0
  #failed: { readonly error: unknown } | undefined

  /** `ask` is for an assistant that writes just as `writer`; undefined when all is to be written in this thread. */
  constructor(writer: ContentWriter, ask: (() => MessagePort) | undefined) {
    this.#writer = writer
    this.#ask = ask
  }

  /** Whether `flush` is to be awaited. `size` is in bytes. */
  add(writing: Writing, size: number): boolean {
    this.#batch.push(writing)
    this.#batched += size
    this.#entries++
    this.#bytes += size
    return this.#batch.length >= batchEntries || this.#batched >= batchBytes
  }

  /** Throws what writing does, also of what was given away before. */
  async flush(): Promise<void> {
    if (this.#failed !== undefined) throw this.#failed.error
    const batch = this.#batch
    this.#batch = []
    this.#batched = 0
    if (this.#ask !== undefined && (this.#entries >= manyEntries || this.#bytes >= manyBytes))
      this.#assistant ??= new Assistant(this.#ask())
    const given = this.#assistant?.give(batch)
    if (given === undefined) await this.#writer.write(batch)
    else given.catch((error: unknown) => (this.#failed ??= { error }))
  }

  /** When this has ended, all is written. */
  async end(): Promise<void> {
    await this.flush()
    await this.#assistant?.settled()
    if (this.#failed !== undefined) throw this.#failed.error
  }

  /** When this has ended, nothing is written any more. */
  async close(): Promise<void> {
    await this.#assistant?.settled()
    await this.#writer.close()
  }
}
