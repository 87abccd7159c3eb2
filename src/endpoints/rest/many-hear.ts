import { setMaxListeners } from 'node:events'

/** The signal, for as many requests at the same time as there are, which is no leak. */
export function manyHear(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal)
  return signal
}
