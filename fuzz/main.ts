/** `npm run fuzz`: makes inputs that nobody would write, and says what they did. See `-- --help`. */
import { Argument, Command, InvalidArgumentError } from 'commander'
import { fuzzed } from './api/fuzzed.ts'
import type { Fuzzer } from './fuzzer.ts'
import { fuzzPackages } from './packages/run.ts'

const fuzzers: Readonly<Record<string, Fuzzer>> = { packages: fuzzPackages, api: fuzzed }

const program = new Command('npm run fuzz --')
  .description('Exits with 1 when a case breaks a promise, and prints how to make that case again.')
  .addArgument(new Argument('[what]', 'all of them if absent').choices(Object.keys(fuzzers)))
  .option('--seed <n>', 'the same seed, the same cases', wholeNumber, Math.floor(Math.random() * 1_000_000))
  .option('--cases <n>', 'how many of each', wholeNumber, 10_000)
  .option('--path <path>', 'of packages, only the case that a run with this seed has printed')
  .parse()
const { seed, cases, path } = program.opts<{ seed: number; cases: number; path?: string }>()
const [what] = program.args

for (const [name, fuzz] of Object.entries(fuzzers)) {
  if (what !== undefined && what !== name) continue
  const { figures, failure } = await fuzz({ seed, cases, ...(path !== undefined && { path }) })
  process.stdout.write(`${name}: seed ${seed}, ${cases} cases\n`)
  for (const [figure, value] of Object.entries(figures)) process.stdout.write(`  ${figure}: ${value}\n`)
  if (failure === undefined) continue
  process.stdout.write(`${failure}\n`)
  process.exitCode = 1
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Must be a whole number')
  return Number(text)
}
