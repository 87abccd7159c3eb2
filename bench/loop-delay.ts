import { setTimeout as sleep } from 'node:timers/promises'
import type { ServerProcess } from './servers.ts'

const everyMs = 1000

/**
 * The longest event-loop delay of a server from now on until it is stopped, by its own `/metrics`, which forget it at each
 * look: so it looks now, every second, and at the end. Some 10 ms of every answer are the interval of the clock that
 * measures, also on an idle server.
 */
export class LoopWatch {
  readonly #server: ServerProcess
  readonly #stop = new AbortController()
  readonly #watching: Promise<number>

  private constructor(server: ServerProcess) {
    this.#server = server
    this.#watching = this.#watch()
  }

  static async start(server: ServerProcess): Promise<LoopWatch> {
    await longestMs(server)
    return new LoopWatch(server)
  }

  /** Milliseconds. */
  async stop(): Promise<number> {
    this.#stop.abort()
    return this.#watching
  }

  async #watch(): Promise<number> {
    const { signal } = this.#stop
    let longest = 0
    while (!signal.aborted) {
      await sleep(everyMs, undefined, { signal }).catch(() => undefined)
      longest = Math.max(longest, await longestMs(this.#server))
    }
    return longest
  }
}

async function longestMs(server: ServerProcess): Promise<number> {
  return (await server.metric('nodejs_eventloop_lag_max_seconds')) * 1000
}
