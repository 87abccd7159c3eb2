/**
 * The same values, until `signal` aborts: then it throws the signal's reason at once, also while the next value is being
 * waited for, and whoever makes the values is told to stop.
 */
export async function* abortable<T>(values: AsyncIterable<T>, signal: AbortSignal): AsyncGenerator<T, void, void> {
  signal.throwIfAborted()
  const iterator = values[Symbol.asyncIterator]()
  let interrupt: ((reason: unknown) => void) | undefined
  const abort = (): void => interrupt?.(signal.reason)
  signal.addEventListener('abort', abort)
  let ended = false
  try {
    for (;;) {
      signal.throwIfAborted()
      // Not Promise.race: a promise that lives as long as the signal would remember every race it was in.
      const next = await new Promise<IteratorResult<T>>((resolve, reject) => {
        interrupt = reject
        iterator.next().then(resolve, (error: unknown) => {
          ended = true
          reject(error)
        })
      })
      if (next.done === true) {
        ended = true
        return
      }
      yield next.value
    }
  } finally {
    signal.removeEventListener('abort', abort)
    if (!ended) {
      const left = iterator.return?.()
      // A maker that is waiting for something answers only when that has come: nobody waits for it after an abort.
      if (signal.aborted) left?.catch(() => {})
      else await left
    }
  }
}
