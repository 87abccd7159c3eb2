import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { directorySource } from '../../src/endpoints/directory/source.ts'
import { parsePath } from '../../src/resources/path.ts'

const work = mkdtempSync(join(tmpdir(), 'trebuchet-remembered-'))
after(() => rmSync(work, { recursive: true }))

/** What no file has: where a listing says it, it was remembered. */
const invented = 'f'.repeat(64)
/** Longer than the coarsest clock. */
export const settleMs = 2500

export const files = {
  '/a/one': 'content of one',
  '/a/two': 'content of two',
  '/b/three': 'content of three',
  '/c': 'content of c',
}

export interface Place {
  readonly root: string
  readonly cache: string
}

export function given(): Place {
  const folder = mkdtempSync(join(work, 'tree-'))
  const root = join(folder, 'root')
  for (const name of ['a', 'b']) mkdirSync(join(root, name), { recursive: true })
  for (const [path, content] of Object.entries(files)) writeFileSync(join(root, path), content)
  return { root, cache: join(folder, 'cache') }
}

/** Paths with content, each with `remembered` or what was read. */
export async function listed({ root, cache }: Place, from = '/', verify = false): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for await (const { path, digest } of directorySource(root, cache).list?.(parsePath(from), AbortSignal.any([]), {
    verify,
  }) ?? [])
    if (digest !== undefined) found[path] = digest === invented ? 'remembered' : digest
  return found
}

/** All that is remembered from here on is invented. */
export function invent({ cache }: Place): void {
  falsify(onlyFolder(cache), toInvented)
}

export const toInvented = (records: string): string => records.replaceAll(/"[0-9a-f]{64}"/g, `"${invented}"`)

export async function remembering(): Promise<Place> {
  const place = given()
  await sleep(settleMs)
  await listed(place)
  invent(place)
  return place
}

export const read = (contents: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(contents).map(([path, content]) => [path, hash('sha256', content)]))
export const remembered = Object.fromEntries(Object.keys(files).map((path) => [path, 'remembered']))

/** The folder of the only root of which anything is remembered. */
export function onlyFolder(cache: string): string {
  const [name, ...others] = readdirSync(cache)
  assert.deepEqual(others, [])
  return join(cache, name ?? assert.fail('nothing is remembered'))
}

/** The files of its segments, in path order. */
export function segmentsOf(folder: string): readonly string[] {
  return linesOf(folder).map(([name]) => join(folder, name))
}

/** All that is remembered in it, as text. */
export function rememberedIn(cache: string): string {
  return segmentsOf(onlyFolder(cache))
    .map((file) => readFileSync(file, 'latin1'))
    .join('')
}

/** Whoever knows the format remembers something else from now on: what `change` makes of the records of each segment, and of the header. */
export function falsify(
  folder: string,
  change: (records: string) => string,
  ofHeader = (header: string): string => header,
): void {
  const lines = linesOf(folder).map(([name, first]) => {
    const bytes = Buffer.from(change(readFileSync(join(folder, name), 'latin1')), 'latin1')
    const other = hash('sha256', bytes)
    renameSync(join(folder, name), join(folder, other))
    writeFileSync(join(folder, other), bytes)
    return JSON.stringify([other, first])
  })
  const [, header = ''] = readFileSync(join(folder, 'index'), 'utf8').split('\n')
  const text = [ofHeader(header), ...lines].join('\n')
  writeFileSync(join(folder, 'index'), `${hash('sha256', text)}\n${text}`)
}

function linesOf(folder: string): readonly [name: string, first: string][] {
  const [, , ...lines] = readFileSync(join(folder, 'index'), 'utf8').split('\n')
  return lines.map((line) => JSON.parse(line) as [string, string])
}
