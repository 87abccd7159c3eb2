import fc from 'fast-check'
import { numberOf, type Value } from '../../src/documents/value.ts'

const digits = fc.stringMatching(/^-?(?:0|[1-9]\d{0,25})(?:\.\d{1,10})?(?:[eE][+-]?\d{1,3})?$/)
/** What other readers of YAML take for something else than a string. */
const tricky = fc.constantFrom(
  ...[
    'yes',
    'no',
    'on',
    'off',
    'y',
    'n',
    'true',
    'null',
    '~',
    '',
    ' ',
    '-',
    '--- a',
    '...',
    '2020-01-01',
    '1',
    '1.0',
    '0x1F',
    '0o17',
  ],
  ...[
    '017',
    '1_000',
    '190:20:30',
    '.inf',
    '.nan',
    '<<',
    '=',
    '# no comment',
    'a: b',
    'a #b',
    '- a',
    '? a',
    '[',
    '{',
    '&a',
    '*a',
    '!a',
    '|',
    '>',
  ],
  ...[
    '%a',
    '@a',
    '`a',
    '"',
    "'",
    '\\',
    '\t',
    'a\n',
    '\na',
    ' a ',
    'a\r\nb',
    'é☃😀',
    '\ufeff',
    '\u0085',
    '\u2028',
    '\u0000',
    '\u007f',
    '__proto__',
  ],
)
const text = fc.oneof(tricky, fc.string({ unit: 'binary', maxLength: 20 }), fc.string({ maxLength: 120 }))

/** Documents of all kinds, those that are easily misread above all. */
export const documents: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom<Value>(null, true, false),
    digits.map(numberOf),
    text,
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(text, tie('value')), { selector: ([name]) => name, maxLength: 5 })
      .map((members) => Object.fromEntries(members)),
  ),
})).value
