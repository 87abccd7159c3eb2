import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { textDifference } from '../../src/compare/text.ts'

const lines = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `line ${from + i}\n`).join('')

test('a diff says what becomes of the target’s text', () => {
  assert.deepEqual(textDifference({ source: 'a\nB\nc\n', target: 'a\nb\nc\n' }), {
    kind: 'diff',
    diff: '@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n',
  })
})

test('equal texts have an empty diff, and an absent one is an empty one', () => {
  assert.deepEqual(textDifference({ source: 'a\n', target: 'a\n' }), { kind: 'diff', diff: '' })
  assert.deepEqual(textDifference({ source: 'a\n', target: undefined }), {
    kind: 'diff',
    diff: '@@ -0,0 +1,1 @@\n+a\n',
  })
  assert.deepEqual(textDifference({ source: undefined, target: 'a\n' }), {
    kind: 'diff',
    diff: '@@ -1,1 +0,0 @@\n-a\n',
  })
})

test('the end of a last line, and a carriage return, are differences', () => {
  const noNewline = textDifference({ source: 'a', target: 'a\n' })
  assert.ok(noNewline.kind === 'diff')
  assert.match(noNewline.diff, /\\ No newline at end of file/)
  const carriage = textDifference({ source: 'a\r\n', target: 'a\n' })
  assert.ok(carriage.kind === 'diff')
  assert.equal(carriage.diff, '@@ -1,1 +1,1 @@\n-a\n+a\r\n')
})

test('a long diff ends at a whole line and says how many are left out', () => {
  const found = textDifference({ source: lines(0, 500), target: '' }, { maxBytes: 1000 })
  assert.ok(found.kind === 'diff')
  const shown = found.diff.split('\n').length - 1
  assert.ok(Buffer.byteLength(found.diff) <= 1000)
  assert.equal(shown + (found.leftOut ?? 0), 501)
})

const tooLarge: readonly [string, string, string][] = [
  ['a text of more than a megabyte', 'é'.repeat(600_000), 'a'],
  ['a text of too many lines', '\n'.repeat(30_000), `${'\n'.repeat(29_999)}a`],
  ['what has nothing in common', lines(0, 9000), lines(10_000, 19_000)],
]

for (const [name, source, target] of tooLarge)
  test(`${name} is too large to show, and is named by digest and size`, () => {
    const extent = (text: string): object => ({
      digest: createHash('sha256').update(text).digest('hex'),
      size: Buffer.byteLength(text),
    })
    assert.deepEqual(textDifference({ source, target }), {
      kind: 'too-large',
      source: extent(source),
      target: extent(target),
    })
  })
