/**
 * Runs the test suite with node's own runner: every test file, or those whose path contains one of the arguments
 * (`npm test -- packages`).
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

const wanted = process.argv.slice(2)
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => file.includes(part))))
  .toSorted()
  .map((file) => join(import.meta.dirname, file))

if (files.length === 0) throw new Error(`no test file has ${wanted.join(' or ')} in its path`)

const runner = spawn(
  process.execPath,
  ['--test', '--enable-source-maps', '--test-reporter=spec', '--test-concurrency=2', ...files],
  {
    stdio: 'inherit',
  },
)
runner.on('exit', (code) => {
  process.exitCode = code ?? 1
})
