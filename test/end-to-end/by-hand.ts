import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { environmentOf, mountsOf, readCompose, type Mount, type Service } from '../compose-file.ts'
import { buildImage, imageConfig, repository } from '../image.ts'
import { until } from './client.ts'
import { Server } from './server.ts'

const run = promisify(execFile)
const image = imageConfig()

type Environment = Readonly<Record<string, string>>

/** What other servers of the tests are given by the engine that they run on: nothing, to a server. */
const unset: Environment = { REDIS_URL: '', REDIS_PREFIX: '', SECRETS_KEY: '' }

export interface Container {
  readonly server: Server
  /** Starts it as its container would be, and waits until its health check finds it well. */
  start(): Promise<void>
  /** What its health check says, run as Docker runs it. */
  isHealthy(): Promise<boolean>
  /** The same question without a process for it: what may be asked again and again. */
  isReady(): Promise<boolean>
}

/**
 * What docker-compose.yml starts, started without Docker: the same commands with the same environment and files, where
 * volumes, mounts and secrets are folders, and names of hosts ports of this machine.
 */
export class ByHand {
  readonly compose = readCompose()
  /** The image's root, which containers cannot write to. */
  readonly root: string
  readonly #folder: string
  readonly #ports = new Map<string, number>()

  constructor(folder: string) {
    this.#folder = folder
    const stages = this.#made('image')
    this.root = buildImage(stages)
    execFileSync('sh', [join(repository, 'deploy/make-secrets.sh'), this.#made('secrets')])
  }

  service(name: string): Service {
    const service = this.compose.services[name]
    if (service === undefined) throw new Error(`docker-compose.yml has no ${name}`)
    return service
  }

  /** From now on whoever names this host reaches that port. */
  listens(host: string, port: number): void {
    this.#ports.set(host, port)
  }

  secret(name: string): string {
    return readFileSync(join(this.#folder, 'secrets', basename(this.compose.secrets[name]?.file ?? '')), 'utf8')
  }

  volume(name: string): string {
    return this.#made(`volumes/${name}`)
  }

  /** A text of the container with its paths and hosts as they are here. */
  here(name: string, text: string): string {
    const mounts = mountsOf(this.service(name))
    const places = new Set([...image.folders.map(({ path }) => path), ...mounts.map(({ target }) => target)])
    let said = text
    for (const target of [...places].toSorted((a, b) => b.length - a.length)) {
      const mount = mounts.find((one) => one.target === target)
      said = said.replaceAll(new RegExp(String.raw`(?<![\w.-])${target}(?![\w.-])`, 'g'), () =>
        mount === undefined ? join(this.root, target) : this.#placeOf(name, mount),
      )
    }
    return said.replaceAll(/(?<=:\/\/)([\w-]+):\d+/g, (_, host: string) => `127.0.0.1:${this.#portOf(host)}`)
  }

  /** Prepares one of our servers; whoever starts it must have said where the others listen. */
  async prepare(name: string): Promise<Container> {
    const env: Record<string, string> = {}
    const server = await Server.prepare({ env })
    this.listens(name, server.port)
    const { origin } = server.client
    const isReady = async (): Promise<boolean> => (await fetch(`${origin}/health/ready`)).ok
    const isHealthy = async (): Promise<boolean> => {
      const [, ...rest] = image.healthCheck
      const env = { ...process.env, PORT: String(server.port) }
      const failure = await run(process.execPath, rest, { env }).catch((error: { code: unknown }) => error)
      if ('code' in failure) assert.equal(failure.code, 1, 'a health check ends with 0 or 1')
      return !('code' in failure)
    }
    return {
      ...{ server, isReady, isHealthy },
      start: async () => {
        // Where it listens is the one thing that is not as in its container.
        const { HOST: _, PORT: __, ...given }: Environment = { ...unset, ...environmentOf(this.service(name)) }
        for (const [variable, value] of Object.entries(given)) env[variable] = this.here(name, value)
        // Here all of them have the address of this machine.
        if (env['ALLOWED_HOSTS'] !== undefined) env['ALLOWED_HOSTS'] = this.#hosts(env['ALLOWED_HOSTS'])
        env['SECRETS_PATHS'] = join(this.#folder, 'secrets')
        const [, ...rest] = image.command
        server.spawn([process.execPath, ...rest], join(this.root, image.workdir))
        await until(`${name} to be ready`, isReady).catch((error: unknown) => {
          throw new Error(`${name} does not get ready:\n${server.output}`, { cause: error })
        })
        assert.ok(await isHealthy(), `the health check does not find ${name} well`)
      },
    }
  }

  #hosts(allowed: string): string {
    return allowed
      .split(',')
      .map((host) => (host in this.compose.services ? '127.0.0.1' : host))
      .join(',')
  }

  #portOf(host: string): number {
    const port = this.#ports.get(host)
    if (port === undefined) throw new Error(`nobody has said where ${host} listens`)
    return port
  }

  #placeOf(name: string, { kind, source, target }: Mount): string {
    if (kind === 'volume') return this.volume(source)
    if (kind === 'secret') return join(this.#folder, 'secrets', basename(this.compose.secrets[source]?.file ?? ''))
    const folder = join(repository, source)
    return target === image.environment['CONFIG_DIR'] ? this.#configured(name, folder) : folder
  }

  /** The agents name paths and hosts too, so that each server gets its config with those of this machine. */
  #configured(name: string, source: string): string {
    const folder = join(this.#folder, 'config', name)
    cpSync(source, folder, { recursive: true })
    for (const file of readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((path) => join(folder, path)))
      if (statSync(file).isFile() && file.endsWith('.json'))
        writeFileSync(file, this.here(name, readFileSync(file, 'utf8')))
    return folder
  }

  #made(path: string): string {
    const folder = join(this.#folder, path)
    mkdirSync(folder, { recursive: true })
    return folder
  }
}
