/** What is written as YAML can be read and compared by people. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printJson } from '../../src/documents/json.ts'
import { parseYaml, printYaml } from '../../src/documents/yaml.ts'

test('the form is one that people can read and compare', () => {
  const document = {
    text: 'two\nlines\n',
    cut: 'two\n\nlines',
    dates: ['2020-01-01', '12:30', '3 apples', 'no', 'Norway', 'http://host/a?b=c#d', 'a: b', "it's", '', 'x #y'],
    nested: { list: [[['a', 'b'], {}], [], { a: 'b', c: ['d'] }], ['two words']: null },
  }
  const text = [
    'cut: |-\n  two\n\n  lines',
    "dates:\n  - '2020-01-01'\n  - '12:30'\n  - 3 apples\n  - 'no'\n  - Norway\n  - http://host/a?b=c#d\n  - 'a: b'\n  - it's\n  - ''\n  - 'x #y'",
    'nested:\n  list:\n    - - - a\n        - b\n      - {}\n    - []\n    - a: b\n      c:\n        - d\n  two words: null',
    'text: |\n  two\n  lines\n',
  ].join('\n')
  assert.equal(printYaml(document), text)
  assert.equal(printJson(parseYaml(text) ?? null), printJson(document))
})

test('very long strings and names are written and read', () => {
  for (const long of [
    'x'.repeat(2_000_000),
    'a b: '.repeat(300_000),
    'line\n'.repeat(300_000),
    'large '.repeat(500_000),
    '\t'.repeat(100_000),
  ]) {
    const document = { [long.slice(0, 5000)]: [long] }
    assert.equal(printJson(parseYaml(printYaml(document)) ?? null), printJson(document))
  }
})
