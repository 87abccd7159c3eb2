/** Whatever refers to whatever: what is chosen comes over, and what is not stays. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { withEdits } from '../../../src/documents/edit/changes.ts'
import { parseJson } from '../../../src/documents/json.ts'
import type { Value } from '../../../src/documents/value.ts'
import { changesOf } from '../../../src/endpoints/openapi/changing.ts'
import { Definitions } from '../../../src/endpoints/openapi/definitions.ts'
import { givenBy } from '../../../src/endpoints/openapi/given.ts'
import { Owned } from '../../../src/endpoints/openapi/owned.ts'

const names = ['A', 'B', 'C', 'A_2', 'B_2', 'A_3']
const paths = ['/a', '/a/b', '/c', '/d']

const reference = fc.constantFrom(...names).map((name) => ({ $ref: `#/components/schemas/${name}` }))
const schema = fc.oneof(
  fc.boolean(),
  fc.record({ type: fc.constantFrom('string', 'integer') }),
  fc.record({ anyOf: fc.array(reference, { maxLength: 3 }), 'x-own': fc.nat({ max: 3 }) }),
)
const item = fc.record({
  get: fc.record({
    responses: fc.constant({}),
    parameters: fc.array(fc.record({ name: fc.constantFrom('p', 'q'), in: fc.constant('query'), schema: reference }), {
      maxLength: 2,
    }),
  }),
  'x-policies': fc.nat({ max: 3 }),
})

const document = fc
  .record({
    schemas: fc.tuple(...names.map(() => schema)),
    items: fc.tuple(...paths.map(() => fc.option(item, { nil: undefined }))),
  })
  .map(({ schemas, items }): Value => {
    const value = {
      openapi: '3.1.0',
      paths: Object.fromEntries(paths.map((path, i) => [path, items[i]])),
      components: { schemas: Object.fromEntries(names.map((name, i) => [name, schemas[i]])) },
    }
    return parseJson(JSON.stringify(value))
  })

function read(value: Value): Definitions {
  return new Definitions(value, new Owned(['x-*']))
}

/** The document after these paths have come from the other one, and those that are not there have gone. */
function brought(from: Definitions, to: Definitions, chosen: readonly string[]): Definitions {
  const puts = from.paths
    .filter(({ name }) => chosen.includes(name) && from.text(name) !== to.text(name))
    .map(({ name, path }) => givenBy(path, Buffer.from(from.text(name) ?? '')))
  const gone = to.paths.filter(({ name }) => chosen.includes(name) && from.part(name) === undefined)
  const { edits } = changesOf(
    to,
    puts,
    gone.map(({ path }) => ({ path, deep: false })),
  )
  return read(withEdits(to.value, edits))
}

test('whatever is chosen says what the other document says, and all else what it said', () => {
  const steps = fc.array(fc.tuple(document, fc.subarray(paths)), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(document, steps, (first, all) => {
      let to = read(first)
      for (const [value, chosen] of all) {
        const from = read(value)
        const after = brought(from, to, chosen)
        after.check(paths)
        for (const path of paths) {
          const expected = chosen.includes(path) ? from : to
          assert.equal(after.text(path), expected.text(path), path)
        }
        assert.equal(brought(from, after, chosen).value, after.value)
        to = after
      }
    }),
    { numRuns: 1000 },
  )
})

test('all of a document comes over any other one', () => {
  fc.assert(
    fc.property(document, document, document, (first, second, third) => {
      const mixed = brought(read(second), read(first), ['/a', '/c'])
      const after = brought(read(third), mixed, paths)
      const from = read(third)
      for (const path of paths) assert.equal(after.text(path), from.text(path), path)
    }),
    { numRuns: 500 },
  )
})
