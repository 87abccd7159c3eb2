/** `npm run chaos`: delivers through faults of all kinds, and says what got lost. See `-- --help`. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Command, InvalidArgumentError, Option } from 'commander'
import { engines, type Engine } from './installation.ts'
import { run } from './run.ts'
import { tableOf } from './table.ts'

interface Given {
  readonly minutes: number
  readonly seed: number
  readonly engine: Engine
  readonly dir: string
  readonly keep?: true
}

const { minutes, seed, engine, dir, keep } = new Command('npm run chaos --')
  .description(
    'Delivers numbers to several targets while servers, Redis and connections fail; exits with 1 when anything is lost, out of order, applied twice or torn.',
  )
  .option('--minutes <n>', 'how long faults are injected', positive, 5)
  .option('--seed <n>', 'the same seed, the same faults', wholeNumber, Math.floor(Math.random() * 1_000_000))
  .addOption(new Option('--engine <engine>', 'of the author').choices(engines).default('redis'))
  .option('--dir <folder>', 'where to work', tmpdir())
  .option('--keep', 'keep everything there, also when all is well')
  .parse()
  .opts<Given>()

mkdirSync(dir, { recursive: true })
const folder = mkdtempSync(join(resolve(dir), 'trebuchet-chaos-'))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
say(`seed ${seed}, ${minutes} minutes, ${engine}, in ${folder}`)
try {
  const result = await run({ engine, minutes, seed, folder, tell: say })
  process.stdout.write(`${tableOf(result)}\nseed ${seed}\n`)
  say(`the longest recovery was at ${result.recovery.where}`)
  const wrong = [result.lost, result.reordered, result.duplicated, result.torn, result.other].flat()
  for (const line of wrong.slice(0, 100)) say(line)
  finish(wrong.length === 0)
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error))
  finish(false)
}

function finish(isWell: boolean): void {
  if (isWell && keep === undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 })
  else say(`what is left lies in ${folder}`)
  process.exit(isWell ? 0 : 1)
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

function positive(text: string): number {
  if (!/^\d{1,4}(\.\d+)?$/.test(text) || Number(text) === 0) throw new InvalidArgumentError('It must be a number.')
  return Number(text)
}

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
