import type { MessagePort, Transferable } from 'node:worker_threads'
import { freeze, thaw, type Frozen } from './frozen.ts'

/** How many batches may be under way before the sender waits: two keep both threads busy. */
const window = 2

type Message = { readonly batch: unknown } | { readonly end: true } | { readonly error: Frozen }
const more = 'more'
const enough = 'enough'

/**
 * Sends batches through the port to whoever reads it with `receive`, no faster than they are taken. When the source
 * throws, the receiver throws the same; when the receiver leaves, the source's `return` is called.
 */
export async function send<T>(
  port: MessagePort,
  batches: Iterable<T> | AsyncIterable<T>,
  transfer: (batch: T) => Transferable[] = () => [],
): Promise<void> {
  let credit = window
  let left = false
  let wake: (() => void) | undefined
  const stop = (): void => {
    left = true
    wake?.()
  }
  port.on('message', (message: unknown) => {
    // Others may send their own messages through the same port.
    if (message === more) credit++
    else if (message === enough) left = true
    else return
    wake?.()
  })
  port.on('close', stop)
  try {
    for await (const batch of batches) {
      while (credit === 0 && !left)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      if (left) return
      credit--
      port.postMessage({ batch } satisfies Message, transfer(batch))
    }
    port.postMessage({ end: true } satisfies Message)
  } catch (error) {
    port.postMessage({ error: freeze(error) } satisfies Message)
  }
}

/** The batches that the other side sends, until it ends or fails. */
export async function* receive<T>(port: MessagePort): AsyncGenerator<T, void, void> {
  const waiting: Message[] = []
  let closed = false
  let wake: (() => void) | undefined
  port.on('message', (message: Message) => {
    waiting.push(message)
    wake?.()
  })
  port.on('close', () => {
    closed = true
    wake?.()
  })
  try {
    for (;;) {
      const message = waiting.shift()
      if (message === undefined) {
        if (closed) throw new Error('the other thread ended before its stream')
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      } else if ('batch' in message) {
        port.postMessage(more)
        yield message.batch as T
      } else if ('error' in message) throw thaw(message.error)
      else return
    }
  } finally {
    port.postMessage(enough)
  }
}
