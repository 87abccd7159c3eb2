/** Our servers, started as an operator starts them, and driven over HTTP alone. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, openSync, readFileSync } from 'node:fs'
import { request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text as textOf } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'

/** As `npm start` starts it. */
const startFlags = ['--max-semi-space-size=2', '--initial-old-space-size=32']
const program = join(import.meta.dirname, '..', 'src', 'server.js')
const tellsDelay = new URL('tell-loop-delay.js', import.meta.url).href
const startMs = 30_000
const stopMs = 30_000

export interface Answer {
  readonly status: number
  readonly text: string
}

/** A server of ours in a process of its own, with a folder of its own and no agents. */
export class ServerProcess {
  readonly role: string
  readonly origin: string
  readonly #process: ChildProcess
  readonly #log: string

  private constructor(role: string, origin: string, process: ChildProcess, log: string) {
    this.role = role
    this.origin = origin
    this.#process = process
    this.#log = log
  }

  /**
   * Answers when the server is ready; `profiles` is a folder for node's CPU profiles, written when it stops, `settings`
   * are more variables of its environment.
   */
  static async start(
    role: string,
    folder: string,
    profiles?: string,
    settings: Readonly<Record<string, string>> = {},
  ): Promise<ServerProcess> {
    const config = join(folder, 'config')
    mkdirSync(config, { recursive: true })
    const port = await freePort()
    const log = join(folder, `${role}.log`)
    const output = openSync(log, 'a')
    const flags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profiles, role)}`]
    const child = spawn(process.execPath, [...startFlags, ...flags, `--import=${tellsDelay}`, program], {
      cwd: folder,
      stdio: ['ignore', output, output, 'ipc'],
      env: {
        ...process.env,
        HOST: '127.0.0.1',
        PORT: String(port),
        DATA_DIR: join(folder, 'data'),
        CONFIG_DIR: config,
        REDIS_URL: '',
        // Trees are wherever they were asked for.
        ALLOWED_PATHS: '/',
        ...settings,
      },
    })
    const server = new ServerProcess(role, `http://127.0.0.1:${port}`, child, log)
    try {
      await server.#untilReady()
    } catch (error) {
      await server.close()
      throw error
    }
    return server
  }

  get pid(): number {
    if (this.#process.pid === undefined || this.#process.exitCode !== null) throw this.#gone()
    return this.#process.pid
  }

  /** Waits as long as it takes. Throws when there is no answer; every status is one. */
  async call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<Answer> {
    const sent = request(`${this.origin}${path}`, {
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    })
    sent.end(body === undefined ? undefined : JSON.stringify(body))
    const [response] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: response.statusCode ?? 0, text: await textOf(response) }
  }

  /** The answer's JSON. Throws unless its status is one of `expected`. */
  async ask<T>(
    expected: readonly number[],
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<T> {
    const { status, text } = await this.call(method, path, body, headers)
    if (!expected.includes(status))
      throw new Error(`${method} ${path} at the ${this.role} answered ${status}: ${text}; its log: ${this.#logEnd()}`)
    return (text === '' ? undefined : JSON.parse(text)) as T
  }

  /** For how long its event loop has stood still at most since this was last asked, to 5 ms. */
  async longestDelayMs(): Promise<number> {
    const answer = once(this.#process, 'message')
    this.#process.send('longest delay')
    return ((await answer) as [number])[0]
  }

  /** The value of one line of its `/metrics`. Throws when it has no such line. */
  async metric(name: string): Promise<number> {
    const { text } = await this.call('GET', '/metrics')
    const line = text.split('\n').find((one) => one.startsWith(`${name} `))
    if (line === undefined) throw new Error(`${this.origin}/metrics does not tell ${name}`)
    return Number(line.slice(name.length + 1))
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    const forced = setTimeout(() => this.#process.kill('SIGKILL'), stopMs)
    await ended
    clearTimeout(forced)
  }

  async #untilReady(): Promise<void> {
    const until = performance.now() + startMs
    while (performance.now() < until) {
      if (this.#process.exitCode !== null) throw this.#gone()
      const answer = await this.call('GET', '/health/ready').catch(() => undefined)
      if (answer?.status === 200) return
      await sleep(50)
    }
    throw new Error(`the ${this.role} was not ready after ${startMs / 1000} s; its log: ${this.#logEnd()}`)
  }

  #gone(): Error {
    return new Error(`the ${this.role} has ended; its log: ${this.#logEnd()}`)
  }

  #logEnd(): string {
    return readFileSync(this.#log, 'utf8').slice(-2000)
  }
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
