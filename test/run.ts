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
 * What these folders test knows of no engine (architecture.test.ts holds them to it), so once is enough; and so it is for
 * several servers and what Docker starts, which bring their own. Browsers and commands speak with a server over the API
 * alone, and that is tested on both.
 */
const engineless = new RegExp(
  [
    '^(browser|compare|dashboard|documents|endpoints|interop|packages|resources|threads|state|queues)/',
    '^cli/(?!on-server|state)',
    '^end-to-end/(shared/|compose)',
    // What a page shows is the API's, which is tested on both.
    '^(browser|dashboard)/',
    '^(compose|dockerfile)',
  ].join('|'),
)

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
  const flags = ['--test', '--enable-source-maps', '--test-reporter=spec', '--test-concurrency=3']
  const runner = spawn(process.execPath, [...flags, ...paths], {
    stdio: 'inherit',
    env: { ...process.env, TEST_ENGINE: engine, ...(redis !== undefined && { TEST_REDIS_URL: redis }) },
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
