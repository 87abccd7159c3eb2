import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareNames, parseJson, printJson } from '../../src/documents/json.ts'
import { parseYaml, printYaml } from '../../src/documents/yaml.ts'
import { documents } from './arbitrary.ts'

test('a document comes back from JSON as it went, to the digit', () => {
  fc.assert(
    fc.property(documents, (document) => {
      const text = printJson(document)
      assert.match(text, /^[\u0020-\u007e]*$/)
      assert.equal(printJson(parseJson(text)), text)
    }),
    { numRuns: 500 },
  )
})

test('a document comes back from YAML as it went, to the digit', () => {
  fc.assert(
    fc.property(documents, (document) => {
      const back = parseYaml(printYaml(document))
      assert.ok(back !== undefined)
      assert.equal(printJson(back), printJson(document))
      assert.equal(printYaml(back), printYaml(document))
    }),
    { numRuns: 500 },
  )
})

test('names are sorted as UTF-8 sorts them', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (one, other) => {
      assert.equal(Math.sign(compareNames(one, other)), Buffer.compare(Buffer.from(one), Buffer.from(other)))
    }),
    { numRuns: 1000 },
  )
})

test('what people write in YAML is read as they mean it, and as JSON can hold it', () => {
  const read = (text: string): string => {
    const value = parseYaml(text)
    return value === undefined ? 'nothing' : printJson(value)
  }
  for (const [text, json] of [
    ['2020-01-01', '"2020-01-01"'],
    ['yes', '"yes"'],
    ['~', 'null'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.0', '1.0'],
    ['1.5E+3', '1.5E+3'],
    ['0x1F', '31'],
    ['-0o17', '-15'],
    ['+12', '12'],
    ['.5', '0.5'],
    ['012', '12'],
    ['1_000', '"1_000"'],
    ['', 'nothing'],
    ['# nothing\n---\n', 'nothing'],
    ['a: &x [1]\nb: *x', '{"a": [1], "b": [1]}'],
    ['{"a": "\\u00e9"}', '{"a": "\\u00e9"}'],
  ] as const)
    assert.equal(read(text), json, text)
})

test('what no document can be is refused, and nothing overflows', () => {
  const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
  for (let n = 1; n < 12; n++) {
    const name = String.fromCharCode(97 + n)
    bomb.push(`${name}: &${name} [${Array.from({ length: 10 }, () => `*${String.fromCharCode(96 + n)}`).join(', ')}]`)
  }
  for (const text of [
    'a: 1\na: 2',
    '.inf',
    '-.INF',
    '.nan',
    '&a [*a]',
    '[1',
    'a: b: c',
    '!!binary aGk=',
    bomb.join('\n'),
    '['.repeat(50_000),
  ])
    assert.throws(() => parseYaml(text), { code: 'invalid' }, text.slice(0, 40))
  for (const text of [
    '',
    '{"a": 1, "a": 2}',
    '01',
    '1.',
    '[1,]',
    "{'a': 1}",
    'NaN',
    '"\n"',
    '['.repeat(100_000),
    `${'[1,'.repeat(2000)}1${']'.repeat(2000)}`,
  ])
    assert.throws(() => parseJson(text), { code: 'invalid' }, text.slice(0, 40))
})
