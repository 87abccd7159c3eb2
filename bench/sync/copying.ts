/** Runs a copying program to its end, and the service that it copies to. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import { MemoryWatch } from '../memory.ts'

export interface Run {
  readonly wallMs: number
  readonly peakAnonymousBytes: number
}

export interface Program {
  readonly name: string
  /** The words before `ORIGIN DESTINATION`; `json` where the copy is to be written as JSON. */
  command(json: boolean): readonly [string, ...string[]]
}

const main = resolve(import.meta.dirname, '../../src/cli/main.js')

export const ours: Program = {
  name: 'trebuchet sync',
  command: (json) => [process.execPath, main, 'sync', ...(json ? ['--json'] : [])],
}

export const original: Program = {
  name: 'resource-sync',
  command: (json) => ['resource-sync', ...(json ? ['--json'] : [])],
}

export function isInstalled({ command }: Program): boolean {
  const [file, ...args] = command(false)
  return spawnSync(file, [...args, '--help'], { timeout: 20_000 }).status === 0
}

/** From the start of the process to its end. Throws unless it succeeds. */
export async function copy(program: Program, origin: string, destination: string, json = true): Promise<Run> {
  const [file, ...args] = program.command(json)
  const startedAt = performance.now()
  const child = spawn(file, [...args, origin, destination], { stdio: ['ignore', 'ignore', 'pipe'] })
  const memory = new MemoryWatch(child.pid ?? 0)
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)))
  const [code] = (await once(child, 'close')) as [number | null]
  const wallMs = performance.now() - startedAt
  const peakAnonymousBytes = memory.stop()
  if (code !== 0) throw new Error(`${program.name} ${origin} ${destination} ended with ${code}: ${said.trim()}`)
  return { wallMs, peakAnonymousBytes }
}

/** An empty service that takes `latencyMs` for each answer. */
export class Service {
  readonly url: string
  readonly #origin: string
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: string) {
    this.#child = child
    this.#origin = `http://127.0.0.1:${port}`
    this.url = `${this.#origin}/api/`
  }

  static async start(latencyMs: number): Promise<Service> {
    const program = join(import.meta.dirname, 'service.js')
    const child = spawn(process.execPath, [program, String(latencyMs)], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    return new Service(child, line.toString().trim())
  }

  /** How many writes it has taken so far. */
  async writes(): Promise<number> {
    return Number(await (await fetch(`${this.#origin}/writes`)).text())
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill()
    await once(this.#child, 'close')
  }
}
