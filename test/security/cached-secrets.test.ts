/** What is kept on the way, by browsers, proxies and ourselves, of calls and answers that hold a secret. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { scan, type Store } from '../../src/state/store.ts'
import { givenApp } from '../routes/given-app.ts'

const guesses = ['correct', 'horses', 'battery', 'staple']
const secret = 'battery'
const key = 'a key that its caller keeps to himself'

const sha = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('base64url')

/** Whoever can read a digest of what a secret is part of tries what people choose. */
function guessed(digests: string, bodyWith: (guess: string) => unknown): string | undefined {
  return guesses.find((guess) => digests.includes(sha(bodyWith(guess))))
}

function naiveFingerprint(body: unknown): string {
  return sha(body)
}

function naiveTag(config: unknown): string {
  return `"${sha(config)}"`
}

const config = (token: string): object => ({
  name: 'a',
  targets: [{ name: 'far', kind: 'remote', url: 'https://far.example', agent: 'in', token }],
})

const post = { method: 'POST', url: '/replication/config' } as const

async function everything(store: Store): Promise<string> {
  const found: unknown[] = []
  for await (const { key, value } of scan(store, { from: '!', to: '\u0080' })) found.push([key, value])
  return JSON.stringify(found)
}

test('cached secrets: what is kept for an Idempotency-Key does not let a password in the body be found by trying', async (t) => {
  const inOrder = (guess: string): unknown => ({
    body: {
      name: 'a',
      targets: [{ agent: 'in', kind: 'remote', name: 'far', token: guess, url: 'https://far.example' }],
    },
    query: { force: false },
  })
  assert.equal(guessed(naiveFingerprint(inOrder(secret)), inOrder), secret)
  const { app, parts } = await givenApp(t)
  const sent = { ...post, payload: config(secret), headers: { 'idempotency-key': key } }
  assert.equal((await app.inject(sent)).statusCode, 201)
  const kept = await everything(parts.store)
  assert.match(kept, /"fingerprint":"/)
  for (const query of [{}, { force: false }])
    assert.equal(
      guessed(kept, (guess) => ({ ...(inOrder(guess) as object), query })),
      undefined,
    )
  assert.equal((await app.inject(sent)).headers['idempotent-replayed'], 'true')
})

test('cached secrets: the tag of a config is the same whatever its secrets are', async (t) => {
  assert.notEqual(naiveTag(config('battery')), naiveTag(config('staple')))
  const tags: unknown[] = []
  for (const token of ['battery', 'staple']) {
    const { app } = await givenApp(t)
    tags.push((await app.inject({ ...post, payload: config(token) })).headers['etag'])
  }
  assert.equal(tags[0], tags[1])
})

// Without `unkept` in token-routes.ts and session-routes.ts a cache may keep them.
test('cached secrets: no answer that holds a token or a session may be kept', async (t) => {
  const { app } = await givenApp(t)
  const rights = [{ agents: ['*'], can: ['admin'] }]
  const created = await app.inject({ method: 'POST', url: '/replication/tokens', payload: { name: 'a', rights } })
  const { id, secret: token } = created.json<{ id: string; secret: string }>()
  const authorization = `Bearer ${token}`
  const session = await app.inject({
    ...{ method: 'POST', url: '/replication/session', payload: { token }, headers: { 'x-trebuchet-page': '1' } },
  })
  const rotated = await app.inject({
    ...{
      method: 'POST',
      url: `/replication/tokens/${id}/rotate`,
      headers: { authorization },
      payload: { overlapSeconds: 0 },
    },
  })
  for (const answer of [created, session, rotated]) {
    assert.ok(answer.statusCode < 300, answer.body)
    assert.match(String(answer.headers['cache-control']), /\bno-store\b/)
    assert.equal(answer.headers['etag'], undefined)
  }
})
