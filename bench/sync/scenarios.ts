/** `trebuchet sync` beside resource-sync, where that is installed, each time from the start of the process to its end. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { Size } from '../engines/figure.ts'
import { copy, ours, Service, type Program, type Run } from './copying.ts'
import { writeFolder, writeLines } from './resources.ts'

export interface Measured {
  readonly name: string
  readonly unit: 'resources a second' | 'MB' | '× reading'
  readonly better: 'higher' | 'lower'
  readonly goal?: string
  readonly value: number
}

export interface SyncScenario {
  readonly name: string
  /** Ours alone, and once. */
  readonly once?: true
  measure(program: Program, folder: string, open: Set<Service>, size: Size): Promise<readonly Measured[]>
}

/** The rates that resource-sync was seen to have on two cores, and what ours is to reach of them. */
const goals = { write: '4 × 490', distant: '15 × 41', files: '4 × 2,500' }

export const syncScenarios: readonly SyncScenario[] = [
  writing('sync-write', 2000, 0, goals.write),
  writing('sync-distant', 500, 20, goals.distant),
  {
    name: 'sync-unchanged',
    measure: async (program, folder, open) => {
      const count = 2000
      writeFolder(join(folder, 'origin'), count)
      const service = await serving(0, open)
      await copy(program, join(folder, 'origin'), service.url)
      const before = await service.writes()
      const again = await copy(program, join(folder, 'origin'), service.url)
      if (program !== ours) return [rate('2,000 unchanged, again', count, again)]
      const writes = (await service.writes()) - before
      if (writes > 0) throw new Error(`${writes} unchanged resources were written`)
      const read = await readBoth(join(folder, 'origin'), service.url)
      return [
        rate('2,000 unchanged, again', count, again),
        { name: 'the same, beside reading both', unit: '× reading', better: 'lower', value: again.wallMs / read },
      ]
    },
  },
  {
    name: 'sync-files',
    measure: async (program, folder) => {
      const count = 10_000
      writeFolder(join(folder, 'origin'), count)
      const run = await copy(program, join(folder, 'origin'), join(folder, 'all.yaml'), false)
      return [rate('10,000 from a directory to a YAML file', count, run, goals.files)]
    },
  },
  {
    name: 'sync-memory',
    once: true,
    measure: async (program, folder, _open, size) => {
      const measured: Measured[] = []
      for (const count of size === 'quick' ? [10_000] : [10_000, 100_000, 1_000_000]) {
        const origin = join(folder, `${count}.ndjson`)
        writeLines(origin, count)
        const run = await copy(program, origin, join(folder, 'copy.ndjson'))
        rmSync(origin)
        rmSync(join(folder, 'copy.ndjson'))
        const name = `${count.toLocaleString('en')} from NDJSON to NDJSON`
        const value = run.peakAnonymousBytes / 1e6
        measured.push(rate(name, count, run), { name: `${name}, memory`, unit: 'MB', better: 'lower', value })
      }
      return measured
    },
  },
]

function writing(name: string, count: number, latencyMs: number, goal: string): SyncScenario {
  return {
    name,
    measure: async (program, folder, open) => {
      writeFolder(join(folder, 'origin'), count)
      const service = await serving(latencyMs, open)
      const run = await copy(program, join(folder, 'origin'), service.url)
      const writes = await service.writes()
      if (writes !== count) throw new Error(`${program.name} wrote ${writes} of ${count} resources`)
      const what = `${count.toLocaleString('en')} written to a service that takes ${latencyMs} ms`
      return [rate(what, count, run, goal)]
    },
  }
}

/** What no run can be faster than: both sides read, and nothing done with it. */
async function readBoth(origin: string, destination: string): Promise<number> {
  const one = await copy(ours, origin, 'null')
  const other = await copy(ours, destination, 'null')
  return one.wallMs + other.wallMs
}

function rate(name: string, count: number, { wallMs }: Run, goal?: string): Measured {
  const value = (count * 1000) / wallMs
  return { name, unit: 'resources a second', better: 'higher', value, ...(goal !== undefined && { goal }) }
}

async function serving(latencyMs: number, open: Set<Service>): Promise<Service> {
  const service = await Service.start(latencyMs)
  open.add(service)
  return service
}

/** One run of one program in a folder of its own. */
export async function measureOnce(
  scenario: SyncScenario,
  program: Program,
  folder: string,
  size: Size,
): Promise<readonly Measured[]> {
  const open = new Set<Service>()
  mkdirSync(folder, { recursive: true })
  try {
    return await scenario.measure(program, folder, open, size)
  } finally {
    await Promise.all([...open].map((service) => service.close()))
    rmSync(folder, { recursive: true, force: true })
  }
}
