import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

/** To the proxy: the delay from now on, one way; without it, only to answer. */
export interface Asked {
  readonly delayMs?: number
}

/** Its answer. */
export interface Told {
  readonly port: number
  /** Of all connections so far, in both directions. */
  readonly bytes: number
}

/** How a contender reaches its server, which listens on a port of the loopback. */
export interface Link {
  /** The port to call instead of the server's; to be asked for once. */
  to(port: number): Promise<number>
  /** Makes the way as long as the scenario says, or as short as it can be. */
  stretch(far: boolean): Promise<void>
  /** Undefined when nobody counts. */
  bytes(): Promise<number | undefined>
  close(): Promise<void>
}

/** Nothing between both sides. */
export const direct: Link = {
  to: async (port) => port,
  stretch: async () => {},
  bytes: async () => undefined,
  close: async () => {},
}

/** Through a proxy that counts, and delays by half of the round trip in each direction. */
export class Proxied implements Link {
  readonly #roundTripMs: number
  #process: ChildProcess | undefined

  constructor(roundTripMs: number) {
    this.#roundTripMs = roundTripMs
  }

  async to(port: number): Promise<number> {
    this.#process = fork(join(import.meta.dirname, 'proxy.js'), [String(port)], { execArgv: [] })
    return (await answerOf(this.#process)).port
  }

  async stretch(far: boolean): Promise<void> {
    await this.#ask({ delayMs: far ? this.#roundTripMs / 2 : 0 })
  }

  async bytes(): Promise<number> {
    return (await this.#ask({})).bytes
  }

  async close(): Promise<void> {
    if (this.#process === undefined || this.#process.exitCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.disconnect()
    await ended
  }

  async #ask(asked: Asked): Promise<Told> {
    if (this.#process === undefined) throw new Error('the proxy was not started')
    const told = answerOf(this.#process)
    this.#process.send(asked)
    return told
  }
}

async function answerOf(proxy: ChildProcess): Promise<Told> {
  const settled = new AbortController()
  const { signal } = settled
  const ended = async (): Promise<never> => {
    const [status] = (await once(proxy, 'exit', { signal })) as [number | null]
    throw new Error(`the proxy ended with ${status}`)
  }
  try {
    const [told] = (await Promise.race([once(proxy, 'message', { signal }), ended()])) as [Told]
    return told
  } finally {
    settled.abort()
  }
}
