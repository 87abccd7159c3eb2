import type { ServerProcess } from './servers.ts'

/** The longest time for which the event loop of a server stands still, from now on until it is stopped. */
export class LoopWatch {
  readonly #server: ServerProcess

  private constructor(server: ServerProcess) {
    this.#server = server
  }

  static async start(server: ServerProcess): Promise<LoopWatch> {
    await server.longestDelayMs()
    return new LoopWatch(server)
  }

  /** Milliseconds. */
  async stop(): Promise<number> {
    return this.#server.longestDelayMs()
  }
}
