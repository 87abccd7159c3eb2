import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Class } from '../../src/compare/classes.ts'
import { withEdits } from '../../src/documents/edit.ts'
import { mergedEdits, overwritten, rebased } from '../../src/compare/merge.ts'
import { partsOf, preservedOf, type Part } from '../../src/compare/parts.ts'
import { noRules } from '../../src/compare/rules.ts'
import { parseJson, printJson } from '../../src/documents/json.ts'
import type { Value } from '../../src/documents/value.ts'
import { given } from './given-values.ts'

type Plain = { readonly [name: string]: unknown }

const schemas = (of: Plain): Plain => ({ schemas: of })
const ref = (name: string): Plain => ({ $ref: `#/components/schemas/${name}` })
const operation = (name: string): Plain => ({ responses: { 200: { content: { 'a/b': { schema: ref(name) } } } } })
const path = (item: Plain, components: Plain = {}): Value => parseJson(JSON.stringify({ components, item }))

function parts(source: Value, target: Value, base?: Value): readonly (readonly [string, Class])[] {
  const found = partsOf({ source, target, base }, 'openapi-path', noRules, base !== undefined).parts
  return found.map((one: Part) => [one.part, one.class])
}

const taking = (source: Value, target: Value, ...names: string[]): Value => {
  const chosen = new Map(names.map((name): [string, 'source'] => [name, 'source']))
  return withEdits(target, mergedEdits({ source, target, base: undefined }, 'openapi-path', noRules, chosen))
}

test('each method that differs is one part, and what a path says of itself is named by pointers', () => {
  const source = path({ get: { summary: 'a', tags: ['x'] }, post: {}, summary: 'one', parameters: [] })
  const target = path({ get: { summary: 'b', tags: ['y'] }, delete: {}, summary: 'two', parameters: [{ in: 'path' }] })
  assert.deepEqual(
    parts(source, target).map(([name]) => name),
    ['DELETE', 'GET', '/parameters', 'POST', '/summary'],
  )
})

test('the classes of methods are those of the three-way table', () => {
  const [a, b, c] = [{ summary: 'a' }, { summary: 'b' }, { summary: 'c' }]
  const base = path({ get: a, put: a, post: a, delete: a, head: a, options: a })
  const source = path({ get: b, put: a, post: b, delete: a, options: a, patch: a })
  const target = path({ get: a, put: b, post: c, head: a, options: a, trace: a })
  assert.deepEqual(parts(source, target, base), [
    ['DELETE', 'removed-at-target'],
    ['GET', 'fast-forward'],
    ['HEAD', 'deleted-at-source'],
    ['PATCH', 'new-at-source'],
    ['POST', 'conflict'],
    ['PUT', 'customised'],
    ['TRACE', 'target-only'],
  ])
})

test('the worked example: the source added POST, the target DELETE, and a merge has both', () => {
  const [base, source] = [path({ get: {}, put: {} }), path({ get: {}, put: {}, post: {} })]
  const target = path({ get: {}, put: {}, delete: {} })
  const sides = { source, target, base }
  const found = partsOf(sides, 'openapi-path', noRules, true)
  assert.equal(found.class, 'merge')
  assert.deepEqual(parts(source, target, base), [
    ['DELETE', 'target-only'],
    ['POST', 'new-at-source'],
  ])
  const chosen = new Map([['POST', 'source' as const]])
  const result = withEdits(target, mergedEdits(sides, 'openapi-path', noRules, chosen))
  assert.equal(printJson(result), printJson(path({ get: {}, put: {}, delete: {}, post: {} })))
  const common = rebased(sides, 'openapi-path', noRules, true, chosen)
  assert.ok(common.known && common.value !== undefined)
  assert.deepEqual(parts(source, result, common.value), [['DELETE', 'target-only']])
})

test('a method differs when what it refers to does, however far, and what nothing refers to does not count', () => {
  const far = (type: string): Plain =>
    schemas({ Pet: { properties: { owner: ref('Owner') } }, Owner: { items: ref('Name') }, Name: { type } })
  const item = { get: operation('Pet'), post: operation('Name'), put: {} }
  assert.deepEqual(
    parts(path(item, far('string')), path(item, far('integer'))).map(([name]) => name),
    ['GET', 'POST'],
  )
  const unused = { ...far('string'), responses: { Nobody: {} } }
  assert.deepEqual(parts(path(item, unused), path(item, far('string'))), [])
})

test('what components are called does not count, in references, mappings and security requirements', () => {
  const of = (pet: string, dog: string, key: string, mapping: string): Value =>
    path(
      { get: { ...operation(pet), security: [{ [key]: [] }] } },
      {
        schemas: {
          [pet]: { discriminator: { propertyName: 'kind', mapping: { dog: mapping } } },
          [dog]: { type: 'object' },
        },
        securitySchemes: { [key]: { type: 'http' } },
      },
    )
  assert.deepEqual(
    parts(of('Pet', 'Dog', 'key', 'Dog'), of('Pet_2', 'Hound', 'other', '#/components/schemas/Hound')),
    [],
  )
  const weaker = of('Pet', 'Dog', 'key', 'Dog')
  const other = parseJson(printJson(weaker).replace('"http"', '"apiKey"'))
  assert.deepEqual(
    parts(weaker, other).map(([name]) => name),
    ['GET'],
  )
})

test('a component that is only another name of one, and names of schemes in another order, do not count', () => {
  const direct = path({ get: operation('A') }, schemas({ A: { type: 'string' } }))
  const named = path({ get: operation('B') }, schemas({ B: ref('A'), A: { type: 'string' } }))
  assert.deepEqual(parts(direct, named), [])
  const secured = (http: string, key: string): Value =>
    path(
      { get: { security: [{ [http]: [], [key]: [] }] } },
      { securitySchemes: { [http]: { type: 'http' }, [key]: { type: 'apiKey' } } },
    )
  assert.deepEqual(parts(secured('a', 'b'), secured('b', 'a')), [])
})

test('what lies within a component is carried with the whole of it', () => {
  const within = { $ref: '#/components/schemas/Pet/properties/name' }
  const of = (item: Plain, type: string): Value => path(item, schemas({ Pet: { properties: { name: { type } } } }))
  const [source, target] = [
    of({ post: { requestBody: within } }, 'string'),
    of({ get: { requestBody: within } }, 'integer'),
  ]
  const result = taking(source, target, 'POST')
  assert.deepEqual(
    parts(source, result).map(([name]) => name),
    ['GET'],
  )
  assert.equal(printJson(result).includes('#/components/schemas/Pet_2/properties/name'), true)
})

test('schemas in circles are followed to their end', () => {
  const tree = (type: string, name = 'Node'): Value =>
    path({ get: operation(name) }, schemas({ [name]: { properties: { next: ref(name), value: { type } } } }))
  assert.deepEqual(parts(tree('string'), tree('string', 'Other')), [])
  assert.equal(parts(tree('string'), tree('integer')).length, 1)
  const two = (type: string): Value =>
    path({ get: operation('A') }, schemas({ A: { allOf: [ref('B')] }, B: { allOf: [ref('A'), { type }] } }))
  assert.deepEqual(parts(two('string'), two('string')), [])
  assert.equal(parts(two('string'), two('integer')).length, 1)
  // A circle of two that says the same as one of one.
  const round = path({ get: operation('A') }, schemas({ A: { items: ref('B') }, B: { items: ref('A') } }))
  assert.deepEqual(parts(round, path({ get: operation('A') }, schemas({ A: { items: ref('A') } }))), [])
})

test('a chain of 5,000 components is followed without a stack, and carried', () => {
  const chain = (end: string): Value => {
    const links = Array.from({ length: 5000 }, (_, i) => [
      `S${i}`,
      i === 4999 ? { type: end } : { items: ref(`S${i + 1}`) },
    ])
    return path({ get: operation('S0') }, schemas(Object.fromEntries(links) as Plain))
  }
  const [source, target] = [chain('string'), chain('integer')]
  assert.equal(parts(source, target).length, 1)
  assert.deepEqual(parts(source, taking(source, target, 'GET')), [])
})

test('a component that each level refers to twice is not written out', () => {
  const levels = Array.from({ length: 60 }, (_, i) => [
    `S${i}`,
    i === 59 ? {} : { allOf: [ref(`S${i + 1}`), ref(`S${i + 1}`)] },
  ])
  const wide = path({ get: operation('S0') }, schemas(Object.fromEntries(levels) as Plain))
  assert.deepEqual(parts(wide, wide), [])
  assert.equal(parts(wide, path({ get: operation('S0') }, schemas({ S0: {} }))).length, 1)
})

test('lists that are sets in OpenAPI have no order, and such as only look like them have', () => {
  const of = (turn: (list: unknown[]) => unknown[]): Value =>
    path({
      get: {
        tags: turn(['a', 'b']),
        parameters: turn([
          { name: 'p', in: 'query', schema: { type: turn(['string', 'null']), enum: turn(['x', 'y']) } },
          { name: 'q', in: 'query' },
        ]),
        security: turn([{ one: turn(['read', 'write']) }, { two: [] }]),
        requestBody: {
          content: { j: { schema: { required: turn(['a', 'b']), properties: { tags: {}, required: {} } } } },
        },
      },
    })
  assert.deepEqual(
    parts(
      of((list) => list),
      of((list) => list.toReversed()),
    ),
    [],
  )
  for (const ordered of [
    { example: { tags: ['a', 'b'] } },
    { default: ['a', 'b'] },
    { oneOf: [{ type: 'a' }, { type: 'b' }] },
  ]) {
    const schema = (value: unknown): Value =>
      path({ get: { responses: { 200: { content: { j: { schema: value } } } } } })
    const text = JSON.stringify(ordered)
    const turned: unknown = JSON.parse(text, (_, value: unknown) => (Array.isArray(value) ? value.toReversed() : value))
    assert.equal(parts(schema(ordered), schema(turned)).length, 1, text)
  }
})

test('a chosen method brings its components; a name that means something else to what stays gets another one', () => {
  const item = { get: operation('Pet'), post: operation('Pet') }
  const source = path(item, schemas({ Pet: { properties: { tag: ref('Tag') } }, Tag: { type: 'string' } }))
  const target = path(item, schemas({ Pet: { type: 'object' }, Pet_2: { type: 'array' } }))
  const result = taking(source, target, 'POST')
  assert.equal(
    printJson(result),
    printJson(
      path(
        { get: operation('Pet'), post: operation('Pet_2') },
        schemas({ Pet: { type: 'object' }, Pet_2: { properties: { tag: ref('Tag') } }, Tag: { type: 'string' } }),
      ),
    ),
  )
  assert.deepEqual(
    parts(source, result).map(([name]) => name),
    ['GET'],
  )
  // With the last method that used the target's, its name is free again.
  const all = taking(source, result, 'GET')
  assert.deepEqual(parts(source, all), [])
  assert.equal(printJson(all).includes('"Pet": {"properties"'), true)
  assert.equal(printJson(taking(source, target, 'GET', 'POST')), printJson(source))
})

test('a component that is there under its name, or a numbered one, is used and not written again', () => {
  const target = path(
    { get: operation('Pet'), put: operation('Pet_2') },
    schemas({ Pet: { type: 'object' }, Pet_2: { type: 'array' } }),
  )
  const source = path({ get: operation('Pet'), post: operation('Pet') }, schemas({ Pet: { type: 'array' } }))
  const edits = mergedEdits({ source, target, base: undefined }, 'openapi-path', noRules, new Map([['POST', 'source']]))
  assert.deepEqual(
    edits.map(({ at }) => at),
    [['item', 'post']],
  )
  assert.equal(printJson(withEdits(target, edits)).match(/Pet_2"}/g)?.length, 2)
})

test('a method that is taken away takes along what only it referred to', () => {
  const target = path({ get: operation('A'), put: operation('B') }, schemas({ A: {}, B: { items: ref('C') }, C: {} }))
  const source = path({ get: operation('A') }, schemas({ A: {} }))
  assert.equal(printJson(taking(source, target, 'PUT')), printJson(source))
})

test('what the target owns of a method survives its overwriting, by pointers that begin at the path', () => {
  const rules = given({ preserve: ['/*/x-policies'], ignore: ['/**/description'] })
  const source = path({ get: { summary: 'new', description: 'new', 'x-policies': ['source'] } })
  const target = path({ get: { summary: 'old', description: 'old', 'x-policies': ['target'] } })
  const sides = { source, target, base: undefined }
  const result = withEdits(target, overwritten(sides, 'openapi-path', rules))
  assert.equal(
    printJson(result),
    printJson(path({ get: { summary: 'new', description: 'old', 'x-policies': ['target'] } })),
  )
  assert.equal(preservedOf(result, rules, 'openapi-path'), '{"/get/x-policies": ["target"]}')
  assert.equal(partsOf({ ...sides, target: result }, 'openapi-path', rules, false).equal, true)
})

const document = (paths: Plain, more: Plain = {}): Value =>
  parseJson(JSON.stringify({ openapi: '3.1.0', paths, ...more }))

test('of a path that the source does not have, what is ignored is no part, and goes with the last method', () => {
  const rules = given({ ignore: ['/paths/*/summary'] })
  const sides = { source: document({}), target: document({ '/a': { get: {}, summary: 's' } }), base: undefined }
  assert.deepEqual(
    partsOf(sides, 'openapi', rules, false).parts.map(({ part }) => part),
    ['GET /a'],
  )
  const result = withEdits(sides.target, mergedEdits(sides, 'openapi', rules, new Map([['GET /a', 'source']])))
  assert.equal(printJson(result), printJson(document({})))
})

test('in a whole document methods are named with their paths, and all else by pointers', () => {
  const source = document(
    { '/a': { get: { summary: 'x' }, summary: 's' }, '/new': { put: {} } },
    { info: { title: 'a' } },
  )
  const target = document({ '/a': { get: {}, summary: 't' }, '/b': { get: {}, post: {} } }, { info: { title: 'b' } })
  const sides = { source, target, base: undefined }
  const found = partsOf(sides, 'openapi', noRules, false).parts.map(({ part }) => part)
  assert.deepEqual(found, ['/info/title', 'GET /a', '/paths/~1a/summary', 'GET /b', 'POST /b', 'PUT /new'])
  const all = new Map(found.map((part): [string, 'source'] => [part, 'source']))
  assert.equal(printJson(withEdits(target, mergedEdits(sides, 'openapi', noRules, all))), printJson(source))
  all.delete('GET /b')
  const result = withEdits(target, mergedEdits(sides, 'openapi', noRules, all))
  assert.deepEqual(
    partsOf({ ...sides, target: result }, 'openapi', noRules, false).parts.map(({ part }) => part),
    ['GET /b'],
  )
})
