/** Any type and id become a path and a file name, and come back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeName, encodeName, nameAt, pathOf } from '../../src/documents/names.ts'
import { parsePath, rootPath, segmentsOf } from '../../src/resources/path.ts'

const text = fc
  .oneof(
    fc.constantFrom(
      '.',
      '..',
      '../../../evil',
      '.git',
      '%2E',
      '%',
      '%zz',
      'a/b',
      '\u0000',
      '\n',
      ' ',
      'CON',
      'é',
      'e\u0301',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
  )
  .filter((name) => name.isWellFormed())

test('any name comes back from its encoded form, which is one visible segment that leads nowhere else', () => {
  fc.assert(
    fc.property(text, text, (type, id) => {
      const path = pathOf({ type, id })
      assert.equal(parsePath(path), path)
      assert.deepEqual(nameAt(path), { type, id })
      for (const segment of segmentsOf(path)) {
        assert.doesNotMatch(segment, /^\.|[/\p{Cc}]/u)
        assert.equal(encodeName(decodeName(segment)), segment)
      }
    }),
    { numRuns: 1000 },
  )
})

test('different names have different encoded forms', () => {
  fc.assert(
    fc.property(text, text, (one, other) => assert.equal(encodeName(one) === encodeName(other), one === other)),
    { numRuns: 1000 },
  )
})

test('what no name can be is refused, and so is what no encoded name can be', () => {
  for (const name of ['', 'x'.repeat(251), 'é'.repeat(126), '%'.repeat(84), '\ud800'])
    assert.throws(() => encodeName(name), { code: 'invalid' }, name.slice(0, 10))
  assert.equal(encodeName('x'.repeat(250)).length, 250)
  for (const encoded of ['.git', 'a%41', '%2e', '%', '%C3%A9'])
    assert.throws(() => decodeName(encoded), { code: 'invalid' }, encoded)
})

test('only a path of two segments names a document', () => {
  for (const path of [rootPath, parsePath('/foo'), parsePath('/foo/1/2')]) assert.equal(nameAt(path), undefined)
})
