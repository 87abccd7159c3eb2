import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { pino } from 'pino'
import { Idempotency } from '../../src/routes/idempotency.ts'
import { removeExpired } from '../../src/state/expiry.ts'
import type { Store } from '../../src/state/store.ts'
import { openTestHome } from '../home.ts'

const hourMs = 3_600_000

async function givenStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'idempotency.'))
  const { store, leave } = await openTestHome(folder, pino({ level: 'silent' }))
  t.after(async () => {
    await store.close()
    await leave()
    await rm(folder, { recursive: true })
  })
  return store
}

const of = { caller: 'somebody', method: 'POST', path: '/x', key: 'once', cut: () => undefined }

test('an answer is given again for a day, and then removed', async (t) => {
  const store = await givenStore(t)
  const first = await new Idempotency(store).begin(of)
  assert.equal(await first.answerTo({}), undefined)
  const answer = { status: 202, headers: {}, body: { id: '1' } }
  assert.equal((await store.commit(first.keep({}, answer))).ok, true)

  await removeExpired(store, Date.now() + 23 * hourMs, 100)
  assert.deepEqual(await (await new Idempotency(store).begin(of)).answerTo({}), answer)
  await removeExpired(store, Date.now() + 25 * hourMs, 100)
  assert.equal(await (await new Idempotency(store).begin(of)).answerTo({ another: 'body' }), undefined)
  assert.deepEqual(await store.range({ from: 'expires/', to: 'expires0', limit: 1 }), [])
  assert.deepEqual(await store.range({ from: 'idempotency/', to: 'idempotency0', limit: 1 }), [])
})

test('a claimed key is nobody else’s until it is settled, at any server, and a refusal lets it go', async (t) => {
  const store = await givenStore(t)
  const [here, there] = [new Idempotency(store), new Idempotency(store)]
  const first = await here.begin(of)
  assert.equal(await first.claim({}), undefined)
  await assert.rejects(here.begin(of), { code: 'conflict', transient: false, retryAfterMs: 1000 })
  const second = await there.begin(of)
  await assert.rejects(second.claim({}), { code: 'conflict' })
  second.release()
  await first.settle({}, undefined)
  const third = await there.begin(of)
  assert.equal(await third.claim({}), undefined)
  const answer = { status: 200, headers: {}, body: { done: true } }
  await third.settle({}, answer)
  first.release()
  assert.deepEqual(await (await here.begin(of)).claim({}), answer)
})

test('a request of an older epoch is cut off, and one of the same or a newer epoch is not', async (t) => {
  const keys = new Idempotency(await givenStore(t))
  let cuts = 0
  const old = await keys.begin({ ...of, epoch: 4, cut: () => cuts++ })
  await assert.rejects(keys.begin({ ...of, epoch: 4 }), { code: 'conflict' })
  await assert.rejects(keys.begin({ ...of, epoch: 3 }), { code: 'conflict' })
  assert.equal(cuts, 0)
  const newer = keys.begin({ ...of, epoch: 5 })
  assert.equal(cuts, 1)
  old.release()
  const held = await newer
  // What ends late has no say in what came after it.
  old.release()
  await assert.rejects(keys.begin({ ...of, epoch: 5 }), { code: 'conflict' })
  held.release()
})
