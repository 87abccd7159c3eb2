import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { comparePaths, isWithin, outermost, parsePath, type ResourcePath } from '../../src/resources/path.ts'

test('a root admits what lies below it, by segments and never as text', () => {
  assert.equal(isWithin(parsePath('/content/a/b'), parsePath('/content/a')), true)
  assert.equal(isWithin(parsePath('/content/a'), parsePath('/content/a')), true)
  assert.equal(isWithin(parsePath('/content/abc'), parsePath('/content/a')), false)
  assert.equal(isWithin(parsePath('/content'), parsePath('/content/a')), false)
  assert.equal(isWithin(parsePath('/anything'), parsePath('/')), true)
})

for (const text of [
  '',
  'a',
  'a/b',
  '//',
  '/a//b',
  '/a/',
  '/.',
  '/a/..',
  '/../a',
  '/a\0b',
  '/\ud800',
  `/${'x'.repeat(4096)}`,
])
  test(`${JSON.stringify(text.slice(0, 20))} is no path`, () => {
    assert.throws(() => parsePath(text), { name: 'ReplicationError', code: 'invalid' })
  })

for (const text of ['/', '/a', '/ ', '/...', '/a b/%2e/|/:/[x]/\u00e9/e\u0301/\u{1F600}', '/.hidden', '/a\nb'])
  test(`${JSON.stringify(text)} is a path, kept as it is`, () => {
    assert.equal(parsePath(text), text)
  })

const path = fc
  .array(fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }), { maxLength: 4 })
  .map((segments) => `/${segments.join('/')}`)
  .filter((text): text is ResourcePath => {
    try {
      parsePath(text)
      return true
    } catch {
      return false
    }
  })

test('paths sort depth first, siblings by the bytes of their names', () => {
  const slow = (a: string, b: string): number => {
    const [x, y] = [a.split('/').map((s) => Buffer.from(s)), b.split('/').map((s) => Buffer.from(s))]
    for (let i = 0; i < Math.min(x.length, y.length); i++) {
      const order = Buffer.compare(x[i] ?? Buffer.alloc(0), y[i] ?? Buffer.alloc(0))
      if (order !== 0) return order
    }
    return x.length - y.length
  }
  fc.assert(
    fc.property(path, path, (a, b) => {
      if (a === '/' || b === '/') return
      assert.equal(Math.sign(comparePaths(a, b)), Math.sign(slow(a, b)))
    }),
  )
  assert.deepEqual(['/b', '/a!b', '/a/b', '/', '/a', '/a/b/c'].map(parsePath).toSorted(comparePaths), [
    '/',
    '/a',
    '/a/b',
    '/a/b/c',
    '/a!b',
    '/b',
  ])
})

test('the outermost paths are kept, in order and once each', () => {
  assert.deepEqual(outermost(['/b/c', '/a', '/b', '/a!', '/a/x', '/a'].map(parsePath)), ['/a', '/a!', '/b'])
})
