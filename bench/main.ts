/** `npm run bench`: how fast ours copies a tree, compares two, both engines are, and `trebuchet sync` is. See `-- --help`. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { compareFolders, compareScenarios, type CompareResult } from './compare/scenarios.ts'
import { compareTable } from './compare/table.ts'
import { browserPath, dashboardScenarios, lookAtDashboard, type DashboardResult } from './dashboard/scenarios.ts'
import { dashboardTable } from './dashboard/table.ts'
import { engines } from './engines/installation.ts'
import { compare, engineScenarios, type EngineResult } from './engines/scenarios.ts'
import { engineTable } from './engines/table.ts'
import { isInstalled, original, ours } from './sync/copying.ts'
import { measureOnce, syncScenarios } from './sync/scenarios.ts'
import { syncTable, type SyncRow } from './sync/table.ts'
import { measureTrees } from './trees/run.ts'
import { scenariosOf } from './trees/scenarios.ts'

interface Options {
  /** Names of scenarios. */
  readonly only?: ReadonlySet<string>
  readonly runs: number
  readonly quick?: true
  readonly out?: string
  /** Below it, a new folder holds everything, and is removed at the end. */
  readonly dir: string
  readonly profile?: string
  /** False measures the rivals alone. */
  readonly ours: boolean
  /** Every tree is so many times smaller. */
  readonly shrink: number
}

const groups: Readonly<Record<string, readonly string[]>> = {
  trees: scenariosOf()
    .filter(({ byNameOnly }) => byNameOnly !== true)
    .map(({ name }) => name),
  engines: engineScenarios.map(({ name }) => name),
  sync: syncScenarios.map(({ name }) => name),
  compare: compareScenarios.map(({ name }) => name),
  dashboard: dashboardScenarios.map(({ name }) => name),
}
const names = [...new Set([...Object.values(groups).flat(), ...scenariosOf().map(({ name }) => name)])]

const options = new Command('npm run bench --')
  .description('Measures copies of trees, both engines, the command line and comparisons, and prints a table of each.')
  .option(
    '--only <scenario,…>',
    `of ${names.join(', ')}; or trees, engines, sync, compare, dashboard for all of these (but what is named alone: file-4g, memory-…)`,
    chosenScenarios,
  )
  .option('--runs <n>', 'runs of each tool and engine, taken in turn', wholeNumber, 5)
  .option('--quick', 'one run of the smallest tree, and of everything else a little')
  .option('--out <file>', 'write the tables to a file, too')
  .option('--dir <folder>', 'where to work; needs room for 40 GB', 'bench-work')
  .option('--profile <folder>', 'keep CPU profiles of the servers there; they then run slower')
  .option('--no-ours', 'only the tools beside ours')
  .option(
    '--shrink <n>',
    'trees of the copies n times smaller, to try the bench: no figure of it counts',
    wholeNumber,
    1,
  )
  .parse()
  .opts<Options>()

const [loadBefore = 0] = loadavg()
const runs = options.quick ? 1 : options.runs
const isChosen = ({ name }: { readonly name: string }): boolean => options.only?.has(name) ?? true
const trees = scenariosOf(options.shrink)
  .filter(({ name, byNameOnly }) => options.only?.has(name) ?? byNameOnly !== true)
  .slice(0, options.quick && options.only === undefined ? 1 : undefined)
const compared = options.ours ? engineScenarios.filter(isChosen) : []
const copied = options.ours ? syncScenarios.filter(isChosen) : []
const folders = options.ours
  ? compareScenarios
      .filter(isChosen)
      .filter(({ files }) => options.only !== undefined || !options.quick || files < 100_000)
  : []
const looked = options.ours ? dashboardScenarios.filter(isChosen) : []

mkdirSync(options.dir, { recursive: true })
const work = mkdtempSync(resolve(options.dir, 'bench-'))
const open = new Set<{ close(): Promise<void> }>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    say(`ended by ${signal}`)
    void tidy().finally(() => process.exit(1))
  })
try {
  const tables: string[] = []
  if (trees.length > 0) tables.push(await copyTrees())
  if (compared.length > 0) tables.push(await compareEngines())
  if (copied.length > 0) tables.push(await compareSync())
  if (folders.length > 0) tables.push(await compareTrees())
  if (looked.length > 0) tables.push(await lookAtDashboards())
  const text = tables.join('\n')
  process.stdout.write(text)
  if (options.out !== undefined) writeFileSync(options.out, text)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  await tidy()
}

async function copyTrees(): Promise<string> {
  return measureTrees(trees, {
    ...{ folder: work, runs, ours: options.ours, loadBefore, say, open },
    ...(options.profile !== undefined && { profiles: resolve(options.profile) }),
  })
}

/** Without a redis-server the embedded engine alone. */
async function compareEngines(): Promise<string> {
  const { status, stdout } = spawnSync('redis-server', ['--version'], { encoding: 'utf8' })
  const redis =
    status === 0 ? `Redis ${/v=(\S+)/.exec(stdout)?.[1]}` : 'redis-server is not installed, and was left out'
  const results: EngineResult[] = []
  for (const scenario of compared)
    results.push(
      await compare(scenario, {
        engines: status === 0 ? engines : ['embedded'],
        ...{ runs, size: options.quick ? 'quick' : 'full', folder: work, say, open },
        ...(options.profile !== undefined && { profiles: resolve(options.profile) }),
      }),
    )
  return engineTable(results, { runs, redis, loadBefore })
}

async function compareSync(): Promise<string> {
  const rival = isInstalled(original)
  if (!rival) say(`${original.name} is not installed, and was left out`)
  const rows: SyncRow[] = []
  const size = options.quick ? 'quick' : 'full'
  for (const scenario of copied)
    for (let run = 0; run < (scenario.once ? 1 : runs); run++)
      for (const program of rival && !scenario.once ? [original, ours] : [ours])
        for (const { value, ...figure } of await measureOnce(scenario, program, join(work, scenario.name), size)) {
          say(`${scenario.name}, run ${run + 1}: ${program.name}, ${figure.name}: ${value.toFixed(2)} ${figure.unit}`)
          let row = rows.find(({ figure: { name } }) => name === figure.name)
          if (row === undefined) rows.push((row = { figure, values: new Map() }))
          row.values.set(program.name, [...(row.values.get(program.name) ?? []), value])
        }
  return syncTable(rows, runs, loadBefore)
}

async function compareTrees(): Promise<string> {
  const results: CompareResult[] = []
  for (const scenario of folders) results.push(await compareFolders(scenario, join(work, scenario.name), runs, say))
  return compareTable(results, runs, loadBefore)
}

async function lookAtDashboards(): Promise<string> {
  if (browserPath() === undefined) return 'There is no Chromium here: the dashboard was not measured.\n'
  const results: DashboardResult[] = []
  for (const scenario of looked) results.push(await lookAtDashboard(scenario, join(work, scenario.name), runs, say))
  return dashboardTable(results, runs, loadBefore)
}

async function tidy(): Promise<void> {
  await Promise.all([...open].map((each) => each.close()))
  // A tool that was interrupted may still be writing.
  rmSync(work, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function chosenScenarios(text: string): ReadonlySet<string> {
  return new Set(
    text.split(',').flatMap((wanted) => {
      const found = groups[wanted] ?? names.filter((name) => name === wanted)
      if (found.length === 0) throw new InvalidArgumentError(`There is no scenario ${wanted}.`)
      return found
    }),
  )
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 999.')
  return Number(text)
}
