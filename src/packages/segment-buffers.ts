import type { MessagePort } from 'node:worker_threads'
import { segmentBytes } from './compression.ts'

/** What the thread that writes sends back: the memory of a piece that it is done with. */
export interface Spare {
  readonly spare: ArrayBuffer
}

const maxSpares = 4

/**
 * Buffers of one segment each, which go to another thread and come back. Were each a new one, a large resource would leave
 * some 64 MiB behind in each thread before they are collected.
 */
export class SegmentBuffers {
  readonly #spares: ArrayBuffer[] = []

  take(): Buffer {
    const spare = this.#spares.pop()
    return spare === undefined ? Buffer.allocUnsafeSlow(segmentBytes) : Buffer.from(spare)
  }

  /** Takes what comes back through the port. */
  listen(port: MessagePort): void {
    port.on('message', (message: unknown) => {
      if (typeof message !== 'object' || message === null || !('spare' in message)) return
      if (this.#spares.length < maxSpares) this.#spares.push((message as Spare).spare)
    })
  }
}
