/** What we write in YAML is what readers that nobody here wrote take it for. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAllDocuments, Scalar, visit } from 'yaml'
import { parseJson, printJson } from '../../src/documents/json.ts'
import { streamWriter } from '../../src/documents/streams/write.ts'
import { isFields, isNumber, type Value } from '../../src/documents/value.ts'
import { documents } from './arbitrary.ts'

const samples = fc.sample(documents, { numRuns: 400, seed: 7 }).map((value): Value => ({ value }))
const writer = streamWriter('yaml')
const text = samples.map((value) => writer.document(value)).join('')

/** Numbers as their values, for others do not keep how they were written. */
function plain(value: Value): unknown {
  if (isNumber(value)) return `number ${Number(value.value)}`
  if (Array.isArray(value)) return (value as readonly Value[]).map(plain)
  if (!isFields(value)) return value
  return Object.entries(value)
    .map(([name, member]): [string, unknown] => [name, plain(member)])
    .toSorted(([one], [other]) => (one < other ? -1 : 1))
}

for (const version of ['1.2', '1.1'] as const)
  test(`the library yaml reads the same in YAML ${version}`, () => {
    const read = parseAllDocuments(text, { version, intAsBigInt: true, logLevel: 'error', merge: false })
    assert.ok(Array.isArray(read))
    for (const [i, document] of read.entries()) {
      assert.deepEqual(document.errors, [])
      visit(document, {
        // YAML 1.1 knows no exponent without a point.
        Scalar: (_, node) => {
          const isNumeric = typeof node.value === 'number' || typeof node.value === 'bigint'
          const isExponent =
            typeof node.value === 'string' &&
            node.type === Scalar.PLAIN &&
            /^-?\d+(?:\.\d*)?[eE][-+]?\d+$/.test(node.value)
          if (isNumeric || isExponent) node.value = `number ${Number(node.value)}`
        },
      })
      const back = (value: unknown): unknown => {
        if (Array.isArray(value)) return value.map(back)
        if (!(value instanceof Map)) return value
        return [...value]
          .map(([name, member]): [string, unknown] => [String(name), back(member)])
          .toSorted(([one], [other]) => (one < other ? -1 : 1))
      }
      assert.deepEqual(
        back(document.toJS({ mapAsMap: true })),
        plain(samples[i] ?? null),
        printJson(samples[i] ?? null),
      )
    }
    assert.equal(read.length, samples.length)
  })

const program = `
import json, sys, yaml
class Text(str): pass
class Loader(getattr(yaml, 'CSafeLoader', yaml.SafeLoader)): pass
def number(loader, node):
    return node.value if 'e' in node.value.lower() else {'number': node.value}
for kind in ('int', 'float'):
    Loader.add_constructor('tag:yaml.org,2002:' + kind, number)
for one in yaml.load_all(sys.stdin.buffer.read(), Loader):
    print(json.dumps(one['value']))
`

test('PyYAML, which reads YAML 1.1, takes no string for anything else', (t) => {
  const python = spawnSync('python3', ['-c', 'import yaml'])
  if (python.status !== 0) return t.skip('python3 has no yaml here')
  const { status, stdout, stderr } = spawnSync('python3', ['-c', program], { input: text, maxBuffer: 2 ** 28 })
  assert.equal(status, 0, String(stderr))
  const lines = String(stdout).trimEnd().split('\n')
  assert.equal(lines.length, samples.length)
  /** Versions of it do not agree which numbers with an exponent are numbers; nothing else may be one. */
  const tagged = (value: Value): Value => {
    if (isNumber(value)) return /e/i.test(value.value) ? value.value : { number: value.value }
    if (Array.isArray(value)) return (value as readonly Value[]).map(tagged)
    return isFields(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, tagged(one)])) : value
  }
  for (const [i, line] of lines.entries()) {
    const sample = samples[i]
    assert.ok(isFields(sample))
    assert.equal(printJson(parseJson(line)), printJson(tagged(sample['value'] ?? null)))
  }
})
