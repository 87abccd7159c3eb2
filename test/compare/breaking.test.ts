import assert from 'node:assert/strict'
import { test } from 'node:test'
import { breakingIn, type Breaking } from '../../src/compare/breaking.ts'
import type { StructuredFormat } from '../../src/compare/content.ts'
import { partsOf } from '../../src/compare/parts.ts'
import { noRules, rulesFor, type PathRules } from '../../src/compare/rules.ts'
import { parseJson } from '../../src/documents/json.ts'
import { parsePath } from '../../src/resources/path.ts'

const never = new AbortController().signal

type Plain = { readonly [name: string]: unknown }

const ok: Plain = { responses: { 200: { description: 'ok' } } }
const needs = (name: string): Plain => ({ in: 'query', name, required: true, schema: { type: 'string' } })
const answers = (schema: Plain): Plain => ({
  responses: { 200: { description: 'ok', content: { 'application/json': { schema } } } },
})
const pet = { $ref: '#/components/schemas/Pet' }
const pets = (...names: string[]): Plain => ({
  schemas: {
    Pet: {
      ...{ type: 'object', required: names },
      properties: Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    },
  },
})

async function told(
  format: StructuredFormat,
  from: Plain,
  to: Plain,
  rules: PathRules = noRules,
): Promise<Record<string, unknown>> {
  const [source, target] = [parseJson(JSON.stringify(from)), parseJson(JSON.stringify(to))]
  const { parts } = partsOf({ source, target, base: undefined }, format, rules, false)
  const { parts: byPart, others }: Breaking = await breakingIn({ source, target }, format, rules, parts, never)
  return { ...Object.fromEntries(byPart), ...(others.length > 0 && { others }) }
}

const inPath = (source: Plain, target: Plain, rules?: PathRules): Promise<Record<string, unknown>> =>
  told('openapi-path', { components: {}, item: source }, { components: {}, item: target }, rules)

const document = (paths: Plain, components: Plain = {}): Plain => ({ openapi: '3.1.0', paths, components })

test('seen from the target, a method that goes or demands more breaks its callers, one that comes does not', async () => {
  const found = await inPath({ get: { ...ok, parameters: [needs('q')] }, put: ok }, { get: ok, delete: ok })
  assert.deepEqual(found, {
    DELETE: ['the method is gone'],
    GET: ['the query parameter q is new, and required'],
  })
  assert.deepEqual(await inPath({ get: ok, put: ok }, { get: { ...ok, parameters: [needs('q')] } }), {})
})

test('what all methods have in common is to blame for each of them', async () => {
  assert.deepEqual(await inPath({ parameters: [needs('q')], get: ok, put: ok }, { get: ok, put: ok }), {
    '/parameters': [
      'GET: the query parameter q is new, and required',
      'PUT: the query parameter q is new, and required',
    ],
  })
})

test('a component that changes breaks the methods that refer to it', async () => {
  const found = await told(
    'openapi-path',
    { components: pets('id'), item: { get: answers(pet) } },
    { components: pets('id', 'name'), item: { get: answers(pet) } },
  )
  assert.deepEqual(Object.keys(found), ['GET'])
})

test('what the target keeps, whatever is applied, breaks nobody', async () => {
  const rules = rulesFor({ compare: { ignore: [], sets: [] }, preserve: ['/get/parameters'] }).forPath(parsePath('/a'))
  const source = { get: { ...ok, summary: 'new', parameters: [needs('q')] } }
  assert.deepEqual(await inPath(source, { get: { ...ok, summary: 'old', parameters: [] } }, rules), {})
})

test('in a whole document each method of a path that goes is told of', async () => {
  const source = document({ '/a': { get: { ...ok, parameters: [needs('q')] } }, '/new': { get: ok } })
  const target = document({ '/a': { get: ok }, '/b/{id}': { get: ok, put: ok } })
  assert.deepEqual(await told('openapi', source, target), {
    'GET /a': ['the query parameter q is new, and required'],
    'GET /b/{id}': ['the path is gone'],
    'PUT /b/{id}': ['the path is gone'],
  })
})

test('in a whole document a component that changes is told of with those who refer to it', async () => {
  const paths = { '/a': { get: answers(pet) }, '/b': { get: ok } }
  const { others } = await told('openapi', document(paths, pets('id')), document(paths, pets('id', 'name')))
  assert.equal((others as string[]).length, 1)
  assert.match((others as string[])[0] ?? '', /^GET \/a: .*name/)
})

test('what is no OpenAPI document breaks nobody', async () => {
  assert.deepEqual(await told('json', { a: 1 }, { b: 1 }), {})
})

test('of very many reasons the first are told, and how many more there are', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `q${i}`)
  const { GET } = await inPath({ get: { ...ok, parameters: names.map(needs) } }, { get: ok })
  assert.equal((GET as string[]).length, 21)
  assert.equal((GET as string[]).at(-1), 'and 10 more')
})
