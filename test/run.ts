/**
 * Runs the test suite with node's own runner: every test file, or those whose path contains one of the arguments
 * (`npm test -- packages`), first on the embedded engine, then on Redis. `--engine=redis` or `--engine=embedded` runs
 * only that.
 *
 * Redis is the one that TEST_REDIS_URL names, or a redis-server from the PATH, started for this run.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { forgetPrefix, RedisServer } from './redis.ts'

const only = process.argv.find((word) => word.startsWith('--engine='))?.slice('--engine='.length)
const wanted = process.argv.slice(2).filter((word) => !word.startsWith('--engine='))
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
  .toSorted()
if (files.length === 0) throw new Error(`no test file has ${wanted.join(' or ')} in its path`)

/**
 * What these tests are about knows of no engine, so once is enough. That both engines do as they are told is held in state/
 * and queues/, for each by itself; that all that works with them gets the same is tried on both in agents/, in the routes
 * that keep something, and from end to end wherever servers die, end, start, wait, take turns or tell what was done. A new
 * file is run on both until it is named here.
 */
const engineless = new RegExp(
  [
    // What lies below, or speaks with a server over the API alone; several servers and what Docker starts bring their own.
    '^(browser|compare|dashboard|documents|endpoints|fuzz|interop|log|packages|resources|threads|state|queues)/',
    '^cli/(?!on-server|state)',
    '^(architecture|compose|compose-agents|delaying-proxy|dockerfile|settings|settings-files|supply-chain)\\.',
    // How selections, rows and documents are compared; that comparisons are kept, in which order, and what fails is on both.
    '^agents/comparisons/(between-kinds|complete|published)\\.',
    // What is asked and answered, and trees, packages and endpoints on their way through a server.
    '^end-to-end/(shared/|compose\\.)',
    '^end-to-end/(bad-requests|bad-trees|bad-uploads|bandwidth|documents|packages|protected|refusals|services)\\.',
    '^end-to-end/(as-listed|mirror|remote-conformance|resumed-uploads|resynchronise)\\.',
    '^end-to-end/(deltas|real-trees|remote-deltas|selections?|versions)\\.',
    '^routes/(access-matrix|compress|conventions|openapi|plan-of-comparison|schemas|session|slow-readers)\\.',
    '^security/(bodies|cached-secrets|classes|http|issuer|packages|reach-hosts|reach-paths|signed-packages|tls)\\.',
  ].join('|'),
)

/**
 * Most processes of the tests live for a second or two, and V8 of Node.js 20 would spend a fifth of that on optimizing what
 * then ends: here it begins later. Newer lines have no such flag, and do not need it.
 */
const patience = `import{setFlagsFromString}from'v8';setFlagsFromString('--interrupt-budget=1000000')`
const unhurried = process.version.startsWith('v20.') ? [`--import=data:text/javascript,${patience}`] : []

const named = process.env['TEST_REDIS_URL']
const own = named === undefined && RedisServer.isInstalled ? await RedisServer.start() : undefined
const redis = named ?? own?.url

let failed = 0
if (only !== 'redis') failed += await run('embedded', files)
if (only !== 'embedded') {
  const again = files.filter((file) => only !== undefined || !engineless.test(file))
  if (redis === undefined) sayLoudly()
  else if (again.length > 0) failed += await run('redis', again)
}
if (named !== undefined) await forgetPrefix(named, 'test-*')
await own?.remove()
process.exitCode = failed === 0 && (redis !== undefined || only !== 'redis') ? 0 : 1

function run(engine: 'embedded' | 'redis', which: readonly string[]): Promise<number> {
  process.stdout.write(`\n=== ${which.length} test files on the ${engine} engine ===\n`)
  const paths = which.map((file) => join(import.meta.dirname, file))
  // Some read documents of ten megabytes again and again, and would collect garbage for half of their time.
  const flags = ['--max-semi-space-size=64', '--enable-source-maps']
  flags.push('--test', '--test-reporter=spec', '--test-concurrency=3')
  const runner = spawn(process.execPath, [...flags, ...paths], {
    stdio: 'inherit',
    env: {
      ...process.env,
      NODE_OPTIONS: [process.env['NODE_OPTIONS'] ?? '', ...unhurried].join(' ').trim(),
      TEST_ENGINE: engine,
      ...(redis !== undefined && { TEST_REDIS_URL: redis }),
    },
  })
  return new Promise((resolve) => runner.on('exit', (code) => resolve(code ?? 1)))
}

function sayLoudly(): void {
  process.stderr.write(`
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
  NOT TESTED: the shared engine. There is no redis-server on the PATH, and
  TEST_REDIS_URL is not set. Install Redis 7 or newer, or name one.
!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!
`)
}
