import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Type } from 'typebox'
import { compareRulesSchema, noRules, rulesFor, type CompareRules } from '../../src/compare/rules.ts'
import { parsePath } from '../../src/resources/path.ts'
import { checkerOf } from '../../src/resources/schema.ts'

const schema = Type.Object(compareRulesSchema, { additionalProperties: false })

function checked(config: object): { rules: CompareRules; faults: readonly { pointer: string; message: string }[] } {
  const rules = structuredClone(config)
  return { faults: checkerOf(schema)(rules), rules: rules as CompareRules }
}

const at = (pointer: string): string[] => pointer.split('/').slice(1)

test('rules that are absent are none', () => {
  const { rules, faults } = checked({})
  assert.deepEqual(faults, [])
  assert.deepEqual(rules, { compare: { ignore: [], sets: [] }, preserve: [] })
  assert.equal(rulesFor(rules).forPath(parsePath('/a')), noRules)
  assert.equal(rulesFor(rules).ignores(parsePath('/a')), false)
})

for (const [name, config, pointer] of [
  ['a pointer without a slash', { preserve: ['x-policies'] }, '/preserve/0'],
  ['a pointer with a wild escape', { preserve: ['/a~2'] }, '/preserve/0'],
  ['the pointer to the whole', { compare: { sets: [''] } }, '/compare/sets/0'],
  ['a rule that names nothing', { compare: { ignore: [{}] } }, '/compare/ignore/0'],
  ['a glob without a slash', { compare: { ignore: ['*.log'] } }, '/compare/ignore/0'],
  ['a preserved part without a pointer', { preserve: [{ paths: ['/a'] }] }, '/preserve/0/at'],
  ['an unknown property', { compare: { unordered: [] } }, '/compare/unordered'],
] as const)
  test(`${name} is a fault, and where it is`, () => {
    assert.deepEqual(
      checked(config).faults.map((fault) => fault.pointer),
      [pointer],
    )
  })

for (const [pattern, fits, not] of [
  ['/x-policies', ['/x-policies', '/x-policies/a/0'], ['/x-policy', '/a/x-policies', '']],
  ['/a/*', ['/a/b', '/a/0', '/a/b/c'], ['/a', '/b/a']],
  ['/**/own', ['/own', '/a/own', '/a/0/own/b'], ['/a/owner', '']],
  ['/a/**/b', ['/a/b', '/a/x/y/b', '/a/b/c'], ['/a/x', '/b']],
  ['/x-*', ['/x-', '/x-a', '/x-a/b'], ['/x', '/a/x-a']],
  ['/a*b', ['/a*b'], ['/axb']],
  ['/content/*~1*', ['/content/*~1*'], ['/content/application~1json', '/content']],
  ['/a~1b/~0', ['/a~1b/~0'], ['/a/b/~0']],
  ['/**', ['', '/a', '/a/b'], []],
] as const)
  test(`${pattern} preserves ${fits.join(', ')} and not ${not.map((one) => `"${one}"`).join(', ') || 'nothing'}`, () => {
    const { preserved } = rulesFor(checked({ preserve: [pattern] }).rules).forPath(parsePath('/r'))
    const tokens = (pointer: string): string[] =>
      at(pointer).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'))
    for (const one of fits) assert.ok(preserved(tokens(one)), one)
    for (const one of not) assert.ok(!preserved(tokens(one)), one)
  })

test('a set is the list alone, not what lies in it', () => {
  const { isSet } = rulesFor(checked({ compare: { sets: ['/**/tags'] } }).rules).forPath(parsePath('/r'))
  assert.ok(isSet(at('/a/tags')))
  assert.ok(!isSet(at('/a/tags/0')))
})

test('a glob ignores resources whole, pointers only parts, and paths say where they count', () => {
  const ignore = ['/logs/**', { paths: ['/tmp/*'] }, { paths: ['/a/**'], at: ['/updatedAt'] }, { at: ['/etag'] }]
  const rules = rulesFor(checked({ compare: { ignore }, preserve: [{ paths: ['/b'], at: ['/own'] }] }).rules)
  const [a, b] = [rules.forPath(parsePath('/a/x')), rules.forPath(parsePath('/b'))]
  assert.deepEqual(
    ['/logs', '/logs/a', '/tmp/a', '/tmp/a/b', '/a/x', '/b'].filter((path) => rules.ignores(parsePath(path))),
    ['/logs', '/logs/a', '/tmp/a'],
  )
  assert.deepEqual([a.ignored(['updatedAt']), a.ignored(['etag']), a.preserved(['own'])], [true, true, false])
  assert.deepEqual([b.ignored(['updatedAt']), b.ignored(['etag']), b.preserved(['own'])], [false, true, true])
})
