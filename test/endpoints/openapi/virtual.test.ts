/** A document that somebody serves, and keeps by hand, follows another one. */
import assert from 'node:assert/strict'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { printJson } from '../../../src/documents/json.ts'
import { tokensOf, valueAt } from '../../../src/documents/pointers.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { deletes } from '../deliveries.ts'
import { makeFolder } from '../trees.ts'
import {
  apply,
  changesIn,
  given,
  listOf,
  mirror,
  sourceAt,
  targetAt,
  textAt,
  valueIn,
  type About,
} from './documents.ts'

/** The service itself. */
const native = `openapi: 3.1.0
info: {title: Pets, version: '2'}
servers: [{url: https://native.example}]
paths:
  /pets:
    get:
      x-internal: of the service
      parameters:
        - {name: limit, in: query, schema: {type: integer}}
      responses:
        '200':
          description: all of them
          content:
            application/json:
              schema: {type: array, items: {$ref: '#/components/schemas/Pet'}}
    post:
      security: [{key: []}]
      responses: {'201': {description: made}}
  /pets/{id}:
    get:
      responses:
        '200': {$ref: '#/components/responses/One'}
  /owners:
    get: {responses: {'200': {description: owners}}}
components:
  schemas:
    Pet: {type: object, required: [id], properties: {id: {type: integer}, owner: {$ref: '#/components/schemas/Owner'}}}
    Owner: {type: object, properties: {name: {type: string}, pets: {type: array, items: {$ref: '#/components/schemas/Pet'}}}}
  responses:
    One: {description: one, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}
  securitySchemes:
    key: {type: apiKey, in: header, name: X-Key}
`

/** A copy of it from before, with what whoever serves it has added. */
const virtual = `# The pets of all.
openapi: 3.0.3   # not yet 3.1
info:
  title: Pets, served
  version: "1"
x-consumption: &gold {plan: gold}
servers:
  - url: https://gateway.example  # our own
paths:
  # Everybody asks for these.
  /pets:
    x-policies:
      - limit: 100   # a minute
    servers: [{url: https://gateway.example/fast}]
    get:
      # How many may be asked for.
      x-cache: 60s
      parameters:
        - name: limit
          in: query
          x-max: 50
          schema: {type: string}
      responses:
        '200':
          description: all of them   # as ever
          x-log: *gold
          content:
            application/json:
              schema:
                type: array
                items: {$ref: '#/components/schemas/Pet'}
    delete: # ours alone
      responses: {}

  /old:
    get:
      responses:
        '200':
          description: as it was
          content: {application/json: {schema: {$ref: '#/components/schemas/Old'}}}
  /kept: # of others
    get:
      responses: {'200': {description: pets, content: {application/json: {schema: {$ref: '#/components/schemas/Pet'}}}}}
components:
  schemas:
    # What a pet is.
    Pet:
      type: object
      x-table: pets
      properties: {id: {type: string}}
    Old: {type: object, properties: {pet: {$ref: '#/components/schemas/Older'}}}
    Older: {type: string}
    Unused: {type: boolean}
# The end.
`

async function both(t: TestContext, text = virtual, options: About = {}) {
  const [from, to] = [await given(t, native), await given(t, text)]
  const target = targetAt(to, options)
  return { from, to, target, changes: await changesIn(sourceAt(from)) }
}

/** The digests of what is listed, without the root. */
async function digests(path: string, options: About = {}): Promise<Record<string, string | undefined>> {
  const states = await listOf(targetAt(path, options))
  return Object.fromEntries(states.filter((one) => one.path !== '/').map(({ path: at, digest }) => [at, digest]))
}

function said(path: string, pointer: string): string {
  return printJson(valueAt(valueIn(path), tokensOf(pointer)) ?? null)
}

test('a path comes over whole, and all that is not of it stays byte for byte', async (t) => {
  const { from, to, target } = await both(t)
  const outcomes = await apply(t, target, await changesIn(sourceAt(from), ['/pets']))
  assert.deepEqual(outcomes, { '/pets': 'updated' })
  assert.equal((await digests(to))['/pets'], (await digests(from))['/pets'])
  const after = textAt(to)
  const lines = new Set(after.split('\n'))
  const lost = virtual.split('\n').filter((line) => !lines.has(line))
  assert.deepEqual(lost, [
    '          schema: {type: string}',
    "                items: {$ref: '#/components/schemas/Pet'}",
    '    delete: # ours alone',
    '      responses: {}',
  ])
  assert.match(after, /^          schema: \{type: integer\}$/m)
  assert.doesNotMatch(after, /x-internal|native\.example/)
})

test('what is used by others keeps what it says, and the new one gets a number', async (t) => {
  const { from, to, target, changes } = await both(t)
  await apply(t, target, changes)
  assert.equal(
    said(to, '/components/schemas/Pet'),
    '{"properties": {"id": {"type": "string"}}, "type": "object", "x-table": "pets"}',
  )
  assert.equal(said(to, '/components/schemas/Pet_2/x-trebuchet-name'), '"Pet"')
  assert.equal(said(to, '/components/schemas/Pet_2/properties/owner'), '{"$ref": "#/components/schemas/Owner"}')
  assert.equal(said(to, '/components/schemas/Owner/properties/pets/items'), '{"$ref": "#/components/schemas/Pet_2"}')
  const [there, here] = [await digests(from), await digests(to)]
  for (const path of ['/pets', '/pets/{id}', '/owners']) assert.equal(here[path], there[path], path)
  const before = textAt(to)
  const inode = statSync(to).ino
  assert.deepEqual(new Set(Object.values(await apply(t, target, changes))), new Set(['unchanged']))
  assert.equal(textAt(to), before)
  assert.equal(statSync(to).ino, inode)
})

test('what has a number is replaced where it stands, and goes when the name is free', async (t) => {
  const { from, to, target, changes } = await both(t)
  await apply(t, target, changes)
  writeFileSync(from, native.replace('required: [id]', 'required: [id, owner]'))
  await apply(t, target, await changesIn(sourceAt(from)))
  assert.equal(said(to, '/components/schemas/Pet_2/required'), '["id", "owner"]')
  assert.equal(said(to, '/components/schemas/Pet_3'), 'null')
  writeFileSync(from, native)
  await apply(t, target, await changesIn(sourceAt(from)), { header: mirror })
  assert.deepEqual(await digests(to), await digests(from))
  assert.equal(said(to, '/components/schemas/Pet_2'), 'null')
  assert.equal(said(to, '/components/schemas/Pet/x-table'), '"pets"')
})

test('a path that goes takes along what nothing else used, and nothing more', async (t) => {
  const { to, target } = await both(t)
  assert.deepEqual(await apply(t, target, [deletes('/old')]), { '/old': 'deleted' })
  const after = textAt(to)
  for (const gone of ['/old', 'as it was', 'Old']) assert.ok(!after.includes(gone), gone)
  const lines = virtual
    .split('\n')
    .filter((line) => !/old|Old|as it was|^    get:$|^      responses:$|^        '200':$/.test(line))
  for (const line of lines) assert.ok(after.includes(line), line)
  assert.equal(said(to, '/components/schemas/Unused'), '{"type": "boolean"}')
})

test('what an extension names stays', async (t) => {
  const { to, target } = await both(
    t,
    virtual.replace('x-consumption:', "x-form: {$ref: '#/components/schemas/Old'}\nx-consumption:"),
  )
  await apply(t, target, [deletes('/old')])
  assert.equal(said(to, '/components/schemas/Older'), '{"type": "string"}')
})

test('a mirror removes the paths that are not listed, within its guard', async (t) => {
  const { from, to, target, changes } = await both(t)
  const before = textAt(to)
  await assert.rejects(apply(t, target, changes, { header: mirror, deletes: { maxPercent: 50, maxCount: 100 } }), {
    code: 'conflict',
    message: /2 of the 3/,
  })
  assert.equal(textAt(to), before)
  const outcomes = await apply(t, target, changes, { header: mirror })
  assert.equal(outcomes['/kept'], 'deleted')
  assert.deepEqual(await digests(to), await digests(from))
  assert.equal(said(to, '/paths/~1pets/x-policies'), '[{"limit": 100}]')
  assert.equal(said(to, '/info/title'), '"Pets, served"')
})

test('only the paths that are asked for are written', async (t) => {
  const { to, target, changes } = await both(t)
  assert.deepEqual(await apply(t, target, changes, { paths: [parsePath('/pets/{id}')] }), { '/pets/{id}': 'created' })
  assert.equal(said(to, '/paths/~1pets/get/x-cache'), '"60s"')
  assert.equal(said(to, '/paths/~1owners'), 'null')
})

test('what is owned may be named: extensions, and members by their place', async (t) => {
  const owned = ['x-cache', '/paths/~1pets/get/responses/200/description', '/components/schemas/Pet/properties/id']
  const { to, target, changes } = await both(t, virtual, { owned })
  await apply(t, target, changes, { paths: [parsePath('/pets')] })
  assert.equal(said(to, '/paths/~1pets/get/x-cache'), '"60s"')
  assert.equal(said(to, '/paths/~1pets/get/x-internal'), 'null')
  assert.equal(said(to, '/paths/~1pets/x-policies'), 'null')
  assert.match(textAt(to), /description: all of them {3}# as ever/)
  const from = await given(t, native)
  const changed = await changesIn(sourceAt(from, { owned: [] }), ['/pets'])
  await apply(t, targetAt(to, { owned: [] }), changed)
  assert.equal(said(to, '/paths/~1pets/get/x-internal'), '"of the service"')
  assert.equal(said(to, '/paths/~1pets/get/x-cache'), 'null')
})

test('a document that is not there yet is made', async (t) => {
  const { changes, from } = await both(t)
  for (const name of ['deep/served.json', 'served.yml', 'served']) {
    const path = join(await makeFolder(t), name)
    const target = targetAt(path)
    assert.deepEqual(await listOf(target), [])
    await apply(t, target, changes)
    assert.ok(existsSync(path))
    assert.deepEqual(await digests(path), await digests(from))
    assert.equal(said(path.endsWith('.json') ? path : path, '/info/title'), '"served"')
  }
})
