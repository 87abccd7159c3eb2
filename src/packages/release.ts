import { MessageChannel } from 'node:worker_threads'

/** It leads nowhere: what is transferred to it is freed. */
const nowhere = (() => {
  const { port1, port2 } = new MessageChannel()
  port1.close()
  port2.close()
  return port1
})()

/**
 * Frees at once what nobody else holds, and empties it; of a larger memory it leaves parts as they are. An upload comes in new memory all the
 * time: left to the collector, it is collected by marking all of the heap, up to several times a second.
 */
export function release(chunks: readonly Buffer[]): void {
  const memory = chunks.filter(({ length, buffer }) => length === buffer.byteLength).map(({ buffer }) => buffer)
  nowhere.postMessage(undefined, memory as ArrayBuffer[])
}
