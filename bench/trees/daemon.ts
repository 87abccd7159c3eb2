import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { cpuMs } from '../processes.ts'

/** The server side of a rival. */
export class Daemon {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** Answers when it listens on `port` of the loopback. */
  static async start([program = '', ...args]: readonly string[], port: number): Promise<Daemon> {
    // An rsync whose standard input is a socket, as a pipe of node's is, believes that inetd has started it.
    const daemon = new Daemon(spawn(program, args, { stdio: 'ignore' }))
    try {
      await daemon.#listening(program, port)
    } catch (error) {
      await daemon.close()
      throw error
    }
    return daemon
  }

  /** With that of the processes that it has started, once they have ended. */
  cpuMs(): number {
    const { pid } = this.#process
    if (pid === undefined) throw new Error('the server was not started')
    return cpuMs(pid, 'with ended children')
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await ended
  }

  async #listening(program: string, port: number): Promise<void> {
    for (let tries = 0; tries < 100; tries++) {
      if (this.#process.exitCode !== null) throw new Error(`${program} ended with ${this.#process.exitCode}`)
      const socket = connect(port, '127.0.0.1')
      const open = await once(socket, 'connect').then(
        () => true,
        () => false,
      )
      socket.destroy()
      if (open) return
      await sleep(50)
    }
    throw new Error(`${program} does not listen on port ${port}`)
  }
}
