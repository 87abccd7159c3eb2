import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonical, plainReading, sameNumber } from '../../src/compare/canonical.ts'
import { withEdits } from '../../src/documents/edit.ts'
import { mergedEdits } from '../../src/compare/merge.ts'
import { partsOf, type Compared } from '../../src/compare/parts.ts'
import { noRules, type PathRules } from '../../src/compare/rules.ts'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { given, values } from './given-values.ts'

function compared(source: string, target: string, base?: string, rules: PathRules = noRules): Compared {
  const [one, other, old] = [source, target, base].map((text) => (text === undefined ? undefined : parseJson(text)))
  return partsOf({ source: one, target: other, base: old }, 'json', rules, base !== undefined)
}

const names = ({ parts }: Compared): string[] => parts.map(({ part }) => part)

test('what differs is named by the deepest objects, a list as a whole, what is absent where it begins', () => {
  const found = compared('{"a":{"b":1,"c":[1,2]},"d":{"e":1}}', '{"a":{"b":2,"c":[1]},"f":null}')
  assert.deepEqual(names(found), ['/a/b', '/a/c', '/d', '/f'])
  assert.deepEqual(names(compared('[1]', '{"a":1}')), [''])
  assert.deepEqual(names(compared('{"a":{}}', '{"a":[]}')), ['/a'])
})

test('a part has the values of the sides where it is', () => {
  const [a, b] = compared('{"a":1,"b":1}', '{"b":2}', '{"a":0,"b":2}').parts
  assert.deepEqual(Object.keys(a ?? {}), ['part', 'at', 'class', 'source', 'base'])
  assert.deepEqual(
    [b?.source, b?.target, b?.base].map((one) => printJson(one ?? null)),
    ['1', '2', '2'],
  )
})

test('the order of names and how a number is written do not count, the order of a list and its length do', () => {
  assert.equal(compared('{"a":1.0,"b":[100,{"c":0}]}', '{"b":[1e2,{"c":-0.0}],"a":1}').equal, true)
  assert.equal(compared('[1,2]', '[2,1]').equal, false)
  assert.equal(compared('[1]', '[1,1]').equal, false)
  assert.equal(compared('["1"]', '[1]').equal, false)
  assert.equal(compared('{"a":null}', '{}').equal, false)
})

for (const [one, other, same] of [
  ['1', '1.0', true],
  ['100', '1e2', true],
  ['1E+2', '100.00', true],
  ['0.1', '1e-1', true],
  ['-0', '0.0e7', true],
  ['-1', '1', false],
  ['9007199254740993', '9007199254740992', false],
  ['0.1', '0.10000000000000000001', false],
  ['1e400', '1e401', false],
  ['1e99999999999999999999', '10e99999999999999999998', true],
  ['1e-400', '0', false],
] as const)
  test(`${one} is ${same ? '' : 'not '}the number ${other}`, () => {
    assert.equal(sameNumber(one) === sameNumber(other), same)
  })

test('a number of a million digits, and a power of ten with as many, are compared at once', () => {
  const digits = '1'.repeat(1_000_000)
  assert.equal(compared(`[${digits}0]`, `[${digits}e1]`).equal, true)
})

test('sets have no order, at any depth, and each of its items counts as often as it is there', () => {
  const rules = given({ sets: ['/tags', '/*/deep'] })
  assert.equal(compared('{"tags":[1,{"a":1,"b":2}]}', '{"tags":[{"b":2,"a":1.0},1]}', undefined, rules).equal, true)
  assert.equal(compared('{"a":{"deep":[1,2]}}', '{"a":{"deep":[2,1]}}', undefined, rules).equal, true)
  assert.equal(compared('{"tags":[1,1,2]}', '{"tags":[1,2,2]}', undefined, rules).equal, false)
  assert.equal(compared('{"tags":[[1,2]]}', '{"tags":[[2,1]]}', undefined, rules).equal, false)
})

for (const [name, source, target, base, cls, parts] of [
  ['both changed different parts', '{"a":2,"b":1}', '{"a":1,"b":2}', '{"a":1,"b":1}', 'merge', ['/a', '/b']],
  ['both changed the same part', '{"a":2}', '{"a":3}', '{"a":1}', 'conflict', ['/a']],
  ['both changed all alike', '{"a":2}', '{"a":2}', '{"a":1}', 'converged', []],
  ['nothing changed but how it is written', '{"a":1}', '{"a":1.0}', '{"a":1e0}', 'same', []],
  [
    'both changed one part alike, the source another',
    '{"a":2,"b":2}',
    '{"a":2,"b":1}',
    '{"a":1,"b":1}',
    'fast-forward',
    ['/b'],
  ],
  ['the target removed a part', '{"a":1,"b":1}', '{"a":1}', '{"a":1,"b":1}', 'customised', ['/b']],
  ['the source removed a part, the target another', '{"a":1}', '{"b":1}', '{"a":1,"b":1}', 'merge', ['/a', '/b']],
  ['the source removed a part that the target changed', '{}', '{"a":2}', '{"a":1}', 'conflict', ['/a']],
  ['nothing common is known', '{"a":1}', '{"a":2}', undefined, 'unbased', ['/a']],
] as const)
  test(`when ${name}, the whole is ${cls}`, () => {
    const found = compared(source, target, base)
    assert.equal(found.class, cls)
    assert.deepEqual(names(found), parts)
  })

test('what both sides added differently is a conflict, whatever its parts are', () => {
  const sides = { source: parseJson('{"a":1}'), target: parseJson('{"b":1}'), base: undefined }
  assert.equal(partsOf(sides, 'json', noRules, true).class, 'conflict')
  assert.equal(partsOf({ ...sides, target: sides.source }, 'json', noRules, true).class, 'converged')
})

for (const [name, source, target, base, cls] of [
  ['new at the source', '{"a":1}', undefined, undefined, 'new-at-source'],
  ['the target’s alone', undefined, '{"a":1}', undefined, 'target-only'],
  [
    'deleted at the source, and the target changed only what is ignored',
    undefined,
    '{"a":1,"at":2}',
    '{"a":1.0,"at":1}',
    'deleted-at-source',
  ],
  ['deleted at the source, changed at the target', undefined, '{"a":2}', '{"a":1}', 'conflict'],
  ['removed at the target', '{"a":1}', undefined, '{"a":1}', 'removed-at-target'],
  ['removed at the target, changed at the source', '{"a":2}', undefined, '{"a":1}', 'conflict'],
  ['gone from both', undefined, undefined, '{"a":1}', 'converged'],
] as const)
  test(`a resource that is ${name} is ${cls}, without parts`, () => {
    const [one, other, old] = [source, target, base].map((text) => (text === undefined ? undefined : parseJson(text)))
    const found = partsOf({ source: one, target: other, base: old }, 'json', given({ ignore: ['/at'] }), true)
    assert.deepEqual([found.class, found.parts], [cls, []])
  })

test('names that mean something to JavaScript, and to pointers, are names like others', () => {
  const source = '{"__proto__":{"polluted":1},"constructor":{"a":1},"a/b":{"~":1},"":1}'
  const target = '{"__proto__":{"polluted":2},"a/b":{"~":2}}'
  const found = compared(source, target)
  assert.deepEqual(names(found), ['/', '/__proto__/polluted', '/a~1b/~0', '/constructor'])
  const sides = { source: parseJson(source), target: parseJson(target), base: undefined }
  const all = new Map(names(found).map((part): [string, 'source'] => [part, 'source']))
  assert.equal(printJson(withEdits(sides.target, mergedEdits(sides, 'json', noRules, all))), printJson(sides.source))
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
})

test('two values say the same exactly when they have the same canonical text', () => {
  fc.assert(
    fc.property(values, values, (one, other) => {
      const same = canonical(one, plainReading) === canonical(other, plainReading)
      assert.equal(partsOf({ source: one, target: other, base: undefined }, 'json', noRules, false).equal, same)
    }),
    { numRuns: 2000 },
  )
})
