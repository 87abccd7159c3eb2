import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { referencesIn } from '../../src/compare/canonical.ts'
import { withEdits } from '../../src/documents/edit.ts'
import { mergedEdits, overwritten, rebased } from '../../src/compare/merge.ts'
import { partsOf } from '../../src/compare/parts.ts'
import { ledTo } from '../../src/compare/references.ts'
import { noRules } from '../../src/compare/rules.ts'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { fieldOf, isFields, type Value } from '../../src/documents/value.ts'
import { picks } from './given-values.ts'

/** Names that renaming could come upon. */
const name = fc.constantFrom('A', 'A_2', 'A_3', 'B', 'B_2')
const reference = name.map((one) => ({ $ref: `#/components/schemas/${one}` }))
const schema = fc.oneof(
  fc.constantFrom<object>({ type: 'string' }, { type: 'integer' }),
  fc.record({ properties: fc.dictionary(fc.constantFrom('p', 'q'), reference, { maxKeys: 2 }) }),
  fc.record({ allOf: fc.array(reference, { maxLength: 2 }) }),
  reference,
)
const scheme = fc.constantFrom({ type: 'http' }, { type: 'apiKey' })
const operation = fc.record(
  {
    parameters: fc.array(fc.record({ name: fc.constantFrom('a', 'b'), schema: reference }), { maxLength: 2 }),
    security: fc.array(fc.dictionary(fc.constantFrom('key', 'key_2'), fc.constant([]), { maxKeys: 1 }), {
      maxLength: 1,
    }),
    requestBody: fc.record({
      content: fc.dictionary(fc.constant('application/json'), fc.record({ schema: reference }), { maxKeys: 1 }),
    }),
  },
  { requiredKeys: [] },
)
const item = fc.record(
  { get: operation, post: operation, put: operation, summary: fc.constantFrom('one', 'two') },
  { requiredKeys: [] },
)

/** All that is referred to is there, and nothing else: so kind `openapi` gives it. */
const contents = fc
  .record({
    item,
    components: fc.record({
      schemas: fc.record({ A: schema, A_2: schema, A_3: schema, B: schema, B_2: schema }),
      securitySchemes: fc.record({ key: scheme, key_2: scheme }),
    }),
  })
  .map((content) => pruned(parseJson(JSON.stringify(content))))

function pruned(content: Value): Value {
  const reached = new Set<string>()
  const follow = (value: Value): void => {
    for (const one of referencesIn(value, 'node')) {
      const led = ledTo(content, one)
      const key = led?.tokens.join('/')
      if (led === undefined || key === undefined || reached.has(key)) continue
      reached.add(key)
      follow(led.value)
    }
  }
  follow(fieldOf(content, 'item') ?? null)
  const components = fieldOf(content, 'components')
  const sections = isFields(components) ? Object.entries(components) : []
  const kept = sections.flatMap(([section, members]): [string, Value][] => {
    const some = Object.entries(isFields(members) ? members : {}).filter(([one]) =>
      reached.has(`components/${section}/${one}`),
    )
    return some.length === 0 ? [] : [[section, Object.fromEntries(some)]]
  })
  return { components: Object.fromEntries(kept), item: fieldOf(content, 'item') ?? {} }
}

const runs = { numRuns: 500 }
const namesOf = (source: Value, target: Value): string[] =>
  partsOf({ source, target, base: undefined }, 'openapi-path', noRules, false).parts.map(({ part }) => part)

test('of any methods that are chosen, exactly the others still differ, and nothing is there that nothing refers to', () => {
  fc.assert(
    fc.property(contents, contents, picks, (source, target, picked) => {
      const all = namesOf(source, target)
      const chosen = new Map<string, 'source'>()
      for (const part of all) if (picked.next().value === 'source') chosen.set(part, 'source')
      const sides = { source, target, base: undefined }
      const result = withEdits(target, mergedEdits(sides, 'openapi-path', noRules, chosen))
      assert.deepEqual(
        namesOf(source, result),
        all.filter((part) => !chosen.has(part)),
      )
      assert.equal(printJson(pruned(result)), printJson(result))
      for (const one of referencesIn(result, 'node')) assert.notEqual(ledTo(result, one), undefined, one)
    }),
    runs,
  )
})

test('methods that were not chosen say what they said', () => {
  fc.assert(
    fc.property(contents, contents, picks, (source, target, picked) => {
      const chosen = new Map<string, 'source'>()
      for (const part of namesOf(source, target)) if (picked.next().value === 'source') chosen.set(part, 'source')
      const sides = { source, target, base: undefined }
      const result = withEdits(target, mergedEdits(sides, 'openapi-path', noRules, chosen))
      assert.deepEqual(
        namesOf(result, target).filter((part) => !chosen.has(part)),
        [],
      )
    }),
    runs,
  )
})

test('overwriting makes the target the source to the letter', () => {
  fc.assert(
    fc.property(contents, contents, (source, target) => {
      const edits = overwritten({ source, target, base: undefined }, 'openapi-path', noRules)
      assert.equal(printJson(withEdits(target, edits)), printJson(source))
    }),
    runs,
  )
})

test('after a merge with a base, what was not chosen is of its old class', () => {
  fc.assert(
    fc.property(contents, contents, contents, picks, (source, target, base, picked) => {
      const sides = { source, target, base }
      const { parts } = partsOf(sides, 'openapi-path', noRules, true)
      const chosen = new Map<string, 'source' | 'target'>()
      for (const { part } of parts) {
        const pick = picked.next().value
        if (pick !== undefined) chosen.set(part, pick)
      }
      const now = withEdits(target, mergedEdits(sides, 'openapi-path', noRules, chosen))
      const common = rebased(sides, 'openapi-path', noRules, true, chosen)
      assert.ok(common.known)
      const left = partsOf({ source, target: now, base: common.value }, 'openapi-path', noRules, true).parts
      assert.deepEqual(
        left.filter(({ part }) => !chosen.has(part)).map((one) => [one.part, one.class]),
        parts.filter(({ part }) => !chosen.has(part)).map((one) => [one.part, one.class]),
      )
      for (const one of left)
        if (chosen.has(one.part)) assert.match(one.class, /^(customised|removed-at-target|target-only)$/)
    }),
    runs,
  )
})
