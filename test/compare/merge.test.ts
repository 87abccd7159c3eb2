import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withEdits } from '../../src/documents/edit.ts'
import { mergedEdits, overwritten, rebased } from '../../src/compare/merge.ts'
import { partsOf, preservedOf } from '../../src/compare/parts.ts'
import { noRules } from '../../src/compare/rules.ts'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { withMember, withoutMember } from '../../src/documents/pointers.ts'
import type { Value } from '../../src/documents/value.ts'
import { anyRules, given, picks, values } from './given-values.ts'

const runs = { numRuns: 2000 }
const base = fc.option(values, { nil: undefined })

test('taking every part from the source leaves nothing that differs', () => {
  fc.assert(
    fc.property(values, values, anyRules, (source, target, rules) => {
      const sides = { source, target, base: undefined }
      const { parts } = partsOf(sides, 'json', rules, false)
      const edits = mergedEdits(sides, 'json', rules, new Map(parts.map(({ part }) => [part, 'source'])))
      const again = partsOf({ ...sides, target: withEdits(target, edits) }, 'json', rules, false)
      assert.deepEqual(again, { equal: true, class: 'same', parts: [] })
    }),
    runs,
  )
})

test('nothing that is preserved or ignored is ever among the parts', () => {
  fc.assert(
    fc.property(values, values, base, anyRules, (source, target, old, rules) => {
      for (const { at } of partsOf({ source, target, base: old }, 'json', rules, true).parts)
        assert.ok(!rules.preserved(at) && !rules.ignored(at), at.join('/'))
    }),
    runs,
  )
})

test('taking no part, or every part from the target, changes nothing', () => {
  fc.assert(
    fc.property(values, values, anyRules, (source, target, rules) => {
      const sides = { source, target, base: undefined }
      const { parts } = partsOf(sides, 'json', rules, false)
      assert.deepEqual(mergedEdits(sides, 'json', rules, new Map()), [])
      assert.deepEqual(mergedEdits(sides, 'json', rules, new Map(parts.map(({ part }) => [part, 'target']))), [])
    }),
    runs,
  )
})

test('overwriting leaves nothing that differs, and without rules makes the target the source to the letter', () => {
  fc.assert(
    fc.property(values, values, anyRules, (source, target, rules) => {
      const sides = { source, target, base: undefined }
      const result = withEdits(target, overwritten(sides, 'json', rules))
      assert.equal(partsOf({ ...sides, target: result }, 'json', rules, false).equal, true)
      assert.equal(printJson(withEdits(target, overwritten(sides, 'json', noRules))), printJson(source))
    }),
    runs,
  )
})

test('whatever is chosen, what is preserved is the same to the letter before and after', () => {
  fc.assert(
    fc.property(values, values, anyRules, picks, (source, target, rules, picked) => {
      const sides = { source, target, base: undefined }
      const { parts } = partsOf(sides, 'json', rules, false)
      const chosen = new Map(parts.map(({ part }) => [part, picked.next().value ?? 'target']))
      const before = preservedOf(target, rules)
      assert.equal(preservedOf(withEdits(target, mergedEdits(sides, 'json', rules, chosen)), rules), before)
      assert.equal(preservedOf(withEdits(target, overwritten(sides, 'json', rules)), rules), before)
    }),
    runs,
  )
})

test('after a merge with a base, exactly the parts that were not chosen still differ, each of its old class', () => {
  fc.assert(
    fc.property(values, values, base, anyRules, picks, (source, target, old, rules, picked) => {
      const sides = { source, target, base: old }
      const { parts } = partsOf(sides, 'json', rules, true)
      const chosen = new Map<string, 'source' | 'target'>()
      for (const { part } of parts) {
        const pick = picked.next().value
        if (pick !== undefined) chosen.set(part, pick)
      }
      const now = withEdits(target, mergedEdits(sides, 'json', rules, chosen))
      const common = rebased(sides, 'json', rules, true, chosen)
      assert.ok(common.known)
      const left = partsOf({ source, target: now, base: common.value }, 'json', rules, true).parts
      assert.deepEqual(
        left.filter(({ part }) => !chosen.has(part)).map((one) => [one.part, one.class]),
        parts.filter(({ part }) => !chosen.has(part)).map((one) => [one.part, one.class]),
      )
      // What was decided for the target is now its own change, and asks for nothing more.
      for (const one of left)
        if (chosen.has(one.part)) assert.match(one.class, /^(customised|removed-at-target|target-only)$/)
      assert.deepEqual(
        left.filter(({ part }) => chosen.get(part) === 'source'),
        [],
      )
    }),
    runs,
  )
})

test('without a base, what was not chosen stays unknown', () => {
  const sides = { source: parseJson('{"a":1,"b":1}'), target: parseJson('{"a":2,"b":2}'), base: undefined }
  assert.deepEqual(rebased(sides, 'json', noRules, false, new Map([['/a', 'source']])), { known: false })
  const both = new Map<string, 'source' | 'target'>([
    ['/a', 'source'],
    ['/b', 'target'],
  ])
  assert.deepEqual(rebased(sides, 'json', noRules, false, both), { known: true, value: sides.source })
})

test('edits all at once do what they do one after the other', () => {
  const at = fc.array(fc.constantFrom('a', 'b', '__proto__', 'a/b'), { minLength: 1, maxLength: 3 })
  const edit = fc.record({ at, value: fc.option(values, { nil: undefined }) })
  // None lies in another: which of them is then the last would count.
  const apart = (one: readonly string[], other: readonly string[]): boolean =>
    one.some((name, i) => i < other.length && name !== other[i])
  const edits = fc
    .array(edit, { maxLength: 5 })
    .map((all) => all.filter((one, i) => all.slice(0, i).every((other) => apart(one.at, other.at))))
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('a', 'b', 'c'), values), edits, (start, some) => {
      const one = some.reduce<Value>(
        (value, { at: place, value: member }) =>
          member === undefined ? withoutMember(value, place) : withMember(value, place, member),
        start,
      )
      assert.equal(printJson(withEdits(start, some)), printJson(one))
    }),
    runs,
  )
})

test('what the target owns stays when the source has nothing there, or something else, and the source’s never comes over', () => {
  const rules = given({ preserve: ['/policies', '/a/own', '/**/x-*'] })
  const target = parseJson('{"a":{"own":[1,2],"b":1},"policies":{"p":1.0},"x-t":1}')
  const cases: readonly [source: string, result: string][] = [
    ['{}', '{"a":{"own":[1,2]},"policies":{"p":1.0},"x-t":1}'],
    ['{"a":5}', '{"a":{"own":[1,2]},"policies":{"p":1.0},"x-t":1}'],
    ['{"a":{"own":3},"policies":0,"x-s":{"y":1}}', '{"a":{"own":[1,2]},"policies":{"p":1.0},"x-t":1}'],
    ['{"a":{"c":2},"new":{"x-s":1,"k":1}}', '{"a":{"own":[1,2],"c":2},"new":{"k":1},"policies":{"p":1.0},"x-t":1}'],
  ]
  for (const [source, result] of cases) {
    const sides = { source: parseJson(source), target, base: undefined }
    assert.equal(printJson(withEdits(target, overwritten(sides, 'json', rules))), printJson(parseJson(result)), source)
  }
  assert.equal(preservedOf(target, rules), '{"/a/own": [1, 2], "/policies": {"p": 1.0}, "/x-t": 1}')
})

test('a list that holds something preserved belongs to the target as a whole', () => {
  const rules = given({ preserve: ['/list/*/own'] })
  const target = parseJson('{"list":[{"own":1,"a":1}],"b":1}')
  const sides = { source: parseJson('{"list":[{"a":2},{"a":3}],"b":2}'), target, base: undefined }
  assert.deepEqual(
    partsOf(sides, 'json', rules, false).parts.map(({ part }) => part),
    ['/b'],
  )
})

test('what is ignored stays as the target has it, comes with what is new and goes with what is deleted', () => {
  const rules = given({ ignore: ['/**/at'] })
  const target = parseJson('{"at":1,"gone":{"at":1},"kept":{"at":1,"b":1}}')
  const sides = { source: parseJson('{"at":2,"kept":{"at":2,"b":2},"new":{"at":2}}'), target, base: undefined }
  assert.equal(
    printJson(withEdits(target, overwritten(sides, 'json', rules))),
    '{"at": 1, "kept": {"at": 1, "b": 2}, "new": {"at": 2}}',
  )
})

test('100,000 members are compared, merged and overwritten in time that grows with them', () => {
  const many = (value: number, odd: number): Value =>
    parseJson(`{${Array.from({ length: 100_000 }, (_, i) => `"n${i}": ${i % 2 === 0 ? value : odd}`).join()}}`)
  const [source, target] = [many(1, 0), many(2, 0)]
  const sides = { source, target, base: target }
  const { parts } = partsOf(sides, 'json', noRules, true)
  assert.equal(parts.length, 50_000)
  const chosen = new Map(parts.map(({ part }): [string, 'source'] => [part, 'source']))
  const result = withEdits(target, mergedEdits(sides, 'json', noRules, chosen))
  assert.equal(printJson(result), printJson(source))
  assert.equal(overwritten(sides, 'json', noRules).length, 50_000)
  assert.deepEqual(rebased(sides, 'json', noRules, true, chosen), { known: true, value: source })
})

test('a document as deep as any can be is compared to the ground', () => {
  const deep = (core: string): Value => parseJson(`${'{"a":'.repeat(999)}${core}${'}'.repeat(999)}`)
  const sides = { source: deep('1'), target: deep('2'), base: deep('1') }
  const rules = given({ preserve: ['/**/own'], ignore: ['/**/b/**/c'], sets: ['/**/d'] })
  const { parts } = partsOf(sides, 'json', rules, true)
  assert.deepEqual(
    parts.map(({ at, class: cls }) => [at.length, cls]),
    [[999, 'customised']],
  )
})
