import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzApi } from '../../fuzz/api/run.ts'

test('300 requests made from the OpenAPI document are all answered as it promises', { timeout: 120_000 }, async () => {
  const { cases, operations, faults, statuses } = await fuzzApi({ seed: 8, cases: 300 })
  assert.deepEqual(faults, [])
  assert.equal(cases, 300)
  assert.ok(operations > 80, `${operations} operations`)
  for (const status of ['200', '400', '401', '404']) assert.ok((statuses[status] ?? 0) > 0, JSON.stringify(statuses))
})
