import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { RedisServer } from '../../test/redis.ts'
import { cpuMs } from '../processes.ts'
import { ServerProcess } from '../servers.ts'

export const engines = ['embedded', 'shared'] as const
export type Engine = (typeof engines)[number]

export interface CommandView {
  readonly id: string
  readonly state?: string
  readonly agents?: readonly { readonly package?: string }[]
}

/** Ends of a command that are none: the answer was not held long enough. */
const unfinished = [undefined, 'queued', 'running', 'retrying']

interface Redis {
  readonly server: RedisServer
  readonly pid: number
}

/** One server of ours as `npm start` starts it; with the shared engine, and a Redis of its own that syncs every write. */
export class Installation {
  readonly engine: Engine
  readonly server: ServerProcess
  readonly #folder: string
  readonly #redis: Redis | undefined

  private constructor(engine: Engine, folder: string, server: ServerProcess, redis: Redis | undefined) {
    this.engine = engine
    this.server = server
    this.#folder = folder
    this.#redis = redis
  }

  /** New in every respect: `folder` must not exist, and holds the data of both. */
  static async start(engine: Engine, folder: string, profiles?: string): Promise<Installation> {
    const redisFolder = join(folder, 'redis')
    mkdirSync(redisFolder, { recursive: true })
    if (engine === 'embedded')
      return new Installation(engine, folder, await ServerProcess.start('server', folder, profiles), undefined)
    const redis = await RedisServer.start(['--dir', redisFolder])
    try {
      const pid = Number(factIn(await redis.command('INFO', 'server'), 'process_id'))
      const server = await ServerProcess.start('server', folder, profiles, { REDIS_URL: redis.url })
      return new Installation(engine, folder, server, { server: redis, pid })
    } catch (error) {
      await redis.remove()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.server.close()
    await this.#redis?.server.remove()
  }

  /** Makes a source folder of so many files of 1 KB, all different, as resources `/content/page-<number>.json`. */
  source(files: number): { readonly kind: 'directory'; readonly path: string } {
    const path = join(this.#folder, 'source')
    mkdirSync(join(path, 'content'), { recursive: true })
    for (let file = 0; file < files; file++)
      writeFileSync(join(path, 'content', `page-${file}.json`), JSON.stringify({ file, body: 'a page '.repeat(140) }))
    return { kind: 'directory', path }
  }

  /** An empty folder for a target. */
  target(name: string): string {
    const path = join(this.#folder, 'targets', name)
    mkdirSync(path, { recursive: true })
    return path
  }

  /** Creates an agent whose queues never fill up. */
  async configure(config: { readonly name: string; readonly source?: object; readonly targets: readonly object[] }) {
    await this.server.ask([201], 'POST', '/replication/config', { ...config, queue: { limit: 1_000_000 } })
  }

  /** Asks for a command and waits until it has succeeded; throws when it ends otherwise. */
  async succeed(path: string, body: object): Promise<CommandView> {
    const prefer = { prefer: 'wait=600' }
    let command = await this.server.ask<CommandView>([200, 202], 'POST', `/replication${path}`, body, prefer)
    while (unfinished.includes(command.state)) command = await this.#look(command.id, prefer)
    if (command.state !== 'succeeded') throw new Error(`the command ended as ${JSON.stringify(command)}`)
    return command
  }

  async #look(id: string, prefer: Record<string, string>): Promise<CommandView> {
    return this.server.ask<CommandView>([200], 'GET', `/replication/commands/${id}`, undefined, prefer)
  }

  /** Makes a package of the source's first file, and answers its id. */
  async export(agent: string): Promise<string> {
    const { agents } = await this.succeed(`/agent/${agent}/export`, { paths: ['/content/page-0.json'] })
    const id = agents?.[0]?.package
    if (id === undefined) throw new Error('the export made no package')
    return id
  }

  /** A command that is accepted, and nobody waits for. */
  async accepted(path: string, body: object): Promise<void> {
    await this.server.ask([202], 'POST', `/replication${path}`, body)
  }

  /** How many items a queue holds. */
  async sizeOf(agent: string, queue: string): Promise<number> {
    const path = `/replication/agent/${agent}/queues/${queue}?limit=1`
    return (await this.server.ask<{ size: number }>([200], 'GET', path)).size
  }

  /** What the processes have worked so far, in ms of CPU time. */
  get cpuMs(): { readonly server: number; readonly redis: number; readonly all: number } {
    const server = cpuMs(this.server.pid)
    const redis = this.#redis === undefined ? 0 : cpuMs(this.#redis.pid)
    return { server, redis, all: server + redis }
  }

  /** Memory that Redis uses, in bytes; undefined without one. */
  async redisBytes(): Promise<number | undefined> {
    if (this.#redis === undefined) return undefined
    return Number(factIn(await this.#redis.server.command('INFO', 'memory'), 'used_memory'))
  }

  /** Connections of the server to its Redis; undefined without one. */
  async connections(): Promise<number | undefined> {
    if (this.#redis === undefined) return undefined
    const list = (await this.#redis.server.command('CLIENT', 'LIST')) as string
    // One of them is that of the command itself.
    return list.trim().split('\n').length - 1
  }
}

function factIn(info: unknown, name: string): string {
  const found = new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(String(info))?.[1]
  if (found === undefined) throw new Error(`Redis does not tell its ${name}`)
  return found
}
