import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { Access } from '../../src/access/access.ts'
import { administrator } from '../../src/access/rights.ts'
import { givenApp } from './given-app.ts'

const adminToken = 'an-admin-token-of-tests'
const own = { host: 'localhost' }
const page = { ...own, 'x-trebuchet-page': '1' }

async function signedIn(t: TestContext) {
  const store = (await givenApp(t)).parts.store
  const given = await givenApp(t, { access: new Access(store, { adminToken }) })
  const payload = { token: adminToken }
  const answer = await given.app.inject({ method: 'POST', url: '/replication/session', headers: page, payload })
  assert.equal(answer.statusCode, 200, answer.body)
  const set = String(answer.headers['set-cookie'])
  return { ...given, set, cookie: set.split(';')[0] ?? '' }
}

test('a session is a cookie that no script and no other site gets, and holds no token', async (t) => {
  const { app, set, cookie } = await signedIn(t)
  assert.match(set, /^trebuchet-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict; Expires=/)
  assert.doesNotMatch(set, new RegExp(adminToken))
  const asked = await app.inject({ url: '/replication/session', headers: { ...own, cookie } })
  assert.deepEqual(asked.json(), { actor: 'admin' })
})

test('with a session nothing is changed but by the page itself', async (t) => {
  const { app, cookie } = await signedIn(t)
  const pause = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/replication/agent/none/pause', headers: { cookie, ...headers } })
  assert.equal((await pause(own)).statusCode, 403, 'a form of another site sends no header of its own')
  assert.equal((await pause({ ...page, origin: 'https://elsewhere.example' })).statusCode, 403)
  assert.equal((await pause({ ...page, origin: 'http://localhost' })).statusCode, 404)
  const signIn = await app.inject({
    ...{ method: 'POST', url: '/replication/session', headers: own, payload: { token: adminToken } },
  })
  assert.equal(signIn.statusCode, 403, 'nobody is signed in as somebody else')
})

test('a page of another origin signs nobody in, whatever it sends', async (t) => {
  const { app } = await signedIn(t)
  const signIn = (origin: string) =>
    app.inject({
      ...{ method: 'POST', url: '/replication/session', headers: { ...page, origin } },
      payload: { token: adminToken },
    })
  for (const origin of ['https://elsewhere.example', 'http://localhost:1', 'null']) {
    const answer = await signIn(origin)
    assert.equal(answer.statusCode, 403, origin)
    assert.equal(answer.headers['set-cookie'], undefined)
  }
  assert.equal((await signIn('http://localhost')).statusCode, 200)
})

test('what was opened with a session ends with it, and what was opened with a token does not', async (t) => {
  const { app, cookie, parts } = await signedIn(t)
  const session = cookie.split('=')[1]
  const mine = parts.access.watch(administrator, { session })
  const others = parts.access.watch(administrator, { session, authorization: `Bearer ${adminToken}` })
  t.after(() => [mine, others].forEach(({ stop }) => stop()))
  await app.inject({ method: 'DELETE', url: '/replication/session', headers: { ...page, cookie } })
  await once(mine.signal, 'abort', { signal: AbortSignal.timeout(10_000) })
  assert.equal(others.signal.aborted, false)
})

test('who has signed out has no session, whoever has kept the cookie', async (t) => {
  const { app, cookie } = await signedIn(t)
  const out = await app.inject({ method: 'DELETE', url: '/replication/session', headers: { ...page, cookie } })
  assert.equal(out.statusCode, 204)
  assert.match(String(out.headers['set-cookie']), /^trebuchet-session=; .*Max-Age=0/)
  const asked = await app.inject({ url: '/replication/session', headers: { ...own, cookie } })
  assert.equal(asked.statusCode, 401)
})
