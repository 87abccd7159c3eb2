import assert from 'node:assert/strict'
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'

/** A Redis of a test's own, which it may stop, kill, starve and reconfigure. It keeps what it has, whatever happens. */
export class RedisServer {
  readonly port: number
  readonly folder: string
  readonly #arguments: readonly string[]
  readonly #password: string
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string, given: readonly string[], password = '') {
    this.port = port
    this.folder = folder
    this.#arguments = [...given, '--port', String(port), '--bind', '127.0.0.1', '--daemonize', 'no']
    this.#password = password
  }

  /** Whether there is a redis-server to start. */
  static get isInstalled(): boolean {
    return spawnSync('redis-server', ['--version']).status === 0
  }

  /** `more`: options as redis-server takes them, over those that keep everything. */
  static async start(more: readonly string[] = [], password?: string): Promise<RedisServer> {
    const folder = newFolder()
    const keep = ['--appendonly', 'yes', '--appendfsync', 'always', '--aof-load-truncated', 'no', '--save', '']
    // A replica is there at once.
    const replicate = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
    const protect = password === undefined ? [] : ['--requirepass', password]
    const given = ['--dir', folder, '--maxmemory-policy', 'noeviction', ...keep, ...replicate, ...protect, ...more]
    return RedisServer.startAs(folder, given, password)
  }

  /** One that alone decides that `master` is down, when it has not answered for half a second. */
  static async sentinelOf(master: RedisServer, name: string): Promise<RedisServer> {
    const folder = newFolder()
    const file = join(folder, 'sentinel.conf')
    const lines = [
      ...[`dir ${folder}`, `sentinel monitor ${name} 127.0.0.1 ${master.port} 1`],
      ...[`sentinel down-after-milliseconds ${name} 500`, `sentinel failover-timeout ${name} 2000`],
    ]
    writeFileSync(file, `${lines.join('\n')}\n`)
    return RedisServer.startAs(folder, [file, '--sentinel'])
  }

  /** `given`: all that it is told, but for where it listens; `folder`, where it keeps what it has, is removed in the end. */
  static async startAs(folder: string, given: readonly string[], password?: string): Promise<RedisServer> {
    return await new RedisServer(await freePort(), folder, given, password).launch()
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it (again), this time with `more` options, and waits until it has read what it kept. */
  async launch(...more: readonly string[]): Promise<this> {
    assert.equal(this.#child, undefined, 'it runs already')
    const child = spawn('redis-server', [...this.#arguments, ...more], { stdio: ['ignore', 'pipe', 'inherit'] })
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text))
    child.once('exit', () => {
      if (this.#child === child) this.#child = undefined
    })
    this.#child = child
    const dieWithUs = (): boolean => child.kill('SIGKILL')
    process.once('exit', dieWithUs)
    child.once('exit', () => process.off('exit', dieWithUs))
    const deadline = Date.now() + 20_000
    while ((await this.command('PING').catch(() => '')) !== 'PONG') {
      assert.ok(this.#child !== undefined && Date.now() < deadline, `redis-server does not start:\n${said}`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return this
  }

  /** SIGKILL: as a machine that loses its power, as far as a process can. SIGTERM: in order. */
  async stop(signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    const exit = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGCONT')
    child.kill(signal)
    await exit
    this.#child = undefined
  }

  /** Cuts off what is not whole at the end of its append-only file, as one must after its machine has failed. */
  mend(): void {
    const manifest = join(this.folder, 'appendonlydir', 'appendonly.aof.manifest')
    const { status, stdout } = spawnSync('redis-check-aof', ['--fix', manifest], { input: 'y\n', encoding: 'utf8' })
    assert.equal(status, 0, stdout)
  }

  /** It answers nothing, and its connections stay open, until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  /** Sends one command on a connection of its own. */
  async command(name: string, ...args: readonly (string | number)[]): Promise<unknown> {
    const patience = { lazyConnect: true, enableReadyCheck: false, retryStrategy: () => null, commandTimeout: 20_000 }
    const client = new Redis(this.url, { ...patience, ...(this.#password !== '' && { password: this.#password }) })
    client.on('error', () => undefined)
    try {
      await client.connect()
      return await client.call(name, ...args)
    } finally {
      client.disconnect()
    }
  }

  async remove(): Promise<void> {
    await this.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function newFolder(): string {
  return mkdtempSync(join(tmpdir(), 'trebuchet-redis-'))
}

/** One that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** The Redis that all tests share, where there is one: test/run.ts starts it unless TEST_REDIS_URL names one. */
export const sharedRedis = process.env['TEST_REDIS_URL'] || undefined

let prefixes = 0

/** Keys of a test's own on the shared Redis. */
export function ownPrefix(): string {
  return `test-${process.pid}-${Date.now()}-${++prefixes}`
}

/** Removes everything below a prefix, or below all that a pattern fits. */
export async function forgetPrefix(url: string, prefix: string): Promise<void> {
  const client = new Redis(url)
  try {
    for await (const keys of client.scanStream({ match: `{${prefix}}*`, count: 1000 }) as AsyncIterable<string[]>)
      if (keys.length > 0) await client.unlink(...keys)
  } finally {
    client.disconnect()
  }
}
