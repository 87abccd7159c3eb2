/** What edits write, and where. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { edited, type Edit } from '../../src/documents/edit.ts'
import { printJson } from '../../src/documents/json.ts'
import { tokensOf } from '../../src/documents/pointers.ts'
import { numberOf, type Value } from '../../src/documents/value.ts'
import { parseYaml } from '../../src/documents/yaml.ts'

function edit(pointer: string, value?: Value): Edit {
  return { at: tokensOf(pointer), value }
}

const cases: readonly (readonly [
  name: string,
  format: 'json' | 'yaml',
  text: string,
  edits: readonly Edit[],
  after: string,
])[] = [
  ['a text in which nothing changes', 'yaml', 'a:   1\n', [edit('/a', numberOf('1')), edit('/b')], 'a:   1\n'],
  ['an empty text', 'yaml', '', [edit('/a/b', 'c')], 'a:\n  b: c\n'],
  ['a text of comments alone', 'yaml', '# none\n---', [edit('/a', 'c')], '# none\n---\na: c\n'],
  ['an empty text of JSON', 'json', '\n', [edit('/a', 'c')], '{\n  "a": "c"\n}\n'],
  ['a comment behind a value', 'yaml', 'a: 1 # one\nb: 2', [edit('/a', 'x')], 'a: x # one\nb: 2'],
  ['a comment behind what becomes a block', 'yaml', 'a: 1 # one\n', [edit('/a', ['x'])], 'a: # one\n  - x\n'],
  ['a comment where nothing is', 'yaml', 'a: # one\nb: 1\n', [edit('/a', ['x'])], 'a: # one\n  - x\nb: 1\n'],
  ['a comment before a block', 'yaml', 'a: # one\n  b: 1\n', [edit('/a', ['x'])], 'a: # one\n  - x\n'],
  [
    'comments that belong to what goes',
    'yaml',
    '# head\n\na: 1\n\n# of b\nb:\n  c: 1\n  # in b\nd: 1\n',
    [edit('/b')],
    '# head\n\na: 1\n\nd: 1\n',
  ],
  ['the first, whose comment may be that of all', 'yaml', '# head\na: 1\nb: 2\n', [edit('/a')], '# head\nb: 2\n'],
  ['the only one', 'yaml', 'a:\n  b: 1\nc: 1\n', [edit('/a/b')], 'a: {}\nc: 1\n'],
  ['the last one, and one that comes', 'yaml', 'a: 1\nb: 2\n', [edit('/b'), edit('/c', 'x')], 'a: 1\nc: x\n'],
  [
    'a deep indent',
    'yaml',
    'a:\n    b:\n        c: 1\n',
    [edit('/a/d/e', 'x')],
    'a:\n    b:\n        c: 1\n    d:\n      e: x\n',
  ],
  ['a list in the column of its key', 'yaml', 'a:\n- b: 1\n- c\n', [edit('/a/0/d', 'x')], 'a:\n- b: 1\n  d: x\n- c\n'],
  [
    'an inner one between brackets',
    'yaml',
    'a: {b: {c: 1},  d: [x,y]}\n',
    [edit('/a/b/e', 'x')],
    'a: {b: {c: 1, e: x},  d: [x,y]}\n',
  ],
  [
    'one value between brackets',
    'yaml',
    'a: {b: 1, # c\n  "d":2}\n',
    [edit('/a/d', 'x')],
    'a: {b: 1, # c\n  "d": x}\n',
  ],
  ['one more between brackets', 'yaml', 'a: &x {b: 1} # c\n', [edit('/a/d', 'x')], 'a: &x {b: 1, d: x} # c\n'],
  ['the first between brackets', 'yaml', 'a: {} # c\n', [edit('/a/d', 'x')], 'a: # c\n  d: x\n'],
  ['names that must be quoted', 'yaml', "'no': 1\n", [edit('/no', 'on'), edit('/1', '2')], "'no': 'on'\n'1': '2'\n"],
  ['other line ends', 'yaml', 'a: 1\r\nb: 2\r\n', [edit('/a', { c: ['x'] })], 'a:\r\n  c:\r\n    - x\r\nb: 2\r\n'],
  ['a text with empty lines at its end', 'yaml', 'a: |+\n  x\n\n', [edit('/b', 'c')], 'a: |+\n  x\n\nb: c\n'],
  ['what is referred to', 'yaml', 'a: &x {b: 1}\nc: *x\n', [edit('/a/b', 'x')], 'a: &x {b: x}\nc:\n  b: 1\n'],
  ['what refers', 'yaml', 'a: &x {b: 1}\nc: *x\nd: *x\n', [edit('/c/b', 'x')], 'a: &x {b: 1}\nc:\n  b: x\nd: *x\n'],
  [
    'what is merged',
    'yaml',
    'a: &x {b: 1, c: 2}\nd:\n  <<: *x\n',
    [edit('/d/b', 'x')],
    'a: &x {b: 1, c: 2}\nd:\n  <<: *x\n  b: x\n',
  ],
  [
    'an object on one line',
    'json',
    '{"a": {"b": 1}, "c": 2}',
    [edit('/a/d', ['x'])],
    '{"a": {"b": 1, "d": ["x"]}, "c": 2}',
  ],
  [
    'an object on many lines',
    'json',
    '{\n\t"a": {\n\t\t"b": 1.0\n\t}\n}',
    [edit('/a/c', { d: [numberOf('12345678901234567890')] }), edit('/e', {})],
    '{\n\t"a": {\n\t\t"b": 1.0,\n\t\t"c": {\n\t\t\t"d": [\n\t\t\t\t12345678901234567890\n\t\t\t]\n\t\t}\n\t},\n\t"e": {}\n}',
  ],
  ['one line among many', 'json', '{\n  "a": {"b": 1}\n}\n', [edit('/a/c', 'x')], '{\n  "a": {"b": 1, "c": "x"}\n}\n'],
  ['the first of three', 'json', '{"a": 1, "b": 2, "c": 3}', [edit('/a')], '{"b": 2, "c": 3}'],
  ['the last two of three', 'json', '{"a": 1, "b": 2, "c": 3}', [edit('/b'), edit('/c')], '{"a": 1}'],
  ['all of them', 'json', '{"a": {"b": 1, "c": 2}}', [edit('/a/b'), edit('/a/c')], '{"a": {}}'],
  ['an item of a list', 'json', '[1, {"a": 1},\n 3]', [edit('/1/a', null), edit('/3', 'x')], '[1, {"a": null},\n 3]'],
  ['JSON that is taken for YAML', 'yaml', '{\n  "a": 1\n}\n', [edit('/b', 'x')], '{\n  "a": 1,\n  "b": "x"\n}\n'],
  ['what cannot be told apart by its name', 'json', '{"a": 1,  "a": 1}', [edit('/a', 'x')], '{"a": "x"}'],
]

for (const [name, format, text, edits, after] of cases)
  test(`${format}, ${name}: the edits are written where they belong`, () => {
    assert.equal(edited(text, format, edits), after)
  })

test('what refers a thousand times to what changes says itself what that said', () => {
  const text = `a: &x {b: 1}\nc: [${'*x, '.repeat(1000)}]\n`
  const result = edited(text, 'yaml', [edit('/a/b', 'new')])
  assert.equal(result, `a: &x {b: new}\nc: [${'{b: 1}, '.repeat(1000)}]\n`)
})

test('a name that objects have by themselves is a name like any other', () => {
  for (const [format, text] of [
    ['yaml', '__proto__:\n  a: 1\n'],
    ['json', '{"__proto__": {"a": 1}}'],
  ] as const) {
    const result = edited(text, format, [edit('/__proto__/b', 'x'), edit('/constructor/prototype', 'y')])
    assert.equal(
      printJson(parseYaml(result) ?? null),
      '{"__proto__": {"a": 1, "b": "x"}, "constructor": {"prototype": "y"}}',
    )
    assert.equal(({} as { b?: string }).b, undefined)
  }
})

test('what is no document is refused', () => {
  assert.throws(() => edited('{', 'json', [edit('/a', 'x')]), { code: 'invalid' })
  assert.throws(() => edited('a: [', 'yaml', [edit('/a', 'x')]), { code: 'invalid' })
  assert.throws(() => edited('a: 1\n---\nb: 1\n', 'yaml', [edit('/a', 'x')]), { code: 'invalid' })
})
