import assert from 'node:assert/strict'
import { test } from 'node:test'
import { contentOf, formatOf, type Format } from '../../src/compare/content.ts'

const cases: readonly [name: string, path: string, content: string | Uint8Array, Format, hint?: 'openapi-path'][] = [
  ['an object in a .json', '/a.json', '{"a": 1}', 'json'],
  ['a number in a .JSON', '/a.JSON', '1', 'json'],
  ['JSON with a byte order mark', '/a.json', '\ufeff{"a": 1}', 'json'],
  ['a .json that does not parse', '/a.json', '{"a": ', 'text'],
  ['a .json that says a name twice', '/a.json', '{"a": 1, "a": 2}', 'text'],
  ['a .json that is nested too deeply', '/a.json', '['.repeat(5000) + ']'.repeat(5000), 'text'],
  ['a .yaml', '/a.yaml', 'a: 1\n', 'yaml'],
  ['a .yml in a folder with a point', '/v1.2/a.yml', 'a: 1\n', 'yaml'],
  ['YAML with several documents', '/a.yaml', 'a: 1\n---\na: 2\n', 'text'],
  ['YAML with nothing but comments', '/a.yaml', '# nothing\n', 'text'],
  ['a .yaml that does not parse', '/a.yaml', 'a: [', 'text'],
  ['an OpenAPI document in JSON', '/api.json', '{"openapi": "3.1.0", "paths": {}}', 'openapi'],
  ['an OpenAPI document in YAML', '/api.yaml', 'swagger: "2.0"\npaths: {}\n', 'openapi'],
  ['what only says that it is OpenAPI', '/a.json', '{"openapi": "3.1.0"}', 'json'],
  ['what has a number for its version', '/a.json', '{"openapi": 3, "paths": {}}', 'json'],
  [
    'a path of an OpenAPI document',
    '/pets/{id}',
    '{"components": {}, "item": {"get": {}}}\n',
    'openapi-path',
    'openapi-path',
  ],
  ['a path whose name has an ending', '/pets.yaml', '{"components": {}, "item": {}}\n', 'openapi-path', 'openapi-path'],
  ['such a content with more in it', '/pets', '{"components": {}, "item": {}, "more": 1}\n', 'json', 'openapi-path'],
  ['such a content that nobody says is one', '/pets', '{"components": {}, "item": {}}\n', 'json'],
  ['a document without an ending', '/pages/1', '{"a": 1}\n', 'json'],
  ['JSON without an ending, by hand', '/pages/1', '\n[ 1,2 ]', 'json'],
  ['a document whose id has a point', '/hosts/example.com', '{"a": 1}\n', 'json'],
  ['a text that happens to be JSON', '/a.txt', '{"a":1}', 'text'],
  ['a text that begins as JSON does', '/a', '{a', 'text'],
  ['a text', '/a.txt', 'é', 'text'],
  ['nothing', '/a', '', 'text'],
  ['an empty .json', '/a.json', '', 'text'],
  ['a text with a NUL', '/a.txt', 'a\0b', 'bytes'],
  ['what is no UTF-8', '/a.json', Uint8Array.of(0x22, 0xff, 0x22), 'bytes'],
]

for (const [name, path, content, format, hint] of cases)
  test(`${name} is ${format}`, () => {
    const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content
    assert.equal(formatOf(path, bytes, hint), format)
  })

test('a content that has parts says how it is written, and keeps its text to the letter', () => {
  const text = '\ufeffopenapi: 3.1.0 # the version\npaths: {}\n'
  const content = contentOf('/a.yaml', new TextEncoder().encode(text))
  assert.ok(content.format === 'openapi')
  assert.equal(content.syntax, 'yaml')
  assert.equal(content.text, text)
})
