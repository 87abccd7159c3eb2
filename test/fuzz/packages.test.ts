import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzPackages } from '../../fuzz/packages/run.ts'

test('300 packages with anything changed in them are read as they say, or refused with a code, and nothing else happens', async () => {
  const { figures, failure } = await fuzzPackages({ seed: 20_261_122, cases: 300 })
  assert.equal(failure, undefined)
  // Neither all that it makes is good, nor all of it bad.
  for (const said of ['read', 'corrupt', 'invalid', 'too-large']) assert.ok(Number(figures[said] ?? 0) > 0, said)
})
