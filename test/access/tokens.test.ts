import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { pino } from 'pino'
import { Audit, type AuditRecord } from '../../src/access/audit.ts'
import { Tokens } from '../../src/access/tokens.ts'
import { scan, type Store } from '../../src/state/store.ts'
import { until } from '../end-to-end/client.ts'
import { openTestHome } from '../home.ts'

const rights = [{ agents: ['*'], can: ['read'] }] as const

async function givenStore(t: TestContext): Promise<Store> {
  const folder = mkdtempSync(join(tmpdir(), 'tokens-'))
  const home = await openTestHome(folder, pino({ level: 'silent' }))
  t.after(async () => {
    await home.work.close(0)
    await home.store.close()
    await home.leave()
    rmSync(folder, { recursive: true })
  })
  return home.store
}

test('a token lets in whom it was made for, and the Store never has its secret', async (t) => {
  const store = await givenStore(t)
  const tokens = new Tokens(store)
  assert.equal(await tokens.any(), false)
  const { secret, id } = await tokens.create({ name: 'alice', rights, by: 'admin' })
  assert.match(secret, /^trb_[0-9A-Z]{26}_[A-Za-z0-9_-]{43}$/)
  assert.equal(await tokens.any(), true)
  const caller = await tokens.identify(secret)
  assert.deepEqual([caller?.name, caller?.id], ['alice', id])
  for (const wrong of [`${secret}x`, secret.slice(0, -1), `trb_${id}_${'A'.repeat(43)}`, secret.toLowerCase(), 'x', ''])
    assert.equal(await tokens.identify(wrong), undefined, wrong)
  for await (const { key, value } of scan(store, { from: '!', to: '~~' }))
    assert.ok(!JSON.stringify([key, value]).includes(secret.slice(-43)), key)
  const shown = await tokens.get(id)
  assert.ok(!('digest' in shown) && !('secret' in shown))
  assert.match(shown.lastUsedAt ?? '', /:00:00\.000Z$/)
})

test('a name is given once, and never one of the server’s own', async (t) => {
  const tokens = new Tokens(await givenStore(t))
  const { id } = await tokens.create({ name: 'alice', rights, by: 'admin' })
  await assert.rejects(tokens.create({ name: 'alice', rights, by: 'admin' }), { code: 'conflict' })
  await assert.rejects(tokens.create({ name: 'anonymous', rights, by: 'admin' }), { code: 'invalid' })
  await tokens.revoke(id)
  await tokens.create({ name: 'alice', rights, by: 'admin' })
  await assert.rejects(tokens.get(id), { code: 'missing' })
})

test('after a rotation the secret before is valid as long as was said, and not a moment without that', async (t) => {
  const tokens = new Tokens(await givenStore(t))
  const { id, secret: first } = await tokens.create({ name: 'alice', rights, by: 'admin' })
  const { secret: second, overlapsUntil } = await tokens.rotate(id, 1000)
  assert.ok(overlapsUntil !== undefined)
  for (const secret of [first, second]) assert.ok((await tokens.identify(secret)) !== undefined)
  await until('the first secret to be over', async () => (await tokens.identify(first)) === undefined)
  const { secret: third } = await tokens.rotate(id, 0)
  assert.equal(await tokens.identify(second), undefined)
  assert.equal((await tokens.identify(third))?.id, id)
})

test('a token that has expired lets nobody in, and is still one: what was locked stays so', async (t) => {
  const tokens = new Tokens(await givenStore(t))
  await assert.rejects(tokens.create({ name: 'a', rights, by: 'admin', expiresAt: '2020-01-01T00:00:00Z' }), {
    code: 'invalid',
  })
  const expiresAt = new Date(Date.now() + 500).toISOString()
  const { secret, id } = await tokens.create({ name: 'a', rights, by: 'admin', expiresAt })
  await pause(600)
  assert.equal(await tokens.identify(secret), undefined)
  assert.equal(await tokens.isCurrent(id), false)
  assert.equal(await tokens.any(), true)
})

test('what one server revokes is worthless on the others', async (t) => {
  const store = await givenStore(t)
  const [here, there] = [new Tokens(store), new Tokens(store)]
  const { secret, id } = await here.create({ name: 'a', rights, by: 'admin' })
  assert.ok((await there.identify(secret)) !== undefined)
  await here.revoke(id)
  assert.equal(await here.identify(secret), undefined)
  await until('the other server to hear of it', async () => (await there.identify(secret)) === undefined)
  assert.equal(await here.any(), false)
})

test('the audit is read newest first by pages, filtered, and forgets only what is old', async (t) => {
  const audit = new Audit(await givenStore(t), 10)
  const record = (day: number, actor: string, agents: string[]): AuditRecord => ({
    ...{ at: new Date(Date.UTC(2026, 0, day)).toISOString(), actor, caller: actor, agents },
    ...{ operation: 'x', address: '127.0.0.1', requestId: 'r', status: 200 },
  })
  for (let day = 1; day <= 9; day++) await audit.add(record(day, day % 2 === 0 ? 'even' : 'odd', [`agent${day % 3}`]))
  const days = (items: readonly AuditRecord[]): number[] => items.map(({ at }) => new Date(at).getUTCDate())
  const first = await audit.list({}, { limit: 4 })
  assert.deepEqual(days(first.items), [9, 8, 7, 6])
  const before = first.next ?? 0
  assert.deepEqual(days((await audit.list({}, { limit: 10, before })).items), [5, 4, 3, 2, 1])
  assert.deepEqual(days((await audit.list({ actor: 'even', agent: 'agent0' }, { limit: 10 })).items), [6])
  const between = { since: '2026-01-03T00:00:00Z', until: '2026-01-05T00:00:00Z' }
  assert.deepEqual(days((await audit.list(between, { limit: 10 })).items), [5, 4, 3])
  await audit.trim(Date.UTC(2026, 0, 14))
  const left: AuditRecord[] = []
  for await (const one of audit.all({})) left.push(one)
  assert.deepEqual(days(left), [4, 5, 6, 7, 8, 9])
})

test('who is not known cannot fill the audit: of many refusals the next one written says how many there were', async (t) => {
  const audit = new Audit(await givenStore(t))
  const refusal = { at: new Date().toISOString(), operation: 'x', address: '10.0.0.1', requestId: 'r', status: 401 }
  let sent = 0
  let written: readonly AuditRecord[] = []
  const tell = async (): Promise<boolean> => {
    for (let i = 0; i < 50; i++, sent++) await audit.add(refusal)
    written = (await audit.list({}, { limit: 500 })).items
    return written.some(({ omitted = 0 }) => omitted > 0)
  }
  await until('one to tell of those left out', tell)
  assert.ok(written.length < sent / 2, `${written.length} of ${sent}`)
})
