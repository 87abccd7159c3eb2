/** What depends on others comes after them, and what can never come is named. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { levelsOf, type Dependent } from '../../src/documents/levels.ts'

function keys(levels: readonly (readonly Dependent[])[]): string[][] {
  return levels.map((level) => level.map(({ key }) => key))
}

function graph(text: string): Dependent[] {
  return text.split(' ').map((one) => {
    const [key = '', after = ''] = one.split('<')
    return { key, after: after === '' ? [] : after.split(',') }
  })
}

test('each level holds what depends only on those before, in the order that was given', () => {
  assert.deepEqual(keys(levelsOf(graph('a1<z1 b1 z1')).levels), [['b1', 'z1'], ['a1']])
  assert.deepEqual(keys(levelsOf(graph('d<b,c b<a c<a,a a<elsewhere')).levels), [['a'], ['b', 'c'], ['d']])
  assert.deepEqual(levelsOf([]), { levels: [], cycles: [], stuck: [] })
})

test('cycles are named with all their members, and what waits for them is told apart', () => {
  const { levels, cycles, stuck } = levelsOf(graph('free self<self a<b b<c c<a waits<a waits2<waits,free'))
  assert.deepEqual(keys(levels), [['free']])
  assert.deepEqual(keys(cycles), [['self'], ['a', 'b', 'c']])
  assert.deepEqual(
    stuck.map(({ key }) => key),
    ['waits', 'waits2'],
  )
})

test('every one is in a level behind all that it depends on, or in a cycle, or waits for one', () => {
  const key = fc.integer({ min: 0, max: 12 }).map(String)
  const dependents = fc.uniqueArray(fc.record({ key, after: fc.array(key, { maxLength: 3 }) }), {
    selector: (one) => one.key,
    maxLength: 13,
  })
  fc.assert(
    fc.property(dependents, (all) => {
      const { levels, cycles, stuck } = levelsOf(all)
      const placed = [...levels.flat(), ...cycles.flat(), ...stuck]
      assert.deepEqual(new Set(placed), new Set(all))
      assert.equal(placed.length, all.length)
      const known = new Set(all.map((one) => one.key))
      const done = new Set<string>()
      for (const level of levels) {
        for (const { after } of level) assert.ok(after.every((one) => done.has(one) || !known.has(one)))
        for (const one of level) done.add(one.key)
      }
      for (const cycle of cycles)
        for (const [i, { after }] of cycle.entries())
          assert.ok(after.includes(cycle[(i + 1) % cycle.length]?.key ?? ''))
      assert.equal(cycles.length > 0, placed.length > levels.flat().length)
    }),
    { numRuns: 1000 },
  )
})

test('a long chain and a wide level take no longer than their size', () => {
  const chain = Array.from({ length: 50_000 }, (_, i) => ({ key: String(i), after: [String(i + 1)] }))
  assert.equal(levelsOf(chain).levels.length, 50_000)
  const wide = Array.from({ length: 50_000 }, (_, i) => ({ key: String(i), after: i === 0 ? [] : ['0'] }))
  assert.equal(levelsOf(wide).levels.length, 2)
})
