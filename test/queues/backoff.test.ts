import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { backoffMs, type Backoff } from '../../src/queues/backoff.ts'

const exact: Backoff = { initialMs: 1000, maxMs: 900_000, factor: 2, jitter: 0 }
const jittered: Backoff = { ...exact, jitter: 0.2 }

const backoffs = fc.record({
  initialMs: fc.integer({ min: 0, max: 10_000_000 }),
  maxMs: fc.integer({ min: 0, max: 10_000_000 }),
  factor: fc.double({ min: 1, max: 100, noNaN: true }),
  jitter: fc.double({ min: 0, max: 1, noNaN: true }),
})
const attempts = fc.integer({ min: 1, max: 1_000_000 })
const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

test('without jitter each delay is the one before times the factor, up to the longest', () => {
  const delays = Array.from({ length: 12 }, (_, i) => backoffMs(i + 1, exact))
  assert.deepEqual(
    delays,
    [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].map((seconds) => seconds * 1000),
  )
})

test('jitter takes off or adds up to its fraction', () => {
  assert.equal(
    backoffMs(3, jittered, () => 0),
    3200,
  )
  assert.equal(
    backoffMs(3, jittered, () => 0.5),
    4000,
  )
  assert.equal(
    backoffMs(3, jittered, () => 1 - Number.EPSILON),
    4800,
  )
})

test('at the longest delay there still is jitter, and never more than the longest', () => {
  const at = (random: number): number => backoffMs(50, jittered, () => random)
  assert.deepEqual([at(0), at(0.5), at(1 - Number.EPSILON)], [600_000, 750_000, 900_000])
})

test('a delay is a whole number between 0 and the longest, however many attempts there were', () => {
  fc.assert(
    fc.property(attempts, backoffs, chance, (n, backoff, random) => {
      const delay = backoffMs(n, backoff, () => random)
      assert.ok(Number.isInteger(delay) && delay >= 0 && delay <= backoff.maxMs, String(delay))
    }),
  )
})

test('a delay is within the jitter of its middle', () => {
  fc.assert(
    fc.property(attempts, backoffs, chance, (n, backoff, random) => {
      const middle = backoffMs(n, backoff, () => 0.5)
      const delay = backoffMs(n, backoff, () => random)
      assert.ok(Math.abs(delay - middle) <= middle * backoff.jitter + 1.5, `${delay} is too far from ${middle}`)
    }),
  )
})

test('by the same chance no delay is shorter than the one before', () => {
  fc.assert(
    fc.property(attempts, backoffs, chance, (n, backoff, random) => {
      assert.ok(backoffMs(n, backoff, () => random) <= backoffMs(n + 1, backoff, () => random))
    }),
  )
})
