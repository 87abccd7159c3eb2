import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { faultInGlob, globOf, includes } from '../../src/resources/glob.ts'
import { parsePath } from '../../src/resources/path.ts'

function matches(pattern: string, path: string): boolean {
  assert.equal(faultInGlob(pattern), undefined, pattern)
  return globOf(pattern)(parsePath(path))
}

test('x/** is x and everything below it, by segments', () => {
  assert.equal(matches('/a/**', '/a'), true)
  assert.equal(matches('/a/**', '/a/b/c'), true)
  assert.equal(matches('/a/**', '/ab'), false)
  assert.equal(matches('/**', '/'), true)
  assert.equal(matches('/**', '/a/b'), true)
})

test('* and ? stay within a segment', () => {
  assert.equal(matches('/a/*', '/a/b'), true)
  assert.equal(matches('/a/*', '/a/b/c'), false)
  assert.equal(matches('/a/*', '/a'), false)
  assert.equal(matches('/*', '/'), false)
  assert.equal(matches('/a?c', '/abc'), true)
  assert.equal(matches('/a?c', '/a/c'), false)
  assert.equal(matches('/a?c', '/ac'), false)
})

test('** in the middle stands for any number of segments, also none', () => {
  assert.equal(matches('/content/**/drafts/**', '/content/drafts'), true)
  assert.equal(matches('/content/**/drafts/**', '/content/a/b/drafts/c'), true)
  assert.equal(matches('/content/**/drafts/**', '/content/a/b/draft/c'), false)
  assert.equal(matches('/**/x', '/x'), true)
})

test('a pattern is for the whole path and knows upper from lower case', () => {
  assert.equal(matches('/a', '/a/b'), false)
  assert.equal(matches('/a', '/A'), false)
  assert.equal(matches('/*.html', '/index.html'), true)
  assert.equal(matches('/*.html', '/index.html.bak'), false)
})

test('names that begin with a dot match like all others', () => {
  assert.equal(matches('/*/b', '/.a/b'), true)
  assert.equal(matches('/**/.git/**', '/a/.git/config'), true)
})

for (const text of ['/a[b]', '/{a,b}', '/+(a)', '/!a', '/a\\b', '/a|b', '/$^.', '/a(b'])
  test(`${text} means itself and nothing else`, () => {
    assert.equal(matches(text, text), true)
    assert.equal(matches(`${text}*`, `${text}x`), true)
    assert.equal(matches(text, '/a'), false)
    assert.equal(matches(text, '/b'), false)
  })

test('? is one character, however many bytes it has, and line breaks are characters', () => {
  assert.equal(matches('/a?', '/a\u{1F600}'), true)
  assert.equal(matches('/a/**', '/a/b\nc'), true)
  assert.equal(matches('/a*c', '/a\nc'), true)
})

for (const text of ['a', '*', '**/a', '/a/', '//a', '/a/../b', '/a**', '/a\0', '/\ud800', `/${'a'.repeat(1024)}`])
  test(`${JSON.stringify(text.slice(0, 20))} is no pattern`, () => {
    assert.notEqual(faultInGlob(text), undefined)
  })

/** The grammar word by word, slow and plain: every way in which a wild part could stand for parts is tried. */
function slowly(
  wanted: readonly string[],
  parts: readonly string[],
  wild: string,
  fits: (w: string, p: string) => boolean,
): boolean {
  const [want, ...later] = wanted
  if (want === undefined) return parts.length === 0
  if (want === wild)
    return Array.from({ length: parts.length + 1 }, (_, i) => parts.slice(i)).some((rest) =>
      slowly(later, rest, wild, fits),
    )
  const [part, ...rest] = parts
  return part !== undefined && fits(want, part) && slowly(later, rest, wild, fits)
}

test('greedy matching finds what trying everything finds, and nothing else', () => {
  const segment = fc.string({ unit: fc.constantFrom('a', 'b', '.'), minLength: 1, maxLength: 4 })
  const pattern = fc
    .array(
      fc.oneof(fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), minLength: 1, maxLength: 5 }), fc.constant('**')),
      { minLength: 1, maxLength: 5 },
    )
    .map((parts) => `/${parts.join('/')}`)
  const path = fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`)
  const inSegment = (want: string, part: string): boolean =>
    slowly([...want], [...part], '*', (w, p) => w === '?' || w === p)
  fc.assert(
    fc.property(pattern, path, (glob, text) => {
      fc.pre(faultInGlob(glob) === undefined && !/\/\.\.?(\/|$)/.test(text))
      assert.equal(matches(glob, text), slowly(glob.slice(1).split('/'), text.slice(1).split('/'), '**', inSegment))
    }),
    { numRuns: 3000 },
  )
})

test('the work for a pattern full of stars grows with the length of the path, not with its powers', () => {
  // With the usual regular expressions, each of these would take longer than anybody waits.
  assert.equal(matches(`/${'*a'.repeat(100)}*b`, `/${'a'.repeat(250)}`), false)
  assert.equal(matches(`${'/**/a'.repeat(50)}/**/b`, '/a'.repeat(2000)), false)
})

test('the first filter that matches decides, and what none matches is included', () => {
  const included = includes([{ include: '/a/keep/**' }, { exclude: '/a/**' }])
  assert.equal(included(parsePath('/a/keep/x')), true)
  assert.equal(included(parsePath('/a/x')), false)
  assert.equal(included(parsePath('/b')), true)
  assert.equal(includes([])(parsePath('/b')), true)
})
