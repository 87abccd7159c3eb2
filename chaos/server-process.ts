import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'

const program = join(import.meta.dirname, '..', 'src', 'server.js')
const readyMs = 240_000
const endMs = 60_000

/** A server of ours that is killed, stopped and started again, at the same port and with the same folders. */
export class ServerProcess {
  readonly name: string
  readonly port: number
  /** What it did that a server must not do, as sentences. */
  readonly misdeeds: string[] = []
  readonly #settings: Readonly<Record<string, string>>
  readonly #folder: string
  readonly #log: string
  #child: ChildProcess | undefined
  #ended: Promise<void> = Promise.resolve()
  /** It may end now: somebody wants it to, or it is still starting. */
  #mayEnd = true

  private constructor(name: string, folder: string, port: number, settings: Readonly<Record<string, string>>) {
    this.name = name
    this.port = port
    this.#settings = settings
    this.#folder = folder
    this.#log = join(folder, `${name}.log`)
  }

  static async start(
    name: string,
    folder: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    mkdirSync(join(folder, 'config'), { recursive: true })
    const server = new ServerProcess(name, folder, await freePort(), settings)
    await server.launch()
    return server
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`
  }

  /** Starts it and waits until it is ready. One that cannot start is started again, as whoever keeps servers running does. */
  async launch(): Promise<void> {
    const deadline = performance.now() + readyMs
    while (performance.now() < deadline) {
      if (this.#child === undefined) this.#spawn()
      const call = fetch(`${this.origin}/health/ready`, { signal: AbortSignal.timeout(5000) })
      if (await call.then(async (answer) => (await answer.text(), answer.ok)).catch(() => false)) {
        this.#mayEnd = false
        return
      }
      await pause(100)
    }
    throw new Error(`the server ${this.name} does not get ready; its log: ${this.logEnd}`)
  }

  async kill(): Promise<void> {
    this.#mayEnd = true
    this.#child?.kill('SIGKILL')
    await this.#ended
  }

  /** As a machine that is paused: its connections stay open, and its clock goes on. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#mayEnd = true
    const limit = setTimeout(() => {
      this.misdeeds.push(`${this.name} did not end within ${endMs / 1000} s when it was told to`)
      child.kill('SIGKILL')
    }, endMs)
    child.kill('SIGTERM')
    await this.#ended
    clearTimeout(limit)
    if (child.exitCode !== null && child.exitCode !== 0)
      this.misdeeds.push(`${this.name} ended with ${child.exitCode} when it was told to end; its log: ${this.logEnd}`)
  }

  get logEnd(): string {
    return readFileSync(this.#log, 'utf8').slice(-3000)
  }

  #spawn(): void {
    const output = openSync(this.#log, 'a')
    const { PATH, HOME } = process.env
    const child = spawn(process.execPath, ['--max-semi-space-size=2', program], {
      cwd: this.#folder,
      stdio: ['ignore', output, output],
      env: {
        ...{ PATH, HOME, HOST: '127.0.0.1', PORT: String(this.port) },
        ...{ DATA_DIR: join(this.#folder, 'data'), CONFIG_DIR: join(this.#folder, 'config') },
        // Trees are beside the folders of the servers.
        ...{ ALLOWED_PATHS: '/', ...this.#settings },
      },
    })
    const dieWithUs = (): boolean => child.kill('SIGKILL')
    process.once('exit', dieWithUs)
    this.#child = child
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        process.off('exit', dieWithUs)
        this.#child = undefined
        if (!this.#mayEnd)
          this.misdeeds.push(`${this.name} ended by itself (${code ?? signal}); its log: ${this.logEnd}`)
        this.#mayEnd = true
        resolve()
      })
    })
  }
}

/** Below the range from which outgoing connections take theirs, so that it stays free while the server is away. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise<boolean>((resolve) => {
      const probe = createServer()
      probe.once('error', () => resolve(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)))
    })
    if (free) return port
  }
}
