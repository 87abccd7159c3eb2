/** Loaded into a server that is measured, before its program: whoever started it may ask how long its event loop stood still since he last did. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** The server's own clock looks every 50 ms, and would miss what is shorter. */
const everyMs = 5

if (isMainThread) {
  const delay = monitorEventLoopDelay({ resolution: everyMs })
  delay.enable()
  process.on('message', () => {
    // From one look to the next, of which the interval is no delay.
    const longestMs = Math.max(0, delay.max / 1e6 - everyMs)
    delay.reset()
    process.send?.(longestMs)
  })
  // It ends when the server does.
  process.channel?.unref()
}
