/** `npm run bench`: how fast two servers of ours copy a tree, beside what would otherwise be used. See `-- --help`. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { Contender } from './contender.ts'
import { Ours } from './ours.ts'
import { rivals, versionOf } from './rivals.ts'
import { measure, scenarios, type Result, type Scenario } from './scenarios.ts'
import { table } from './table.ts'

interface Options {
  readonly only?: readonly Scenario[]
  readonly runs: number
  readonly quick?: true
  readonly out?: string
  /** Below it, a new folder holds everything, and is removed at the end. */
  readonly dir: string
  readonly profile?: string
  /** False measures the rivals alone. */
  readonly ours: boolean
}

const options = new Command('npm run bench --')
  .description('Measures on generated trees, and prints one table.')
  .option('--only <scenario,…>', `of ${scenarios.map(({ name }) => name).join(', ')}`, chosenScenarios)
  .option('--runs <n>', 'runs of each tool, taken in turn', wholeNumber, 5)
  .option('--quick', 'one run of the smallest tree')
  .option('--out <file>', 'write the table to a file, too')
  .option('--dir <folder>', 'where to work; needs room for 15 GB', 'dist')
  .option('--profile <folder>', 'keep CPU profiles of the servers there; they then run slower')
  .option('--no-ours', 'only the tools beside ours')
  .parse()
  .opts<Options>()

const [loadBefore = 0] = loadavg()
const runs = options.quick ? 1 : options.runs
const chosen = options.quick ? scenarios.slice(0, 1) : (options.only ?? scenarios)
const installed = rivals.map((rival) => ({ rival, version: versionOf(rival) }))

mkdirSync(options.dir, { recursive: true })
const work = mkdtempSync(resolve(options.dir, 'bench-'))
const open = new Set<Contender>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    say(`ended by ${signal}`)
    void tidy().finally(() => process.exit(1))
  })
try {
  const results: Result[] = []
  for (const scenario of chosen) results.push(await run(scenario))
  const text = table(results, 'trebuchet', {
    runs,
    loadBefore,
    rivals: installed.map(({ rival, version }) => version ?? `${rival.program} is not installed, and was left out`),
  })
  process.stdout.write(text)
  if (options.out !== undefined) writeFileSync(options.out, text)
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
} finally {
  await tidy()
}

/** The servers and the daemon are new for each scenario, so that what one leaves in memory is not counted in the next. */
async function run(scenario: Scenario): Promise<Result> {
  const folder = join(work, scenario.name)
  const place = { source: join(folder, 'source'), targets: join(folder, 'targets') }
  for (const each of [place.source, place.targets]) mkdirSync(each, { recursive: true })
  const contenders: Contender[] = []
  const add = (contender: Contender): void => {
    contenders.push(contender)
    open.add(contender)
  }
  const profiles = options.profile === undefined ? undefined : resolve(options.profile, scenario.name)
  if (options.ours) add(await Ours.start(join(folder, 'servers'), profiles))
  for (const { rival, version } of installed)
    if (version === undefined) say(`${rival.name}: ${rival.program} is not installed`)
    else add(await rival.start(place.targets, join(folder, rival.program)))
  const result = await measure(scenario, contenders, place, runs, say)
  for (const contender of contenders) {
    await contender.close()
    open.delete(contender)
  }
  return result
}

async function tidy(): Promise<void> {
  await Promise.all([...open].map((contender) => contender.close()))
  // A tool that was interrupted may still be writing.
  rmSync(work, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 })
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function chosenScenarios(text: string): readonly Scenario[] {
  return text.split(',').map((wanted) => {
    const found = scenarios.find(({ name }) => name === wanted)
    if (found === undefined) throw new InvalidArgumentError(`There is no scenario ${wanted}.`)
    return found
  })
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new InvalidArgumentError('It must be a number from 1 to 999.')
  return Number(text)
}
