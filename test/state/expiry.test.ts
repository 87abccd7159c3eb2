import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openEmbedded } from '../../src/state/embedded.ts'
import { putExpiring, removeExpired } from '../../src/state/expiry.ts'
import { scan, type Store } from '../../src/state/store.ts'

async function givenStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'expiry.'))
  const store = await openEmbedded(folder)
  t.after(async () => {
    await store.close()
    await rm(folder, { recursive: true })
  })
  return store
}

async function keysOf(store: Store): Promise<string[]> {
  const keys: string[] = []
  for await (const { key } of scan(store, { from: '!', to: '~' })) keys.push(key)
  return keys
}

const at = (ms: number): { expiresAt: string } => ({ expiresAt: new Date(ms).toISOString() })

test('what has expired goes, with what led to it, and nothing else does', async (t) => {
  const store = await givenStore(t)
  for (const [key, ms] of [
    ['a/old', 1000],
    ['b/older', 500],
    ['c/young', 5000],
  ] as const)
    await store.commit({ writes: putExpiring(key, at(ms)) })
  await store.commit({ writes: [{ put: 'd/for-ever', value: {} }] })
  assert.equal(await removeExpired(store, 999, 100), false)
  assert.deepEqual((await keysOf(store)).slice(0, 3), ['a/old', 'c/young', 'd/for-ever'])
  assert.equal(await removeExpired(store, 6000, 100), false)
  assert.deepEqual(await keysOf(store), ['d/for-ever'])
})

test('what was given longer stays until then', async (t) => {
  const store = await givenStore(t)
  await store.commit({ writes: putExpiring('key', at(1000)) })
  await store.commit({ writes: putExpiring('key', at(9000)) })
  await removeExpired(store, 5000, 100)
  assert.deepEqual((await store.get('key'))?.value, at(9000))
  await removeExpired(store, 9001, 100)
  assert.deepEqual(await keysOf(store), [])
})

test('of very many it removes a bounded number at a time, and says that there is more', async (t) => {
  const store = await givenStore(t)
  await Promise.all(Array.from({ length: 500 }, (_, n) => store.commit({ writes: putExpiring(`key/${n}`, at(n)) })))
  let turns = 1
  for (; await removeExpired(store, 10_000, 100); turns++) assert.ok((await keysOf(store)).length > 0)
  assert.ok(turns >= 4, `${turns} turns`)
  assert.deepEqual(await keysOf(store), [])
})
