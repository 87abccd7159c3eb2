import { cpus } from 'node:os'
import { join } from 'node:path'
import { cpuMs, machineCpuMs } from '../processes.ts'
import { accept } from './accept.ts'
import { drain } from './drain.ts'
import { fanOut } from './fan-out.ts'
import type { EngineScenario, Figure, Size } from './figure.ts'
import { Installation, type Engine } from './installation.ts'
import { lanes } from './lanes.ts'
import { latency } from './latency.ts'
import { longQueue } from './long-queue.ts'

export const engineScenarios: readonly EngineScenario[] = [
  ...[accept(1), accept(50), latency, fanOut, drain, longQueue, lanes],
]

/** The values of one figure, for each engine in the order of the runs. */
export interface Row {
  readonly figure: Figure
  readonly values: Map<Engine, number[]>
}

export interface EngineResult {
  readonly scenario: EngineScenario
  readonly rows: readonly Row[]
  /** What of the machine's processors others used meanwhile, as a share, for each engine. */
  readonly others: Map<Engine, number[]>
}

export interface Course {
  readonly engines: readonly Engine[]
  readonly runs: number
  readonly size: Size
  /** Where each installation gets a new folder. */
  readonly folder: string
  readonly profiles?: string
  say(line: string): void
  /** What must be closed when the bench is interrupted. */
  readonly open: Set<{ close(): Promise<void> }>
}

/** One engine after the other, in turn, so that whatever else the machine does falls on both alike. */
export async function compare(scenario: EngineScenario, course: Course): Promise<EngineResult> {
  const result = { scenario, rows: [] as Row[], others: new Map<Engine, number[]>() }
  const runs = scenario.once === true ? 1 : course.runs
  for (let run = 0; run < runs; run++)
    for (const engine of run % 2 === 0 ? course.engines : course.engines.toReversed()) {
      const { measured, others } = await measureOnce(scenario, engine, run, course)
      remember(result.others, engine, others)
      for (const { figure, value } of measured) {
        let row = result.rows.find((row) => row.figure.name === figure.name)
        if (row === undefined) result.rows.push((row = { figure, values: new Map() }))
        remember(row.values, engine, value)
      }
    }
  return result
}

async function measureOnce(scenario: EngineScenario, engine: Engine, run: number, course: Course) {
  const name = `${scenario.name}-${engine}`
  const profiles = course.profiles === undefined ? undefined : join(course.profiles, name)
  const installation = await Installation.start(engine, join(course.folder, `${name}-${run}`), profiles)
  course.open.add(installation)
  const startedAt = performance.now()
  const before = { machine: machineCpuMs(), ours: oursMs(installation) }
  const measured = await scenario.measure(installation, course.size)
  const othersMs = machineCpuMs() - before.machine - (oursMs(installation) - before.ours)
  const wallMs = performance.now() - startedAt
  await installation.close()
  course.open.delete(installation)
  course.say(`${scenario.name}, run ${run + 1}: ${engine} took ${(wallMs / 1000).toFixed(1)} s`)
  for (const { figure, value } of measured) course.say(`  ${figure.name}: ${value.toFixed(2)} ${figure.unit}`)
  return { measured, others: Math.max(0, othersMs / (wallMs * cpus().length)) }
}

function oursMs(installation: Installation): number {
  return installation.cpuMs.all + cpuMs('self')
}

function remember(values: Map<Engine, number[]>, engine: Engine, value: number): void {
  values.set(engine, [...(values.get(engine) ?? []), value])
}
