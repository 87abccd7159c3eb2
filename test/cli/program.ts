import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { TestContext } from 'node:test'
import { pino } from 'pino'
import type { Store } from '../../src/state/store.ts'
import { engineSettings, openTestHome } from '../home.ts'

const cli = resolve(import.meta.dirname, '../../src/cli/main.js')

export interface Outcome {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** The built command line as a process of its own, for the state that belongs to the folder on this run's engine. */
export class Program {
  readonly child: ChildProcess
  readonly #said = { stdout: '', stderr: '' }
  readonly #closed: Promise<unknown[]>

  constructor(folder: string, args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const { PATH, HOME, NODE_OPTIONS = '' } = process.env
    this.child = spawn(process.execPath, [cli, ...args], {
      cwd: folder,
      env: { PATH, HOME, NODE_OPTIONS, CONFIG_DIR: folder, DATA_DIR: folder, ...engineSettings(folder), ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    for (const name of ['stdout', 'stderr'] as const)
      this.child[name]?.setEncoding('utf8').on('data', (text: string) => (this.#said[name] += text))
    // It may end before it has read everything.
    this.child.stdin?.on('error', () => undefined)
    this.#closed = once(this.child, 'close')
  }

  async ended(): Promise<Outcome> {
    const limit = setTimeout(() => this.child.kill('SIGKILL'), 60_000)
    const [code, signal] = (await this.#closed) as [number | null, NodeJS.Signals | null]
    clearTimeout(limit)
    return { code, signal, ...this.#said }
  }
}

/** Runs it to its end, with `input` on its standard input. */
export function trebuchet(
  folder: string,
  args: readonly string[],
  { input = '', env = {} }: { readonly input?: string | Buffer; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<Outcome> {
  const program = new Program(folder, args, env)
  program.child.stdin?.end(input)
  return program.ended()
}

/** A folder, with a state of its own on this run's engine: whatever of it lies in Redis goes with the run. */
export function stateFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cli.'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Works on the state that belongs to the folder, as a server does, and leaves it. */
export async function onState<T>(folder: string, work: (store: Store) => Promise<T>): Promise<T> {
  const home = await openTestHome(folder, pino({ level: 'silent' }))
  try {
    return await work(home.store)
  } finally {
    await home.work.close(0)
    await home.store.close()
    await home.leave()
  }
}
