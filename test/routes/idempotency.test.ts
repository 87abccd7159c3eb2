import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { Idempotency } from '../../src/routes/idempotency.ts'
import { removeExpired } from '../../src/state/expiry.ts'
import { openTestHome } from '../home.ts'

const hourMs = 3_600_000

test('an answer is given again for a day, and then removed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'idempotency.'))
  const { store, leave } = await openTestHome(folder, pino({ level: 'silent' }))
  t.after(async () => {
    await store.close()
    await leave()
    await rm(folder, { recursive: true })
  })
  const of = { caller: 'somebody', method: 'POST', path: '/x', key: 'once' }
  const first = new Idempotency(store).begin(of)
  assert.equal(await first.answerTo({}), undefined)
  const answer = { status: 202, headers: {}, body: { id: '1' } }
  assert.equal((await store.commit(first.keep({}, answer))).ok, true)

  await removeExpired(store, Date.now() + 23 * hourMs, 100)
  assert.deepEqual(await new Idempotency(store).begin(of).answerTo({}), answer)
  await removeExpired(store, Date.now() + 25 * hourMs, 100)
  assert.equal(await new Idempotency(store).begin(of).answerTo({ another: 'body' }), undefined)
  assert.deepEqual(await store.range({ from: 'expires/', to: 'expires0', limit: 1 }), [])
  assert.deepEqual(await store.range({ from: 'idempotency/', to: 'idempotency0', limit: 1 }), [])
})
