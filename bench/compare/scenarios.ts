/** A comparison of two folders beside what rsync and rclone would list of them, and the memory that it takes. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { MemoryWatch } from '../memory.ts'
import { ServerProcess } from '../servers.ts'
import { crumbs, documents } from '../trees/content.ts'

export interface CompareScenario {
  readonly name: string
  readonly files: number
  /** Of a hundred files of the source. */
  readonly changed?: 1
  /** Ours alone, once, and of what is small and linked: only the memory counts. */
  readonly memory?: true
}

export const compareScenarios: readonly CompareScenario[] = [
  { name: 'compare-10k', files: 10_000 },
  { name: 'compare-100k', files: 100_000 },
  { name: 'compare-10k-changed', files: 10_000, changed: 1 },
  { name: 'compare-100k-changed', files: 100_000, changed: 1 },
  ...[10_000, 100_000, 1_000_000].map((files) => ({ name: `compare-memory-${files}`, files, memory: true as const })),
]

/** What one comparison of ours took, or one run of a rival. */
export interface Timed {
  readonly wallMs: number
  readonly peakAnonymousBytes?: number
  readonly longestDelayMs?: number
}

export interface CompareResult {
  readonly scenario: CompareScenario
  /** Of ours, which reads every file; all others are warm. */
  readonly first: Timed
  /** By name, in the order of the runs. */
  readonly runs: ReadonlyMap<string, readonly Timed[]>
}

export const ours = 'trebuchet'

const rivals: readonly { readonly name: string; readonly command: (from: string, to: string) => readonly string[] }[] =
  [
    { name: 'rsync -an --delete', command: (from, to) => ['rsync', '-an', '--delete', `${from}/`, `${to}/`] },
    {
      name: 'rclone check --size-only',
      command: (from, to) => ['rclone', '--config', '', 'check', '--size-only', from, to],
    },
  ]

/** What was changed so lately is read at every look; so long it takes until it is not. */
const settleMs = 3000
const nothing = { added: 0, changed: 0, deleted: 0, conflicts: 0 }

export async function compareFolders(
  scenario: CompareScenario,
  folder: string,
  runs: number,
  say: (line: string) => void,
): Promise<CompareResult> {
  const [from, to, home] = ['source', 'target', 'server'].map((name) => join(folder, name)) as [string, string, string]
  for (const each of [from, to, home]) mkdirSync(each, { recursive: true })
  const changed = write(scenario, from, to)
  await sleep(settleMs)
  const server = await ServerProcess.start('server', home)
  try {
    await server.ask([201], 'POST', '/replication/config', {
      name: 'bench',
      source: { kind: 'directory', path: from },
      targets: [{ name: 'default', kind: 'directory', path: to }],
    })
    const expected = { ...nothing, existing: scenario.files, changed }
    const first = await compared(server, expected)
    say(`${scenario.name}: the first comparison took ${told(first)}`)
    const taken = new Map<string, Timed[]>()
    const take = (name: string, timed: Timed): void => {
      taken.set(name, [...(taken.get(name) ?? []), timed])
      say(`${scenario.name}: ${name} took ${told(timed)}`)
    }
    for (let run = 0; run < (scenario.memory === true ? 1 : runs); run++) {
      take(ours, await compared(server, expected))
      for (const { name, command } of scenario.memory === true ? [] : rivals.filter(isInstalled))
        take(name, await timed(command(from, to)))
    }
    return { scenario, first, runs: taken }
  } finally {
    await server.close()
  }
}

/** Answers how many differ. */
function write({ files, changed, memory }: CompareScenario, from: string, to: string): number {
  if (memory === true) {
    crumbs(files).write(from)
    run(['cp', '-al', join(from, 'content'), to])
    return 0
  }
  documents(files).write(from)
  cpSync(join(from, 'content'), join(to, 'content'), { recursive: true, preserveTimestamps: true })
  if (changed === undefined) return 0
  let seen = 0
  let count = 0
  for (const entry of readdirSync(from, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && seen++ % 100 === 0) {
      const file = join(entry.parentPath, entry.name)
      writeFileSync(file, readFileSync(file, 'utf8').replace('{', '{"changed":true,'))
      count++
    }
  return count
}

async function compared(server: ServerProcess, expected: Readonly<Record<string, number>>): Promise<Timed> {
  const memory = new MemoryWatch(server.pid)
  // From now on.
  await server.longestDelayMs()
  const startedAt = performance.now()
  const { counts } = await server.ask<{ counts: Record<string, number> }>(
    ...([[201], 'POST', '/replication/agent/bench/compare', {}] as const),
  )
  const wallMs = performance.now() - startedAt
  const found = { peakAnonymousBytes: memory.stop(), longestDelayMs: await server.longestDelayMs() }
  for (const [name, count] of Object.entries(expected))
    if (counts[name] !== count) throw new Error(`${counts[name]} resources are ${name}, and ${count} should be`)
  return { wallMs, ...found }
}

/** From its start to its end; what differs makes rclone end with 1. */
async function timed([program = '', ...args]: readonly string[]): Promise<Timed> {
  const startedAt = performance.now()
  const child = spawn(program, args, { stdio: 'ignore' })
  const [status] = (await once(child, 'exit')) as [number | null]
  const wallMs = performance.now() - startedAt
  if (status !== 0 && status !== 1) throw new Error(`${program} ended with ${status}`)
  return { wallMs }
}

function run([program = '', ...args]: readonly string[]): void {
  const { status } = spawnSync(program, args, { stdio: 'ignore', timeout: 300_000 })
  if (status !== 0) throw new Error(`${program} ended with ${status}`)
}

function isInstalled({ command }: { readonly command: (from: string, to: string) => readonly string[] }): boolean {
  const [program = ''] = command('', '')
  return (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(join(folder, program)))
}

function told({ wallMs, peakAnonymousBytes: bytes }: Timed): string {
  return `${(wallMs / 1000).toFixed(2)} s${bytes === undefined ? '' : `, with ${Math.ceil(bytes / 1e6)} MB`}`
}
