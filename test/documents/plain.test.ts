/** The short ways through JSON and YAML answer what the long ones do, or nothing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'lossless-json'
import { printJson } from '../../src/documents/json.ts'
import { parsePlainJson } from '../../src/documents/plain-json.ts'
import { printPlainYaml } from '../../src/documents/plain-yaml.ts'
import { isFields, numberOf, type Value } from '../../src/documents/value.ts'
import { printAnyYaml } from '../../src/documents/yaml.ts'
import { documents } from './arbitrary.ts'

/** Mostly such as the short ways take. */
const word = fc.oneof(
  { weight: 12, arbitrary: fc.stringMatching(/^[a-zA-Z_/][a-zA-Z0-9./+_-]{0,8}(?:[ :?,][a-z0-9.-]{1,5}){0,3}$/) },
  fc.stringMatching(/^[a-zA-Z/.0-9:_,'#&?=;()~%+*!@|<>"-]{1,8}(?: [a-z:#,'0-9-]{1,5}){0,3}$/),
  fc.stringMatching(/^[yntfoYNTFO][esoruflanESORUFLAN]{0,4}$/),
  fc.stringMatching(/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{1,9})?Z?)?$/),
  fc.stringMatching(/^[-+]?\d{1,20}(?:[.:_eE]\d{1,3})?$/),
  fc.constantFrom(
    '',
    'http://host:80/a?b=c#d',
    'Infinity',
    'NaN',
    'nUll',
    'off',
    'a:',
    'a: b',
    'a #b',
    'x'.repeat(200),
  ),
)
const usual: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    word,
    fc.constantFrom<Value>(null, true, false),
    fc.stringMatching(/^-?(?:0|[1-9]\d{0,20})(?:\.\d{1,4})?(?:[eE][+-]?\d{1,3})?$/).map(numberOf),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(word, tie('value')), { selector: ([name]) => name, maxLength: 5 })
      .map((members) => Object.fromEntries(members)),
  ),
})).value

test('the YAML of what is plain is, to the byte, that of the whole printer', () => {
  let plain = 0
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: usual }, documents), (value) => {
      const printed = printPlainYaml({ value })
      if (printed === undefined) return
      plain++
      assert.equal(printed, printAnyYaml({ value }))
    }),
    { numRuns: 4000 },
  )
  assert.ok(plain > 200, `only ${plain} were plain`)
})

test('each word by itself is written as the whole printer does, as a value and as a name', () => {
  fc.assert(
    fc.property(word, (text) => {
      for (const value of [{ a: text }, { [text]: 'a' }, { a: [text, [text]] }]) {
        const printed = printPlainYaml(value)
        if (printed !== undefined) assert.equal(printed, printAnyYaml(value))
      }
    }),
    { numRuns: 5000 },
  )
})

test('the JSON of what is plain is read as the whole parser reads it, and what is none is left to that', () => {
  let plain = 0
  fc.assert(
    fc.property(fc.oneof(usual, documents), fc.nat(), fc.integer({ min: -1, max: 6 }), (value, place, change) => {
      const text = printJson(value)
      const at = place % text.length
      const changed = change < 0 ? text : text.slice(0, at) + '",:{}[1'.charAt(change) + text.slice(at + (place % 2))
      const read = parsePlainJson(changed)
      if (read === undefined) return
      plain++
      assert.deepEqual(read, parse(changed))
    }),
    { numRuns: 4000 },
  )
  assert.ok(plain > 200, `only ${plain} were plain`)
})

test('what both take is what documents mostly are', () => {
  const text = `{ "id": "12", "title": "The article of number 12", "tags": ["news", "group-1"], "price": 12.50, "draft": false,
    "modified": "2024-03-12T08:00:00Z", "_links": { "self": { "href": "http://origin.example/api/article/12" } } }`
  const value = parsePlainJson(text)
  assert.ok(isFields(value))
  assert.equal(printPlainYaml(value), printAnyYaml(value))
  assert.match(printPlainYaml(value) ?? '', /^id: '12'$/m)
})

test('a member that comes twice, an escape and a depth are left to the whole parser', () => {
  for (const text of ['{"a": 1, "a": 1}', '{"a": "\\n"}', '{"__proto__": 1}', '{"a": "\t"}', '[1,]', '01', '', '[1] 2'])
    assert.equal(parsePlainJson(text), undefined, text)
  assert.equal(parsePlainJson('['.repeat(200) + ']'.repeat(200)), undefined)
})
