import { Readable } from 'node:stream'
import { setTimeout } from 'node:timers/promises'

/** So often in a row it is tried without a byte that comes of it, after so long a pause each time. */
const mostTries = 3
const pauseMs = 500

/** Answers the body from that byte on; undefined when that is not to be had. */
type Rest = (from: number) => Promise<Readable | undefined>

/** The body of a download, whose rest is asked for when it breaks off. What breaks off for good throws what it threw then. */
export function goingOn(body: Readable, rest: Rest, signal: AbortSignal): Readable {
  return Readable.from(bytesOf(body, rest, signal), { objectMode: false })
}

async function* bytesOf(body: Readable, rest: Rest, signal: AbortSignal): AsyncGenerator<Uint8Array, void, void> {
  let reading = body
  let at = 0
  let tries = 0
  try {
    for (;;) {
      const chunks = (reading as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
      for (;;) {
        const next = await chunks.next().catch((error: unknown) => ({ error }))
        if ('error' in next) {
          signal.throwIfAborted()
          reading.destroy()
          let more: Readable | undefined
          while (more === undefined) {
            if (++tries > mostTries) throw next.error
            more = await again(at, rest, signal)
          }
          reading = more
          break
        }
        if (next.done === true) return
        at += next.value.length
        tries = 0
        yield next.value
      }
    }
  } finally {
    reading.destroy()
  }
}

/** Undefined: not now. Why it cannot be had is of no interest, but that it broke off. */
async function again(from: number, rest: Rest, signal: AbortSignal): Promise<Readable | undefined> {
  await setTimeout(pauseMs, undefined, { signal })
  try {
    return await rest(from)
  } catch {
    signal.throwIfAborted()
    return undefined
  }
}
