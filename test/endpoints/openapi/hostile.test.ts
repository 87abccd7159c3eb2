/** Documents that are none, or not quite, or want to be too much. */
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'node:test'
import { parseJson } from '../../../src/documents/json.ts'
import { fieldOf } from '../../../src/documents/value.ts'
import { puts } from '../deliveries.ts'
import { pathsIn, readAll } from '../trees.ts'
import { apply, changesIn, given, listOf, sourceAt, targetAt, textAt } from './documents.ts'

const head = 'openapi: 3.0.0\ninfo: {title: a, version: "1"}\n'

function pathWith(schema: string): string {
  return `${head}paths: {/a: {get: {responses: {'200': {description: x, content: {a/b: {schema: ${schema}}}}}}}}\n`
}

for (const [name, text, message] of [
  ['no text', '', /it is no object/],
  ['a list', '[]', /it is no object/],
  ['no YAML', 'a: [', /no YAML/],
  ['another document', 'a: 1', /no document of OpenAPI 3.0 or 3.1: it has no `openapi`/],
  ['Swagger 2.0', 'swagger: "2.0"\npaths: {}', /Swagger 2.0 document; convert it/],
  ['a version to come', 'openapi: 3.9.0\npaths: {}', /of version "3.9.0"/],
  ['paths that are a list', `${head}paths: []`, /`paths` of the document are no object/],
  ['a path without a slash', `${head}paths: {a: {}}`, /a path "a", which does not begin/],
  ['a path item that is null', `${head}paths: {/a: }`, /path item of "\/a" is no object/],
  ['a path item elsewhere', `${head}paths: {/a: {$ref: 'b.yaml'}}`, /"\/a": "b.yaml" leads out of the document/],
  ['a path item nowhere', `${head}paths: {/a: {$ref: '#/paths/~1b'}}`, /"\/a": "#\/paths\/~1b" leads nowhere/],
  [
    'path items in a circle',
    `${head}paths: {/a: {$ref: '#/paths/~1b'}, /b: {$ref: '#/paths/~1a'}}`,
    /leads in a circle/,
  ],
  ['a reference to another file', pathWith(`{$ref: 'pet.yaml#/Pet'}`), /"\/a": "pet.yaml#\/Pet" leads out/],
  ['a reference to nothing', pathWith(`{$ref: '#/components/schemas/Pet'}`), /schemas\/Pet" leads nowhere/],
  ['a reference to what objects have', pathWith(`{$ref: '#/components/__proto__/a'}`), /leads nowhere/],
  ['a reference into another path', pathWith(`{$ref: '#/paths/~1b/get'}`), /leads into another part/],
  ['a scheme that is not there', `${head}paths: {/a: {get: {security: [{key: []}]}}}`, /security scheme key/],
] as const)
  test(`${name}: such a document is refused, saying why`, async (t) => {
    const path = await given(t, text)
    await assert.rejects(readAll(sourceAt(path)), { code: 'invalid', message })
    await assert.rejects(listOf(targetAt(path)), { code: 'invalid', message })
  })

test('a path item that cannot be told is replaced, and others stay', async (t) => {
  const from = await given(t, `${head}paths: {/a: {summary: b}}`)
  const to = await given(t, `${head}paths:\n  /a: # nothing\n  /b: {$ref: c.yaml}\n`)
  await apply(t, targetAt(to), await changesIn(sourceAt(from)))
  assert.equal(textAt(to), `${head}paths:\n  /a: # nothing\n    summary: b\n  /b: {$ref: c.yaml}\n`)
})

test('what is no definition is refused by its path, and nothing is written', async (t) => {
  const text = `${head}paths: {/b: {summary: stays}}\n`
  const path = await given(t, text)
  for (const [at, content, message] of [
    ['/a', 'a: 1', /"\/a" cannot be held as the definition of a path: this is no JSON/],
    ['/a', '{"item": {}}', /no object of just an `item` and its `components`/],
    ['/a', '{"item": null, "components": {}}', /no object of just/],
    ['/a', '{"item": {}, "components": {}, "more": 1}', /no object of just/],
    ['/a', '{"item": {}, "components": {"others": {}}}', /"others", which is no section/],
    ['/a', '{"item": {}, "components": {"schemas": {"A": {"$ref": "#/components/schemas/B"}}}}', /does not come with/],
    ['/a', '{"item": {"$ref": "a.yaml"}, "components": {}}', /leads out of it/],
    ['/~a', '{"item": {}, "components": {}}', /no path of a service is called so/],
  ] as const) {
    const tree = puts({ [at]: content, '/z': '{"item": {}, "components": {}}' })
    await assert.rejects(apply(t, targetAt(path), tree), { code: 'invalid', message })
    assert.equal(textAt(path), text)
  }
  const tree = puts({ '/a': '[]', '/z': '{"item": {}, "components": {}}' })
  await assert.rejects(apply(t, targetAt(path), tree, { onFailure: 'go-on' }), { code: 'invalid', message: /1 of 2/ })
  assert.deepEqual(await pathsIn(sourceAt(path)), ['/', '/b', '/z'])
  assert.deepEqual(readdirSync(dirname(path)).toSorted(), ['.trebuchet-api.yaml', 'api.yaml'])
})

test('what refers to itself, and names that objects have, come over as they are', async (t) => {
  const components = `components:
  schemas:
    __proto__: {type: object, properties: {__proto__: {$ref: '#/components/schemas/constructor'}}}
    constructor: {anyOf: [{$ref: '#/components/schemas/constructor'}, {$ref: '#/components/schemas/__proto__'}]}
    a b/c: {type: string}
`
  const schema = `{anyOf: [{$ref: '#/components/schemas/__proto__'}, {$ref: '#/components/schemas/a%20b~1c'}]}`
  const from = await given(t, pathWith(schema).replace('/a:', '/__proto__:') + components)
  const other = `${head}paths: {/b: {get: {responses: {'200': {$ref: '#/components/responses/__proto__'}}}}}
components: {responses: {__proto__: {description: x}}, schemas: {a b/c: {type: number}}}
x-form: {$ref: '#/components/schemas/a b~1c'}
`
  for (const text of [head, other]) {
    const to = await given(t, text)
    await apply(t, targetAt(to), await changesIn(sourceAt(from)))
    const [there] = (await readAll(sourceAt(from))).filter(([path]) => path === '/__proto__')
    const [here] = (await readAll(sourceAt(to))).filter(([path]) => path === '/__proto__')
    assert.equal(String(here?.[1]), String(there?.[1]))
    assert.equal(({} as { anyOf?: unknown }).anyOf, undefined)
  }
})

test('what is referred to a thousand times is written out, and ten thousand times ten thousand refused', async (t) => {
  const list = (of: string, count: number): string => `[${Array.from({ length: count }, () => `*${of}`).join(', ')}]`
  const small = `x-a: &a {type: string}\n${pathWith(`{anyOf: ${list('a', 1000)}}`)}`
  const path = await given(t, small)
  const [, [, content] = []] = await readAll(sourceAt(path))
  assert.equal(String(content).split('"type": "string"').length, 1001)
  await apply(t, targetAt(path), puts({ '/b': '{"item": {}, "components": {}}' }))
  assert.ok(textAt(path).startsWith(`x-a: &a {type: string}\n${head}paths: {/a:`))
  const large = `x-a: &a {type: string}\nx-b: &b ${list('a', 10_000)}\n${pathWith(`{anyOf: ${list('b', 10_000)}}`)}`
  await assert.rejects(readAll(sourceAt(await given(t, large))), { code: 'invalid', message: /more than|too|aliases/i })
})

test('paths that no resource can have are escaped, and come back', async (t) => {
  const names = ['/', '/pets/', '//', '/a//b', '/./a', '/a/..', '/~', '/~a', '/a~', '/%2F', '/{id}:{verb}', '/ü?#']
  const from = await given(t, `${head}paths: ${JSON.stringify(Object.fromEntries(names.map((name) => [name, {}])))}`)
  const to = await given(t, head, 'copy.json'.replace('json', 'yaml'))
  const paths = await pathsIn(sourceAt(from))
  assert.deepEqual(
    new Set(paths),
    new Set([
      '/',
      '/~',
      '/pets/~',
      '/~/~',
      '/a/~/b',
      '/~./a',
      '/a/~..',
      '/~~',
      '/~~a',
      '/a~',
      '/%2F',
      '/{id}:{verb}',
      '/ü?#',
    ]),
  )
  await apply(t, targetAt(to), await changesIn(sourceAt(from)))
  assert.deepEqual(await pathsIn(sourceAt(to)), paths)
  assert.match(textAt(to), /^ {2}\/pets\/: \{\}$/m)
})

test('what is only called as extensions are is content, and so are examples', async (t) => {
  const path = await given(
    t,
    `${head}paths:
  x-all: 1
  /a:
    x-own: 1
    get:
      responses:
        x-own: 1
        '200':
          description: x
          headers: {x-rate: {x-own: 1, schema: {type: integer}}}
          content:
            x-type/json:
              example: {x-in: 1, servers: 1, $ref: nowhere}
              schema:
                x-own: 1
                properties: {x-name: {x-own: 1, enum: [{x-in: 1}], default: {x-in: 2}}}
      callbacks: {x-call: {x-own: 1, x: 1, '{$url}': {x-own: 1, summary: called, servers: []}}}
      parameters: [{$ref: '#/components/parameters/x-page', x-own: 1}]
components: {parameters: {x-page: {x-own: 1, name: x-page, in: header, examples: {x-first: {value: {x-in: 3}}}}}}
`,
  )
  const [, [, content] = []] = await readAll(sourceAt(path))
  const value = parseJson(String(content))
  assert.equal(
    JSON.stringify(fieldOf(value, 'item')).replaceAll(/\{"value":"(\d)","isLosslessNumber":true\}/g, '$1'),
    JSON.stringify({
      get: {
        callbacks: { 'x-call': { x: 1, '{$url}': { summary: 'called' } } },
        parameters: [{ $ref: '#/components/parameters/x-page' }],
        responses: {
          200: {
            content: {
              'x-type/json': {
                example: { $ref: 'nowhere', servers: 1, 'x-in': 1 },
                schema: { properties: { 'x-name': { default: { 'x-in': 2 }, enum: [{ 'x-in': 1 }] } } },
              },
            },
            description: 'x',
            headers: { 'x-rate': { schema: { type: 'integer' } } },
          },
        },
      },
    }),
  )
  assert.match(String(content), /"parameters": \{"x-page": \{"examples": \{"x-first": \{"value": \{"x-in": 3\}\}\}/)
})
