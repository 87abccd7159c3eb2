import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after } from 'node:test'
import { engineSettings } from '../home.ts'
import { Client, until } from './client.ts'

/** Of the built tree: this file is dist/test/end-to-end/server.js when it runs. */
export const built = resolve(import.meta.dirname, '../..')
export const program = join(built, 'src/server.js')
export const repository = resolve(built, '..')

/** SERVER_OUTPUT=1 shows what the servers say while the tests run. */
const aloud = process.env['SERVER_OUTPUT'] === '1'

/** Whatever happens to the tests, no server outlives them. */
const children = new Set<ChildProcess>()
const folders: string[] = []
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL')
  // Tens of thousands of files go, and nobody waits for that.
  spawn('rm', ['-rf', ...folders], { detached: true, stdio: 'ignore' }).unref()
})

/** A folder that is removed when all tests of the file are done and all servers have ended. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'trebuchet-e2e-'))
  chmodSync(folder, 0o777)
  folders.push(folder)
  return folder
}

export interface Exit {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

export interface Start {
  readonly env?: Readonly<Record<string, string>>
  /** Written to CONFIG_DIR/agents. */
  readonly agents?: readonly { readonly name: string }[]
  readonly uid?: number
}

/** The built server as a process of its own, with folders of its own. */
export class Server {
  readonly folder: string
  readonly dataDir: string
  readonly port: number
  readonly client: Client
  /** Everything that all its processes have printed. */
  output = ''
  readonly #start: Start
  #child: ChildProcess | undefined
  #exit: Promise<Exit> | undefined
  /** Somebody waits for its end. */
  #ending = false

  private constructor(folder: string, port: number, start: Start) {
    this.folder = folder
    this.dataDir = join(folder, 'server-data')
    this.port = port
    this.#start = start
    this.client = new Client(`http://127.0.0.1:${port}`, [this.dataDir, built])
  }

  /** Answers when it is ready. It is ended after the tests that it is for, and must then end in order. */
  static async start(start: Start = {}): Promise<Server> {
    const server = await Server.prepare(start)
    await server.launch()
    return server
  }

  /** Makes its folders and starts nothing yet. */
  static async prepare(start: Start = {}): Promise<Server> {
    const port = await freePort()
    after(() => server.end())
    const server = new Server(scratch(), port, start)
    const agents = join(server.folder, 'config/agents')
    mkdirSync(agents, { recursive: true })
    for (const agent of start.agents ?? []) writeFileSync(join(agents, `${agent.name}.json`), JSON.stringify(agent))
    return server
  }

  get environment(): NodeJS.ProcessEnv {
    const { PATH, HOME, NODE_OPTIONS = '' } = process.env
    return {
      PATH,
      HOME,
      NODE_OPTIONS,
      HOST: '127.0.0.1',
      PORT: String(this.port),
      DATA_DIR: this.dataDir,
      CONFIG_DIR: join(this.folder, 'config'),
      // Peers are on this machine, also where tokens are asked for, and trees in folders of their own.
      ALLOWED_HOSTS: '0.0.0.0/0,::/0',
      ALLOWED_PATHS: `${tmpdir()},${repository}`,
      ...engineSettings(this.folder),
      ...this.#start.env,
    }
  }

  /** Starts the process and waits until it is ready, or throws with what it printed. */
  async launch(command?: readonly [string, ...string[]]): Promise<void> {
    this.spawn(command)
    await until('the server to be ready', async () => {
      if (this.#child === undefined) return true
      return (await fetch(`${this.client.origin}/health/ready`)).ok
    }).catch((error: unknown) => {
      throw new Error(`the server does not get ready:\n${this.output}`, { cause: error })
    })
    assert.ok(this.#child, `the server ended at once:\n${this.output}`)
  }

  /** Starts the process and waits for nothing. */
  spawn(command: readonly [string, ...string[]] = [process.execPath, program], cwd = this.folder): void {
    assert.equal(this.#child, undefined, 'it runs already')
    const [file, ...rest] = command
    const child = spawn(file, rest, {
      cwd,
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(this.#start.uid !== undefined && { uid: this.#start.uid, gid: this.#start.uid }),
    })
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text
        if (aloud) process.stderr.write(text)
      })
    children.add(child)
    this.#child = child
    this.#ending = false
    this.#exit = new Promise((fulfil, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        children.delete(child)
        this.#child = undefined
        if (!this.#ending) process.stderr.write(`a server ended by itself (${code ?? signal}):\n${this.output}\n`)
        fulfil({ code, signal })
      })
    })
  }

  /** Waits until the process has ended, by itself or by the signal. */
  async ended(signal?: NodeJS.Signals): Promise<Exit> {
    this.#ending = true
    if (signal !== undefined) this.#child?.kill(signal)
    assert.ok(this.#exit)
    const limit = setTimeout(() => this.#child?.kill('SIGABRT'), 40_000)
    const exit = await this.#exit
    clearTimeout(limit)
    return exit
  }

  /** How it ends, whenever that is; it may end by itself. */
  async death(): Promise<Exit> {
    this.#ending = true
    assert.ok(this.#exit)
    return this.#exit
  }

  /** A crash, as far as a process can tell. */
  async crash(): Promise<void> {
    await this.ended('SIGKILL')
  }

  /** As a machine that is paused: it does nothing, and its connections stay open, until `thaw`. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }

  async restart(): Promise<void> {
    await this.end()
    await this.launch()
  }

  /** Ends it in order, if it runs. */
  async end(): Promise<void> {
    if (this.#child === undefined) {
      assert.ok(this.#exit === undefined || this.#ending, `it has ended by itself:\n${this.output.slice(-4000)}`)
      return
    }
    this.thaw()
    const exit = await this.ended('SIGTERM')
    assert.deepEqual(exit, { code: 0, signal: null }, `it did not end in order:\n${this.output.slice(-4000)}`)
  }

  async isAlive(): Promise<boolean> {
    return (await fetch(`${this.client.origin}/health/live`)).ok
  }
}

/** Below the range from which outgoing connections take theirs, so that it stays free while a server restarts. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await new Promise<boolean>((fulfil) => {
      const probe = createServer()
      probe.once('error', () => fulfil(false))
      probe.listen(port, '127.0.0.1', () => probe.close(() => fulfil(true)))
    })
    if (free) return port
  }
}
