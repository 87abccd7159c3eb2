/** Streams of documents come back as they went, however they are cut into chunks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { printJson } from '../../src/documents/json.ts'
import {
  readDocuments,
  type Standing,
  type StreamFormat,
  type StreamOptions,
} from '../../src/documents/streams/read.ts'
import { streamWriter } from '../../src/documents/streams/write.ts'
import type { Value } from '../../src/documents/value.ts'
import { documents } from './arbitrary.ts'

const formats = ['yaml', 'json', 'ndjson'] as const satisfies readonly StreamFormat[]

function written(all: readonly Value[], format: StreamFormat): string {
  const writer = streamWriter(format)
  return all.map((one) => writer.document(one)).join('') + writer.end()
}

async function standing(text: string | Uint8Array, size = 7, options: StreamOptions = {}): Promise<Standing[]> {
  const bytes = Buffer.from(text)
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  )
  const found: Standing[] = []
  for await (const one of readDocuments(chunks, options)) found.push(one)
  return found
}

async function read(text: string | Uint8Array, size?: number, options?: StreamOptions): Promise<string[]> {
  return (await standing(text, size, options)).map(({ value }) => printJson(value))
}

for (const format of formats)
  test(`documents come back from ${format}, cut anywhere, and the format need not be said`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          documents.filter((one) => one !== null),
          { maxLength: 6 },
        ),
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        async (all, size, said) => {
          // What is no object looks like anything; in a list it is told.
          const given = said || format === 'json' ? all : all.map((value) => ({ value }))
          const text = written(given, format)
          const options = said ? { format } : {}
          assert.deepEqual(await read(text, size, options), given.map(printJson))
          // In YAML a line end may belong to a string, and is then one however it was written.
          if (format === 'yaml') return
          const windows = `\ufeff${text.replaceAll('\n', '\r\n')}`
          assert.deepEqual(await read(windows, size, options), given.map(printJson))
        },
      ),
      { numRuns: 300 },
    )
  })

test('documents of YAML stand between marks, wherever the chunks end', async () => {
  const text =
    '# first\n%YAML 1.2\n---\na: 1\n---\n---\n# nothing\n--- |\n text\n ---\n---not\n...\n...\n# c\n--- {b: 2}\n--- "x\n  y"\n...\nc: 3'
  for (let size = 1; size < 30; size++)
    assert.deepEqual(await read(text.replace('---not\n', ''), size), [
      '{"a": 1}',
      String.raw`"text\n---\n"`,
      '{"b": 2}',
      '"x y"',
      '{"c": 3}',
    ])
  for (const ending of ['---', '---\n', '...', '--- ', '-- ', '# -'])
    if (ending !== '-- ') assert.deepEqual(await read(`a: b\n${ending}`, 2), ['{"a": "b"}'], ending)
  assert.deepEqual(await read('\ufeff---\r\na: b\r\n---\r\nc: |\r\n  d\r\n  e\r\n'), [
    '{"a": "b"}',
    '{"c": "d\\ne\\n"}',
  ])
})

test('JSON comes as one value, as a list, one behind another, and on lines', async () => {
  for (const [text, found] of [
    ['', []],
    [' \n', []],
    ['[]', []],
    ['[ ]\n', []],
    ['{}', ['{}']],
    ['{\n "a": [1, {"b": "}]"}]\n}\n', ['{"a": [1, {"b": "}]"}]}']],
    ['{"a": 1}{"b": 2}\n{"c": 3}', ['{"a": 1}', '{"b": 2}', '{"c": 3}']],
    ['[1, "a\\"]", true,\n[2], {"b": 3}]', ['1', '"a\\"]"', 'true', '[2]', '{"b": 3}']],
    ['[1][2]', ['1', '2']],
    ['{"a": "é\\u2028"}', ['{"a": "\\u00e9\\u2028"}']],
  ] as const)
    for (const size of [1, 2, 5, 100]) assert.deepEqual(await read(text, size), found, text)
  assert.deepEqual(await read('1\n"a"\r\n\n null \n{"a": 1}', 3, { format: 'ndjson' }), ['1', '"a"', '{"a": 1}'])
  assert.deepEqual(await read('{a: b, "c": d}'), ['{"a": "b", "c": "d"}'], 'this looks like JSON, and is YAML')
})

test('what is wrong is refused with the number and the line of the document', async () => {
  const yaml: StreamOptions = { format: 'yaml' }
  const ndjson: StreamOptions = { format: 'ndjson' }
  for (const [text, options, message] of [
    ['a: 1\n---\n\nb: c: d\n', yaml, /^document 2 on line 2: .*line 4, column/],
    ['{"a": 1}\n{"a"\n{"b": 2}\n', ndjson, /^document 2 on line 2: this is no JSON/],
    ['{"a": 1}\n{"b": {', {}, /^document 2 on line 2: this is no JSON/],
    ['{"a": 1, "a": 2}', {}, /^document 1 on line 1: .*[Dd]uplicate/],
    ['[{"a": 1}', {}, /^line 1: the list does not end/],
    ['[{"a": 1},,2]', {}, /^line 1: "," is not expected/],
    ['[{"a": 1},]', {}, /^line 1: "]" is not expected/],
    ['[\n{"a": 1}\n{"a": 1}]', {}, /^line 3: "{" is not expected/],
    ['{"a": 1}]', {}, /^line 1: "]" is not expected/],
    ['{"a": 1}\n---\n{"b": 2}', {}, /^document 2 on line 2: this is no JSON/],
    [Buffer.from([0x61, 0x3a, 0x20, 0xff]), {}, /not in UTF-8/],
    [Buffer.from([0x61, 0x3a, 0x20, 0xc3]), {}, /not in UTF-8/],
    ['a: 1\na: 2\n', {}, /^document 1 on line 1: .*duplicated/],
  ] as const)
    await assert.rejects(read(text, 4, options), { code: 'invalid', message })
})

test('a document that is too long is refused with its line, before all of it has come', async () => {
  async function* endless(start: string): AsyncGenerator<Uint8Array> {
    yield Buffer.from(start)
    for (;;) yield Buffer.alloc(1000, 'x')
  }
  for (const [start, format] of [
    ['a: 1\n--- ', 'yaml'],
    ['{"a": 1}\n"', 'json'],
    ['{"a": 1}\n"', 'ndjson'],
  ] as const)
    await assert.rejects(
      async () => {
        for await (const _ of readDocuments(endless(start), { format, maxLength: 10_000 }));
      },
      { code: 'too-large', message: /on line 2 / },
    )
})
