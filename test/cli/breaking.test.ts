/** What breaks callers, as those who compare are shown it. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { OnServer } from './on-server.ts'

const given = await OnServer.start()
const { client } = given.server

const ok = { responses: { 200: { description: 'ok' } } }
const needs = { in: 'query', name: 'q', required: true, schema: { type: 'string' } }
const sides = {
  source: { '/kept': { get: { ...ok, parameters: [needs] }, put: ok }, '/new': { get: ok } },
  target: { '/kept': { get: ok }, '/old/{id}': { get: ok } },
}
for (const [side, paths] of Object.entries(sides))
  given.write(`${side}.json`, JSON.stringify({ openapi: '3.1.0', info: { title: side, version: '1' }, paths }))

interface Row {
  readonly path: string
  readonly state: string
  readonly breaking?: readonly string[]
  readonly changes?: readonly { readonly part: string; readonly breaking?: readonly string[] }[]
}

test('a comparison of definitions says what breaks callers, also of a path that goes', async () => {
  const [source, target] = ['source.json', 'target.json'].map((name) => join(given.folder, name))
  await client.agent({
    ...{ name: 'paths', source: { kind: 'openapi', path: source } },
    targets: [{ name: 'default', kind: 'openapi', path: target }],
  })
  const { body } = await client.post<{ recreate: Row[]; differences: Row[] }>('/agent/paths/compare', { json: {} })
  const broken = [...body.recreate, ...body.differences].map(({ path, breaking, changes }) => [
    path,
    breaking,
    changes?.map((one) => [one.part, one.breaking]),
  ])
  const why = 'the query parameter q is new, and required'
  const changes = [
    ['GET', [why]],
    ['PUT', undefined],
  ]
  assert.deepEqual(broken, [
    ['/kept', undefined, changes],
    ['/new', undefined, undefined],
    ['/old/{id}', ['the path is gone'], undefined],
  ])
  const text = await given.says(2, 'compare', 'paths')
  assert.match(text, /^ +GET \(.*\) breaking: the query parameter q is new, and required$/m)
  assert.match(text, /^- \[ \] \/old\/\{id\} \(.*\) breaking: the path is gone$/m)
  assert.doesNotMatch(text, /(PUT|new) .*breaking/)
})

test('a whole document that is compared as a file says it path by path', async () => {
  for (const side of Object.keys(sides)) {
    const paths = sides[side as keyof typeof sides]
    given.write(
      `${side}-files/api.json`,
      JSON.stringify({ openapi: '3.1.0', info: { title: 'a', version: '1' }, paths }),
    )
  }
  await client.agent({
    ...{ name: 'files', source: { kind: 'directory', path: join(given.folder, 'source-files') } },
    targets: [{ name: 'default', kind: 'directory', path: join(given.folder, 'target-files') }],
  })
  const text = await given.says(2, 'compare', 'files')
  assert.match(text, /^ +GET \/kept \(.*\) breaking: the query parameter q is new, and required$/m)
  assert.match(text, /^ +GET \/old\/\{id\} \(.*\) breaking: the path is gone$/m)
})
