import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Type as TypeBox, type TSchema } from 'typebox'
import { Type } from '../../src/resources/type.ts'

type Build = (by: typeof Type) => TSchema

const options = fc.record(
  { title: fc.string(), default: fc.jsonValue(), description: fc.string() },
  { requiredKeys: [] },
)

/** How to make a schema, by whichever builders one has. */
const { schema } = fc.letrec<{ schema: Build; property: Build }>((tie) => ({
  schema: fc.oneof(
    { maxDepth: 4 },
    options.map(
      (given): Build =>
        (by) =>
          by.Boolean(given),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.Integer({ minimum: 1, ...given }),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.Number({ maximum: 1, ...given }),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.String({ pattern: '^a', ...given }),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.Null(given),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.Unknown(given),
    ),
    options.map(
      (given): Build =>
        (by) =>
          by.Unsafe({ type: 'string', ...given }),
    ),
    fc.tuple(fc.oneof(fc.string(), fc.integer(), fc.boolean()), options).map(
      ([value, given]): Build =>
        (by) =>
          by.Literal(value, given),
    ),
    fc.tuple(fc.array(fc.string()), options).map(
      ([values, given]): Build =>
        (by) =>
          by.Enum(values, given),
    ),
    fc.tuple(tie('schema'), options).map(
      ([items, given]): Build =>
        (by) =>
          by.Array(items(by), given),
    ),
    fc.tuple(fc.array(tie('schema')), options).map(
      ([of, given]): Build =>
        (by) =>
          by.Union(
            of.map((build) => build(by)),
            given,
          ),
    ),
    fc.tuple(fc.constantFrom({}, { minLength: 1 }, { pattern: '^x-' }), tie('schema'), options).map(
      ([key, values, given]): Build =>
        (by) =>
          by.Record(by.String(key), values(by), given),
    ),
    fc.tuple(fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), tie('property')), options).map(
      ([of, given]): Build =>
        (by) =>
          by.Object(Object.fromEntries(Object.entries(of).map(([name, build]) => [name, build(by)])), given),
    ),
  ),
  property: fc.oneof(
    tie('schema'),
    tie('schema').map(
      (build): Build =>
        (by) =>
          by.Optional(build(by)),
    ),
  ),
}))

test('a schema is the one that TypeBox would have made', () => {
  fc.assert(fc.property(schema, (build) => assert.deepEqual(json(build(Type)), json(build(TypeBox)))))
})

function json(value: TSchema): unknown {
  return JSON.parse(JSON.stringify(value))
}
