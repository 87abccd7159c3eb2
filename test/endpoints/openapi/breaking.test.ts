/** Which changes break those who call a service. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, printJson } from '../../../src/documents/json.ts'
import type { Value } from '../../../src/documents/value.ts'
import { breakingChanges } from '../../../src/endpoints/openapi/breaking.ts'
import { changesIn, published, sourceAt } from './documents.ts'

type Plain = Readonly<Record<string, unknown>>

function contentOf(item: Plain, components: Plain = {}): Value {
  return parseJson(JSON.stringify({ components, item }))
}

function request(schema: unknown, more: Plain = {}): Plain {
  return { get: { requestBody: { content: { 'a/json': { schema } }, ...more }, responses: {} } }
}

function response(schema: unknown, status = '200'): Plain {
  return { get: { responses: { [status]: { content: { 'a/json': { schema } } } } } }
}

function parameter(more: Plain, place = 'query'): Plain {
  return { get: { parameters: [{ in: place, name: 'p', ...more }] } }
}

function secured(security: unknown): Plain {
  return { get: { ...(security !== undefined && { security }) } }
}

const body = 'the request body'
const answer = 'the response 200'

const breaks: readonly (readonly [name: string, before: Plain, after: Plain, ...why: string[]])[] = [
  ['a method that is gone', { get: {}, put: {} }, { put: {} }, 'the method is gone'],
  [
    'a new required parameter',
    { get: {} },
    parameter({ required: true }),
    'the query parameter p is new, and required',
  ],
  [
    'a parameter that becomes required',
    parameter({}),
    parameter({ required: true }),
    'the query parameter p is required now',
  ],
  [
    'one that the path requires',
    { get: {} },
    { parameters: [{ in: 'header', name: 'P', required: true }], get: {} },
    'the header parameter p is new, and required',
  ],
  [
    "a parameter's type",
    parameter({ schema: { type: 'number' } }),
    parameter({ schema: { type: 'integer' } }),
    'the query parameter p: the type was number and is integer',
  ],
  ['a response that is gone', response({}), response({}, '201'), 'the response 200 is gone'],
  ['a range of them that gets narrower', response({}, '2XX'), response({}), 'the response 2XX is gone'],
  [
    'a media type that does not come any more',
    response({}),
    { get: { responses: { 200: { content: { 'b/json': {} } } } } },
    `${answer} is not a/json any more`,
  ],
  [
    'a media type that is not taken any more',
    request({}),
    { get: { requestBody: {} } },
    `${body} is not a/json any more`,
  ],
  ['a body that becomes required', request({}), request({}, { required: true }), 'the request body is required now'],
  ['a new required body', { get: {} }, request({}, { required: true }), 'a request body is new, and required'],
  [
    'a new required property',
    request({ properties: { a: {} } }),
    request({ properties: { a: {}, b: {} }, required: ['b'] }),
    `${body}/b: a new property is required`,
  ],
  [
    'a property that becomes required',
    request({ properties: { a: {} } }),
    request({ properties: { a: {} }, required: ['a'] }),
    `${body}/a: it is required now`,
  ],
  ['a name that becomes required', request({}), request({ required: ['a'] }), `${body}/a: it is required now`],
  [
    'a property that is not admitted any more',
    request({ properties: { a: {} } }),
    request({ additionalProperties: false }),
    `${body}/a: it is not admitted any more`,
  ],
  [
    'a property that does not come any more',
    response({ properties: { a: {}, b: {} } }),
    response({ properties: { b: {} } }),
    `${answer}/a: it does not come any more`,
  ],
  [
    'a property that may be absent',
    response({ properties: { a: {} }, required: ['a'] }),
    response({ properties: { a: {} } }),
    `${answer}/a: it may be absent now`,
  ],
  [
    'a type within others',
    response({ items: { properties: { a: { type: 'string' } } } }),
    response({ items: { properties: { a: { type: ['string', 'null'] } } } }),
    `${answer}/*/a: the type was string and is string or null`,
  ],
  [
    'a type of OpenAPI 3.0 that may be null',
    response({ type: 'string' }),
    response({ type: 'string', nullable: true }),
    `${answer}: the type was string and is string or null`,
  ],
  [
    'a type that was not said',
    request({}),
    request({ type: 'string' }),
    `${body}: the type was anything and is string`,
  ],
  [
    'a format',
    response({ type: 'string', format: 'date' }),
    response({ type: 'string', format: 'date-time' }),
    `${answer}: the format was date and is date-time`,
  ],
  [
    'a value that is not taken any more',
    request({ enum: ['a', 1.0] }),
    request({ enum: ['a'] }),
    `${body}: 1 is not admitted any more`,
  ],
  ['values where there were any', request({}), request({ enum: ['a'] }), `${body}: only "a" is admitted now`],
  ['a value that may come', response({ enum: ['a'] }), response({ enum: ['a', 'b'] }), `${answer}: "b" may come now`],
  ['any value that may come', response({ const: 'a' }), response({}), `${answer}: any value may come now`],
  ['a limit', request({ maxLength: 5 }), request({ maxLength: 4 }), `${body}: maxLength was 5 and is 4`],
  ['a new limit', request({}), request({ minimum: 4 }), `${body}: minimum was not set and is 4`],
  ['a pattern', request({ pattern: 'a' }), request({ pattern: 'b' }), `${body}: the pattern was a and is b`],
  [
    'an alternative that is not taken any more',
    request({ oneOf: [{ title: 'a' }, { title: 'b' }] }),
    request({ oneOf: [{ title: 'b' }] }),
    `${body}: a is not admitted any more`,
  ],
  [
    'an alternative that may come',
    response({ anyOf: [{ title: 'a' }] }),
    response({ anyOf: [{ title: 'a' }, { title: 'b' }] }),
    `${answer}: b may come now`,
  ],
  [
    'a header that does not come any more',
    { get: { responses: { 200: { headers: { h: { required: true } } } } } },
    { get: { responses: { 200: {} } } },
    `${answer} has no header h any more`,
  ],
  ['a key that is demanded', secured([]), secured([{ key: [] }]), 'key is demanded now'],
  ['a key that is not enough', secured([{ a: [] }, { b: [] }]), secured([{ a: [] }]), 'b is not enough any more'],
]

for (const [name, before, after, ...why] of breaks)
  test(`${name} breaks, and nothing does where all is the same`, () => {
    const changes = breakingChanges(contentOf(before), contentOf(after))
    assert.deepEqual(
      changes,
      why.map((one) => ({ part: 'GET', why: one })),
    )
    assert.deepEqual(breakingChanges(contentOf(before), contentOf(before)), [])
    assert.deepEqual(breakingChanges(contentOf(after), contentOf(after)), [])
  })

const harmless: readonly (readonly [name: string, before: Plain, after: Plain])[] = [
  ['a new method', { get: {} }, { get: {}, put: {} }],
  ['a new parameter that may be left out', { get: {} }, parameter({})],
  ['a parameter that may be left out now', parameter({ required: true }), parameter({})],
  [
    'a parameter that the operation had, of the path',
    parameter({ required: true }),
    { ...parameter({ required: true }), get: { parameters: [{ in: 'query', name: 'p' }] } },
  ],
  [
    'more that is taken',
    request({ type: 'integer', enum: ['a'], maxLength: 4 }),
    request({ type: 'number', maxLength: 5 }),
  ],
  ['more that comes', response({ properties: {} }), response({ properties: { a: {} }, required: ['a'] })],
  ['less that comes', response({ enum: ['a', 'b'] }), response({ enum: ['a'] })],
  ['a new response', response({}), { get: { responses: { 200: { content: { 'a/json': {} } }, 404: {} } } }],
  ['a range instead of one', response({}), response({}, '2XX')],
  ['what only the service says', request({}), request({ properties: { a: { readOnly: true } }, required: ['a'] })],
  ['what only the client says', response({ properties: { a: { writeOnly: true } } }), response({})],
  ['what is made of others', response({ properties: { a: {} } }), response({ allOf: [{ properties: { a: {} } }] })],
  ['a key less', secured([{ key: [] }]), secured([])],
]

for (const [name, before, after] of harmless)
  test(`${name} breaks nothing`, () => {
    assert.deepEqual(breakingChanges(contentOf(before), contentOf(after)), [])
  })

test('a path that is gone breaks as a whole, one that is new breaks nothing', () => {
  const content = contentOf({ get: {} })
  assert.deepEqual(breakingChanges(content, undefined), [{ part: '', why: 'the path is gone' }])
  assert.deepEqual(breakingChanges(undefined, content), [])
  assert.deepEqual(breakingChanges(null, content), [])
})

test('what is referred to is looked into, in circles too', () => {
  const ref = (name: string): Plain => ({ $ref: `#/components/schemas/${name}` })
  const schemas = (type: string): Plain => ({
    A: { properties: { b: ref('B'), self: ref('A') } },
    B: { properties: { a: ref('A'), c: { type } } },
    C: ref('C'),
  })
  const [before, after] = ['string', 'integer'].map((type) =>
    contentOf(response({ anyOf: [ref('A'), ref('C')] }), { schemas: schemas(type) }),
  )
  assert.deepEqual(breakingChanges(before, after), [
    { part: 'GET', why: 'the response 200/b/c: the type was string and is integer' },
  ])
})

test('between two versions that were published something breaks, and between a version and itself nothing', async () => {
  const read = async (name: string): Promise<Map<string, Value>> => {
    const changes = await changesIn(sourceAt(published('new', name)))
    return new Map(
      changes.flatMap((change) => {
        const bytes = change.kind === 'put' ? (change.resource.content?.() as Uint8Array | undefined) : undefined
        return change.kind === 'put' && bytes !== undefined
          ? [[change.resource.path, parseJson(String(Buffer.from(bytes)))]]
          : []
      }),
    )
  }
  const [olds, news] = [await read('ghes-3.18.json'), await read('ghes-3.19.json')]
  const broken = [...olds].filter(([path, content]) => breakingChanges(content, news.get(path)).length > 0)
  assert.ok(broken.length > 0 && broken.length < olds.size / 4, `${broken.length} of ${olds.size}`)
  for (const content of olds.values()) assert.deepEqual(breakingChanges(content, parseJson(printJson(content))), [])
})
