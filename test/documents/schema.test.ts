/** What documents say of themselves, by each of the schemas. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { resourcesIn } from '../../src/documents/resources.ts'
import { hal, pointing, simple, type Schema } from '../../src/documents/schema.ts'

function typeOf(uri: string): string | undefined {
  return hal.type(parseJson(JSON.stringify({ _links: { self: { href: uri } } })))
}

test('in HAL the type is the last segment but one of the path of the URI', () => {
  for (const [uri, type] of [
    ['http://h/api/foo/1', 'foo'],
    ['/api/foo/1', 'foo'],
    ['http://h/api/foo/1/', 'foo'],
    ['http://h/api/foo/1?x=/y/z#/a/b', 'foo'],
    ['http://h/api/a%2Fb/1', 'a/b'],
    ['http://h/api/%zz/1', '%zz'],
    ['http://h/1', undefined],
    ['x', undefined],
    ['', undefined],
  ] as const)
    assert.equal(typeOf(uri), type, uri)
})

test('HAL says id, parents, links and what is embedded', () => {
  const document = parseJson(
    JSON.stringify({
      id: 12,
      items: [{ id: 1 }],
      _embedded: { one: { id: 2 }, more: [{ id: 3 }, { id: 4 }], none: 'x' },
      _links: {
        self: [{ href: '/api/foo/12' }],
        'parent:bar': { href: '/api/bar/1' },
        'parent:baz': [{ href: '/api/baz/1' }, { href: '/api/baz/2' }],
        search: { href: '/api/foo{?q}', templated: true },
        odd: [{ no: 'href' }, 7],
      },
    }),
  )
  assert.equal(hal.id(document), '12')
  assert.equal(hal.uri(document), '/api/foo/12')
  assert.deepEqual(hal.parents(document), ['/api/bar/1', '/api/baz/1', '/api/baz/2'])
  assert.deepEqual(hal.embedded(document).map(printJson), ['{"id": 1}', '{"id": 2}', '{"id": 3}', '{"id": 4}'])
  assert.deepEqual(
    hal.links(document).map(({ rel }) => rel),
    ['self', 'parent:bar', 'parent:baz', 'parent:baz'],
  )
})

test('what is no object says nothing, and nothing breaks', () => {
  const own = pointing({ id: '/meta/0/id' })
  for (const schema of [hal, simple, own])
    for (const text of ['null', '1', '"x"', '[]', '{}', '{"id": {}, "_links": 3, "links": "x", "type": [1]}']) {
      const document = parseJson(text)
      for (const says of [schema.id, schema.type, schema.uri]) assert.equal(says(document), undefined, text)
      for (const says of [schema.parents, schema.embedded, schema.links]) assert.deepEqual(says(document), [], text)
    }
})

test('pointers lead to what documents of another shape say', () => {
  const schema = pointing({ id: '/meta/key', type: '/a~1b/0', parents: '/up', embedded: '/list', uri: '/at' })
  const document = parseJson('{"meta": {"key": "k"}, "a/b": ["t"], "up": ["/x/1"], "list": [{"meta": {}}], "at": "/u"}')
  assert.deepEqual([schema.id(document), schema.type(document), schema.uri(document)], ['k', 't', '/u'])
  assert.deepEqual(schema.parents(document), ['/x/1'])
  assert.equal(schema.embedded(document).length, 1)
  for (const pointer of ['id', '/a~2', '/~']) assert.throws(() => pointing({ id: pointer }), { code: 'invalid' })
})

function named(text: string, schema: Schema, place = {}): string[] {
  return resourcesIn(parseJson(text), schema, place).map(({ type, id, value }) => `${type}/${id} ${printJson(value)}`)
}

test('a list or a page of resources is its members, and a resource keeps what is embedded in it', () => {
  const one = '{"id": 1, "type": "foo"}'
  assert.deepEqual(named(one, simple), [`foo/1 ${one}`])
  assert.deepEqual(named(`[${one}, ${one}]`, simple), [`foo/1 ${one}`, `foo/1 ${one}`])
  assert.deepEqual(named('[]', simple), [])
  assert.deepEqual(named(`{"embedded": [${one}]}`, simple, { type: 'foo', id: 'page' }), [`foo/1 ${one}`])
  const holder = `{"embedded": [${one}], "id": 2, "type": "bar"}`
  assert.deepEqual(named(holder, simple), [`bar/2 ${holder}`])
})

test('a place says what the document does not, and what nobody says is refused', () => {
  assert.deepEqual(named('{"a": 1}', simple, { type: 'foo', id: '1' }), ['foo/1 {"a": 1}'])
  assert.deepEqual(named('{"id": 2}', simple, { type: 'foo', id: '1' }), ['foo/2 {"id": 2}'])
  assert.deepEqual(named('"text"', hal, { type: 'foo', id: '1' }), ['foo/1 "text"'])
  assert.throws(() => named('{"id": 2}', hal), { code: 'invalid', message: /the id "2" has no type/ })
  assert.throws(() => named('{"type": "x"}', simple, { type: 'y' }), { code: 'invalid', message: /has no id/ })
  assert.throws(() => named('[{"id": 1}]', simple, { type: 'y' }), { code: 'invalid', message: /has no type/ })
})
