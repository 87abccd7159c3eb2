import fc from 'fast-check'
import { rulesFor, type CompareRules, type PathRules } from '../../src/compare/rules.ts'
import { numberOf, type Fields, type Value } from '../../src/documents/value.ts'
import { parsePath } from '../../src/resources/path.ts'

/** Few names, so that two documents have some in common; hostile ones among them. */
const name = fc.constantFrom('a', 'b', 'own', 'x-own', '__proto__', 'a/b', '~', '0', '*', '')
const scalar = fc.oneof(
  fc.constantFrom<Value>(null, true, 'text', '', '__proto__'),
  fc.constantFrom('1', '1.0', '1e0', '100', '1e2', '-0', '0.10').map(numberOf),
)

/** Small documents, often equal in part. */
export const values: fc.Arbitrary<Value> = fc.letrec<{ value: Value; fields: Fields }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('fields'),
  ),
  fields: fc
    .uniqueArray(fc.tuple(name, tie('value')), { selector: ([one]) => one, maxLength: 4 })
    .map((members) => Object.fromEntries(members)),
})).value

const token = fc.constantFrom('a', 'b', 'own', 'x-*', '*', '**', '__proto__', 'a~1b', '~0', '0', '1')
const pointers = fc.array(
  fc.array(token, { minLength: 1, maxLength: 3 }).map((tokens) => tokens.map((one) => `/${one}`).join('')),
  { maxLength: 3 },
)

export function given({
  ignore = [],
  preserve = [],
  sets = [],
}: Partial<Record<'ignore' | 'preserve' | 'sets', readonly string[]>>): PathRules {
  const rules: CompareRules = {
    compare: { ignore: ignore.length === 0 ? [] : [{ at: [...ignore] }], sets: [...sets] },
    preserve: [...preserve],
  }
  return rulesFor(rules).forPath(parsePath('/r'))
}

/** Rules of all kinds, which often say different things of the same part. */
export const anyRules: fc.Arbitrary<PathRules> = fc
  .record({ ignore: pointers, preserve: pointers, sets: pointers })
  .map(given)

/** Which of the parts are chosen; by place, since their names are not known before. */
export const picks = fc.infiniteStream(fc.constantFrom<'source' | 'target' | undefined>('source', 'target', undefined))
