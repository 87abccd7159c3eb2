import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changesBetween } from '../../../src/agents/config/changes.ts'
import { demand } from '../../../src/agents/config/conditions.ts'
import { mergePatch } from '../../../src/agents/config/merge-patch.ts'

/** RFC 7396, appendix A: document, patch, result. */
const examples: readonly (readonly [unknown, unknown, unknown])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
]

for (const [document, patch, result] of examples)
  test(`${JSON.stringify(document)} with ${JSON.stringify(patch)} is ${JSON.stringify(result)}`, () => {
    assert.deepEqual(mergePatch(document, patch), result)
  })

test('a patch cannot reach a prototype', () => {
  const patched = mergePatch({}, JSON.parse('{"__proto__": {"admin": true}}')) as { admin?: boolean }
  assert.equal(patched.admin, undefined)
  assert.equal(Object.getPrototypeOf(patched), Object.prototype)
})

test('changes are as deep as both sides have the same shape', () => {
  const before = { a: 1, same: [1], list: [1, 2], gone: { x: 1 }, kind: 'text' }
  const after = { a: 2, same: [1], list: [1, 3, 4], kind: { env: 'X' }, 'a/b': 0 }
  assert.deepEqual(changesBetween({ real: before, shown: before }, { real: after, shown: after }), [
    { pointer: '/a', before: 1, after: 2 },
    { pointer: '/list/1', before: 2, after: 3 },
    { pointer: '/list/2', after: 4 },
    { pointer: '/gone', before: { x: 1 } },
    { pointer: '/kind', before: 'text', after: { env: 'X' } },
    { pointer: '/a~1b', after: 0 },
  ])
})

test('a change shows what is shown, not what is real', () => {
  const set = { secret: 'set' }
  const changes = changesBetween(
    { real: { token: 'old', other: 'x' }, shown: { token: set, other: set } },
    { real: { token: 'new', other: 'x' }, shown: { token: set, other: set } },
  )
  assert.deepEqual(changes, [{ pointer: '/token', before: set, after: set }])
})

test('conditions hold as RFC 9110 says', () => {
  const holds = (conditions: Parameters<typeof demand>[0], current?: string): boolean => {
    try {
      demand(conditions, current)
      return true
    } catch (error) {
      assert.equal((error as { code?: string }).code, 'stale')
      return false
    }
  }
  assert.equal(holds({}, '"a"'), true)
  assert.equal(holds({ ifMatch: '"a"' }, '"a"'), true)
  assert.equal(holds({ ifMatch: '"x", "a"' }, '"a"'), true)
  assert.equal(holds({ ifMatch: 'W/"a"' }, '"a"'), false)
  assert.equal(holds({ ifMatch: 'a' }, '"a"'), false)
  assert.equal(holds({ ifMatch: '*' }, '"a"'), true)
  assert.equal(holds({ ifMatch: '*' }), false)
  assert.equal(holds({ ifMatch: '"a"' }), false)
  assert.equal(holds({ ifNoneMatch: '*' }, '"a"'), false)
  assert.equal(holds({ ifNoneMatch: '*' }), true)
  assert.equal(holds({ ifNoneMatch: '"a"' }, '"a"'), false)
  assert.equal(holds({ ifNoneMatch: '"b"' }, '"a"'), true)
})
