/** A server of its own to be tried: embedded, with a state that goes with it, and tokens that may do different things. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const program = resolve(import.meta.dirname, '../../src/server.js')
/** Who keeps what he is asked runs out of it; all that a server needs takes half. */
const heapMegabytes = 96
const adminToken = 'the-admin-of-the-fuzzer'

export interface Tried {
  readonly folder: string
  readonly origin: string
  readonly pid: number
  /** Authorization headers; undefined is who has none. */
  readonly callers: Readonly<Record<'admin' | 'mine' | 'theirs' | 'nobody', string | undefined>>
  /** Undefined while it runs. */
  readonly ended: () => string | undefined
  close(): Promise<void>
}

/** What nobody can guess: only who may see that agent can know it. */
export const unguessable = 'theirs-4f1c9a7e'

export async function startTried(): Promise<Tried> {
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-api-'))
  for (const name of ['work', 'source/content']) mkdirSync(join(folder, name), { recursive: true })
  for (const name of ['a', 'b']) writeFileSync(join(folder, 'source/content', name), name)
  const { PATH, HOME } = process.env
  const child = spawn(process.execPath, ['--max-semi-space-size=2', `--max-old-space-size=${heapMegabytes}`, program], {
    cwd: join(folder, 'work'),
    env: {
      ...{
        PATH,
        HOME,
        HOST: '127.0.0.1',
        PORT: '0',
        DATA_DIR: join(folder, 'data'),
        CONFIG_DIR: join(folder, 'config'),
      },
      ...{ ADMIN_TOKEN: adminToken, LOG_LEVEL: 'error', ALLOWED_PATHS: folder, PROTECT_METRICS: 'true' },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const output: string[] = []
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output.push(text)
      if (output.length > 200) output.shift()
    })
  try {
    const origin = await listening(child, output)
    const admin = `Bearer ${adminToken}`
    const post = async (path: string, body: object): Promise<unknown> => {
      const headers = { authorization: admin, 'content-type': 'application/json' }
      const response = await fetch(`${origin}/replication${path}`, {
        method: 'POST',
        headers,
        body: JSON.stringify(body),
      })
      if (!response.ok) throw new Error(`POST ${path}: ${response.status} ${await response.text()}`)
      return response.json()
    }
    const tokenFor = async (name: string, agents: string): Promise<string> => {
      const { secret } = (await post('/tokens', { name, rights: [{ agents: [agents], can: ['admin'] }] })) as {
        secret: string
      }
      return `Bearer ${secret}`
    }
    const source = { kind: 'directory', path: join(folder, 'source') }
    for (const name of ['mine', unguessable])
      await post('/config', { name, source, targets: [{ name: 'default', kind: 'memory' }], passive: ['dmz'] })
    const callers = {
      admin,
      mine: await tokenFor('mine', 'mine*'),
      theirs: await tokenFor('theirs', 'theirs*'),
      nobody: undefined,
    }
    const ended = (): string | undefined =>
      child.exitCode === null && child.signalCode === null
        ? undefined
        : `${child.exitCode ?? child.signalCode}: ${output.join('')}`
    return { folder, origin, pid: child.pid ?? 0, callers, ended, close: () => end(child, folder) }
  } catch (error) {
    await end(child, folder)
    throw error
  }
}

async function listening(child: ChildProcess, output: readonly string[]): Promise<string> {
  for (let left = 300; left > 0; left--) {
    const found = /listens on (http:\S+)\./.exec(output.join(''))?.[1]
    if (found !== undefined) return found
    if (child.exitCode !== null) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`the server does not start: ${output.join('')}`)
}

async function end(child: ChildProcess, folder: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const limit = setTimeout(() => child.kill('SIGKILL'), 20_000)
    await closed
    clearTimeout(limit)
  }
  rmSync(folder, { recursive: true, force: true })
}
