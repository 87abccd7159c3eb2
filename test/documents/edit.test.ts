/** Edits of texts that people wrote. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { edited, type Edit } from '../../src/documents/edit.ts'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { withMember, withoutMember } from '../../src/documents/pointers.ts'
import { isFields, numberOf, type Value } from '../../src/documents/value.ts'
import { parseYaml, printFlowYaml, printYaml } from '../../src/documents/yaml.ts'
import { documents } from './arbitrary.ts'

/** A text with nothing in it counts as an object. */
function said(value: Value | undefined): Value {
  return value === undefined ? {} : value
}

function changed(value: Value, edits: readonly Edit[]): Value {
  return edits.reduce<Value>(
    (one, { at, value: next }) => (next === undefined ? withoutMember(one, at) : withMember(one, at, next)),
    value,
  )
}

/** All members, and one more in each object. */
function placesIn(value: Value, at: readonly string[] = []): (readonly string[])[] {
  const members: [string, Value][] = Array.isArray(value)
    ? (value as readonly Value[]).map((item, i) => [String(i), item])
    : isFields(value)
      ? Object.entries(value)
      : []
  const inner = members.flatMap(([name, member]) => placesIn(member, [...at, name]))
  return [
    at,
    ...inner,
    ...(isFields(value)
      ? [
          [...at, 'new'],
          [...at, 'new: one', '__proto__'],
        ]
      : []),
  ]
}

const cases = documents.chain((value) => {
  const places = placesIn(value)
  const one = fc.record({
    at: fc.nat({ max: places.length - 1 }).map((i) => places[i] ?? []),
    value: fc.option(documents, { nil: undefined }),
  })
  return fc.record({ value: fc.constant(value), edits: fc.array(one, { minLength: 1, maxLength: 4 }) })
})

const forms: readonly (readonly [name: string, format: 'json' | 'yaml', print: (value: Value) => string])[] = [
  ['JSON on one line', 'json', printJson],
  ['JSON on many lines', 'json', (value) => JSON.stringify(JSON.parse(printJson(value)), null, '\t')],
  ['YAML in blocks', 'yaml', printYaml],
  ['YAML between brackets', 'yaml', printFlowYaml],
  ['JSON taken for YAML', 'yaml', printJson],
  ['YAML with other line ends', 'yaml', (value) => printYaml(value).replaceAll('\n', '\r\n')],
  ['YAML behind a mark', 'yaml', (value) => `# head\n--- # a mark\n${printYaml(value)}`],
  ['YAML with comments', 'yaml', commented],
]

function commented(value: Value): string {
  const text = printYaml(value)
  return `# head\n\n${text.replaceAll(/^( *)(\w+): (\w+)$/gm, '$1# of $2\n$1$2: $3 # behind $2\n')}# tail`
}

for (const [name, format, print] of forms)
  test(`${name} says after edits what it said before and they say`, () => {
    fc.assert(
      fc.property(cases, ({ value, edits }) => {
        const parse = format === 'yaml' ? parseYaml : parseJson
        const text = print(value)
        // What such a text says may be another thing than what was printed, where that has ends of lines in it.
        const before = said(parse(text))
        assert.equal(printJson(said(parse(edited(text, format, edits)))), printJson(changed(before, edits)))
      }),
      { numRuns: 400 },
    )
  })

/** Lines, each with the member that it belongs to; those of `shared` belong to what is below it, too. */
const lines: readonly (readonly [owner: string, line: string, shared?: 'shared'])[] = [
  ['', '# The head of it all.'],
  ['/openapi', 'openapi: 3.1.0   # the version'],
  ['/info', `info: {title: "A title", version: '1.0', x-a: [1, 2.0, {b: c}]}`, 'shared'],
  ['', ''],
  ['/servers', '# What servers there are.'],
  ['/servers', 'servers:'],
  ['/servers/0/url', '- url: https://one.example # the first'],
  ['/servers/0/description', '  description: >-'],
  ['/servers/0/description', '    folded'],
  ['/servers/0/description', '    text'],
  ['/servers', ''],
  ['/servers/1/url', '- url: https://two.example'],
  ['/paths', 'paths:'],
  ['/paths//pets', '    # Of pets.'],
  ['/paths//pets', '    /pets:'],
  ['/paths//pets/get', '        get: &get'],
  ['/paths//pets/get/summary', '            summary: |+'],
  ['/paths//pets/get/summary', '                kept'],
  ['/paths//pets/get/summary', ''],
  ['/paths//pets/get/parameters', '            # about parameters'],
  ['/paths//pets/get/parameters', '            parameters:'],
  ['/paths//pets/get/parameters/0/name', '              - name: limit # how many'],
  ['/paths//pets/get/parameters/0/in', '                in: query'],
  ['/paths//pets/get/parameters/1/name', '              -   name: offset'],
  ['/paths//pets/get/parameters/1/in', '                  in: query'],
  ['/paths//pets/get/responses', '            "responses": {}', 'shared'],
  ['/paths//pets/get', '            # the end of get'],
  ['/paths//pets/post', '        post:', 'shared'],
  ['/paths//pets/post', '            <<: *get', 'shared'],
  ['/paths//pets/post', '            deprecated: true', 'shared'],
  ['/paths//long', '    ? /long'],
  ['/paths//long/get', '    : get: *get', 'shared'],
  ['/paths//long', '      # below'],
  ["/paths/it's", "    'it''s':"],
  ['/paths/200', '    200: ~ # nothing'],
  ['/paths/list', '    list: [a, b,', 'shared'],
  ['/paths/list', '      # between', 'shared'],
  ['/paths/list', '      c]', 'shared'],
  ['/last', '# The end.'],
  ['/last', 'last: 12345678901234567890'],
]

test('each member of a text can be replaced, taken away or added to, and all other lines stay', () => {
  const written = lines.map(([, line]) => line).join('\n')
  const before = parseYaml(written) ?? null
  for (const text of [written, written.replaceAll('\n', '\r\n'), `\ufeff${written}\n`])
    for (const at of placesIn(before).slice(1))
      for (const value of ['plain', { a: ['b', { c: 'two\nlines\n' }], d: numberOf('1.50') }, [], null, undefined]) {
        const result = edited(text, 'yaml', [{ at, value }])
        const label = `${at.join('/')} ${JSON.stringify(value)}\n${result}`
        assert.equal(printJson(parseYaml(result) ?? null), printJson(changed(before, [{ at, value }])), label)
        assert.equal(result.startsWith('\ufeff'), text.startsWith('\ufeff'), label)
        assert.equal(/[^\r]\n/.test(result), !text.includes('\r'), label)
        assert.deepEqual(lostIn(result.replace('\ufeff', ''), `/${at.join('/')}`), [], label)
      }
})

/** Lines that are not there any more, or not in their order, of other members than the one at the place. */
function lostIn(result: string, place: string): string[] {
  // Where the first of an item goes, the second takes its place behind the dash.
  const withoutDash = (line: string): string => line.replace(/^( *)-( +)/, '$1 $2')
  const left = result.split(/\r?\n/).map(withoutDash)
  let from = 0
  return lines.flatMap(([owner, line, shared]) => {
    if (isWithin(owner, place) || (shared !== undefined && isWithin(place, owner))) return []
    // What refers to a member that changes says itself what that said.
    if (line.includes('*get') && (isWithin(place, get) || isWithin(get, place))) return []
    const found = left.indexOf(withoutDash(line), from)
    if (found >= 0) from = found + 1
    return found >= 0 ? [] : [line]
  })
}

const get = '/paths//pets/get'

function isWithin(place: string, other: string): boolean {
  return place === other || place.startsWith(`${other}/`)
}
