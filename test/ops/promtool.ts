import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { repository } from '../end-to-end/server.ts'
import { skipWithout } from '../interop/program.ts'

export const folder = join(repository, 'ops')

export function read(file: string): string {
  return readFileSync(join(repository, file), 'utf8')
}

/** Runs it in `ops/`, and fails with what it says; skips the test, loudly, where it is not installed. */
export function promtool(t: TestContext, args: readonly string[], input = ''): void {
  if (skipWithout(t, 'promtool', '.ci/run installs prometheus, which has it')) return
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: folder, input, encoding: 'utf8' })
  assert.equal(status, 0, `promtool ${args.join(' ')}\n${stdout}${stderr}`)
}

/** Names of metrics in an expression or a text, with what a histogram adds to its own. */
export function metricsIn(text: string): Set<string> {
  return new Set(text.match(/\b(trebuchet|nodejs|process)_[a-z0-9_]+\b/g))
}

/** Names in the table of docs/OPERATIONS.md, and the labels that it says each has. */
export function documented(): Map<string, { readonly kind: string; readonly labels: readonly string[] }> {
  const rows = read('docs/OPERATIONS.md').matchAll(
    /^\| (`(?:trebuchet|nodejs|process)_[^|]+) \| *(\w+) *\| *(?:\w+) *\| *([^|]*?) *\|/gm,
  )
  return new Map(
    [...rows].flatMap(([, names = '', kind = '', labels = '']) =>
      [...names.matchAll(/`(\w+)`/g)].map(
        ([, name = '']) => [name, { kind, labels: labels.split(', ').filter((label) => label !== '') }] as const,
      ),
    ),
  )
}

/** The series that such a name is of. */
export function familyOf(name: string, histograms: ReadonlySet<string>): string {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  return histograms.has(base) ? base : name
}
