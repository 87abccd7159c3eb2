/** A virtual service behind a published one, which has gone on for years: each selection that can be made, and what it leaves alone. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ComparedRow } from '../../../src/compare/row.ts'
import { published } from '../../endpoints/openapi/documents.ts'
import { makeFolder } from '../../endpoints/trees.ts'
import { onRedis } from '../../home.ts'
import { givenComparisons, type Asked, type GivenComparisons } from './given-comparisons.ts'

interface Document {
  readonly [name: string]: unknown
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const skip = onRedis && 'it is the same on each engine'
const read = (which: 'old' | 'new'): Document =>
  JSON.parse(readFileSync(published(which, 'api.github.com.json'), 'utf8')) as Document

const [older, newer] = skip === false ? [read('old'), read('new')] : []

/** With what those who serve it have put there, at several levels. */
function served({ paths, ...document }: Document): Document {
  return {
    ...document,
    servers: [{ url: 'https://gateway.example/v2' }],
    'x-consumption': { plan: 'gold', keys: ['a', 'b'] },
    paths: Object.fromEntries(
      Object.entries(paths).map(([path, item], i) => {
        if (i % 3 > 0) return [path, item]
        const operation = { ...(item['get'] as object | undefined), 'x-policies': [{ quota: i }] }
        return [path, { 'x-policies': [path], ...item, ...(item['get'] !== undefined && { get: operation }) }]
      }),
    ),
  }
}

/** Some paths of it, and of its components those that they need. */
function withPaths(document: Document, wanted: readonly string[]): Document {
  const paths = Object.fromEntries(wanted.map((path) => [path, document.paths[path] ?? {}]))
  const all = document['components'] as Record<string, Record<string, unknown>>
  const components: Record<string, Record<string, unknown>> = {}
  const waiting: unknown[] = [paths]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop())
    for (const [, type = '', name = ''] of JSON.stringify(next).matchAll(/"#\/components\/(\w+)\/([^"/]+)"/g)) {
      const found = (components[type] ??= {})
      if (Object.hasOwn(found, name)) continue
      found[name] = all[type]?.[name]
      waiting.push(found[name])
    }
  return { ...document, components, paths }
}

const printed = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`

/** The text of one path, as it stands in the document. */
function textOfPath({ paths }: Document, path: string): string {
  const lines = JSON.stringify({ paths: { [path]: paths[path] } }, null, 2).split('\n')
  return lines.slice(2, -2).join('\n')
}

interface Service {
  readonly engine: GivenComparisons
  readonly agent: string
  readonly before: Document
  text(): string
}

async function service(t: TestContext, engine: GivenComparisons, from: Document, to: Document): Promise<Service> {
  const folder = await makeFolder(t)
  const [source, target] = [join(folder, 'source.json'), join(folder, 'target.json')]
  const before = served(to)
  writeFileSync(source, JSON.stringify(from))
  writeFileSync(target, printed(before))
  const agent = folder.slice(folder.lastIndexOf('-') + 1)
  await engine.agent(`a${agent}`, { kind: 'openapi', path: source }, { kind: 'openapi', path: target })
  return { engine, before, agent: `a${agent}`, text: () => readFileSync(target, 'utf8') }
}

function assertOwned(before: Document, text: string): void {
  const after = JSON.parse(text) as Document
  assert.deepEqual(Object.keys(after), Object.keys(before), 'names and their order')
  for (const name of ['servers', 'x-consumption', 'info']) assert.deepEqual(after[name], before[name], name)
  for (const [path, item] of Object.entries(after.paths)) {
    const was = before.paths[path]
    assert.deepEqual(item['x-policies'], was?.['x-policies'], `policies of ${path}`)
  }
}

const byPath = (rows: readonly ComparedRow[]): Map<string, ComparedRow> => new Map(rows.map((row) => [row.path, row]))

test('each of the eight selections takes what was chosen, and nothing else changes by a byte', { skip }, async (t) => {
  assert.ok(older && newer)
  const names = { old: Object.keys(older.paths), new: new Set(Object.keys(newer.paths)) }
  const differ = (path: string): boolean => JSON.stringify(older.paths[path]) !== JSON.stringify(newer.paths[path])
  const gone = names.old.filter((path) => !names.new.has(path)).slice(0, 3)
  const both = names.old
    .filter((path) => names.new.has(path) && differ(path))
    .filter((_, i) => i % 40 === 0)
    .slice(0, 6)
  const added = [...names.new].filter((path) => !names.old.includes(path)).slice(0, 3)
  assert.ok(gone.length > 2 && both.length > 5 && added.length > 2)
  const [from, to] = [withPaths(newer, [...both, ...added]), withPaths(older, [...both, ...gone])]
  const engine = await givenComparisons(t)
  for (const takes of [
    '',
    'modified',
    'added',
    'deleted',
    'modified added',
    'modified deleted',
    'added deleted',
    'complete',
  ])
    await t.test(takes === '' ? 'none' : takes, async (t) => {
      const { agent, before, text } = await service(t, engine, from, to)
      const comparison = await engine.compare(agent)
      const rows = await engine.rows(comparison)
      const takesOf = (row: ComparedRow): boolean => {
        const kind = { existing: 'modified', added: 'added', deleted: 'deleted' }[row.state]
        return takes === 'complete' || takes.split(' ').includes(kind)
      }
      const words = takes.split(' ')
      const selection: Asked =
        words.length === 1
          ? { preset: (takes === '' ? 'none' : takes) as never }
          : { preset: 'none', select: rows.filter(takesOf).map(({ path }) => path) }
      await engine.apply(comparison, { ...selection, allowDeletes: true, overrideGuard: 'meant' })
      const after = text()
      assertOwned(before, after)
      const [was, is] = [byPath(rows), byPath(await engine.rows(await engine.compare(agent)))]
      for (const row of rows) {
        const now = is.get(row.path)
        if (!takesOf(row)) {
          assert.equal(now?.target?.digest, was.get(row.path)?.target?.digest, `${row.path} was not chosen`)
          const of = decodeURIComponent(row.path)
          if (row.state !== 'added' && before.paths[of] !== undefined)
            assert.ok(after.includes(textOfPath(before, of)), `${of} is as it was, to the byte`)
        } else if (row.state === 'deleted') assert.equal(now, undefined)
        else assert.equal(now?.class, 'same', row.path)
      }
      if (takes === '') assert.equal(after, printed(before))
    })
})

test('all of a service follows in one go, and then nothing differs', { skip, timeout: 240_000 }, async (t) => {
  assert.ok(older && newer)
  const engine = await givenComparisons(t)
  // A third of its paths, by a rule that both documents know.
  const [from, to] = [newer, older].map((document) =>
    withPaths(
      document,
      Object.keys(document.paths).filter((path) => path.length % 3 === 0),
    ),
  ) as [Document, Document]
  const { agent, before, text } = await service(t, engine, from, to)
  const comparison = await engine.compare(agent)
  assert.ok(comparison.counts.changed > 60 && comparison.counts.added > 60)
  await engine.apply(comparison, { preset: 'complete', allowDeletes: true })
  assertOwned(before, text())
  const { existing, ...others } = (await engine.compare(agent)).counts
  assert.deepEqual(others, { added: 0, changed: 0, deleted: 0, conflicts: 0 })
  assert.ok(existing > 120)
})
