/** Callers with some rights who try for what is others', and pages of others that use who is signed in. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { fastify, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import { Access } from '../../src/access/access.ts'
import { prefixes } from '../../src/routes/prefixes.ts'
import { givenApp } from '../routes/given-app.ts'

const adminToken = 'an-admin-token-of-tests'
const [prefix] = prefixes
const own = { host: 'localhost' }
const everything = { after: (fn: () => Promise<void>) => after(fn) }

const store = (await givenApp(everything)).parts.store
const given = await givenApp(everything, { access: new Access(store, { adminToken }) })
const { app } = given

type Ask = (method: string, path: string, more?: Partial<InjectOptions>) => Promise<LightMyRequestResponse>

const asker =
  (secret: string): Ask =>
  (method, path, more) =>
    app.inject({
      ...{ method: method as 'GET', url: `${prefix}${path}`, ...more },
      headers: { ...own, accept: '*/*', ...more?.headers, authorization: `Bearer ${secret}` },
    })
const root = asker(adminToken)

async function tokenFor(pattern: string): Promise<Ask> {
  const payload = { name: `of-${pattern.replace('*', '')}`, rights: [{ agents: [pattern], can: ['admin'] }] }
  const made = await root('POST', '/tokens', { payload })
  assert.equal(made.statusCode, 201, made.body)
  return asker(made.json<{ secret: string }>().secret)
}

for (const name of ['mine', 'theirs', 'mine-too']) {
  const made = await root('POST', '/config', { payload: given.config(name) })
  assert.equal(made.statusCode, 201, made.body)
}
const me = await tokenFor('mine*')
const them = await tokenFor('theirs')

/** A command of theirs that waits in their queue: nothing works here. */
const sent = await them('POST', '/agent/theirs/replicate', { payload: { paths: ['/secret-plan'] } })
assert.equal(sent.statusCode, 202, sent.body)
const { id: theirCommand } = sent.json<{ id: string }>()
const nobodys = '01ARZ3NDEKTSV4RRFFQ69G5FAV'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>
}

/** Each request has one of its own. */
const withoutId = (body: string): string => body.replace(/"requestId":"[^"]*"/, '')

test('IDOR: what belongs to an agent of others is answered word for word as what is not there', async () => {
  const { paths } = (await app.inject({ url: '/openapi.json', headers: own })).json<Document>()
  let asked = 0
  let real = 0
  for (const [template, operations] of Object.entries(paths)) {
    if (!/\/(agent|config)\/\{name\}|\/commands\/\{id\}/.test(template)) continue
    const address = (agent: string, command: string): string =>
      template
        .replace(prefix, '')
        .replace('{name}', agent)
        .replace(/\{(queue|target)\}/, 'default')
        .replace('{id}', command)
        .replace('{number}', '1')
    for (const method of Object.keys(operations)) {
      const verb = method.toUpperCase()
      const [at, nowhere] = [address('theirs', theirCommand), address('nobody', nobodys)]
      const said = await me(verb, at)
      const unknown = await me(verb, nowhere)
      assert.equal(said.statusCode, 404, `${verb} ${at}: ${said.body}`)
      const words = said.body.replaceAll('theirs', 'nobody').replaceAll(theirCommand, nobodys)
      assert.equal(withoutId(words), withoutId(unknown.body), `${verb} ${at}`)
      asked++
      // It is there: a server that only asks whether somebody has signed in would show it.
      if (verb === 'GET' && !at.endsWith('/events') && (await root(verb, at)).statusCode === 200) real++
    }
  }
  assert.ok(asked > 40, `${asked} operations`)
  assert.ok(real >= 10, `${real} of them were there`)
  assert.equal((await them('GET', `/commands/${theirCommand}`)).json<{ state: string }>().state, 'queued')
})

test('IDOR: an item, a delivery or a command of others is not reached through an agent of one’s own', async () => {
  for (const [method, path] of [
    ['GET', `/agent/mine/queues/default/items/${theirCommand}`],
    ['DELETE', `/agent/mine/queues/default/items/${theirCommand}`],
    ['POST', `/agent/mine/queues/default/items/${theirCommand}/retry`],
  ] as const) {
    const { statusCode, body } = await me(method, path)
    assert.equal(statusCode, 404, `${method} ${path}: ${body}`)
    assert.doesNotMatch(body, /secret-plan|theirs/)
  }
  const waiting = await them('GET', '/agent/theirs/queues/default')
  assert.equal(waiting.json<{ items?: unknown[] }>().items?.length, 1, waiting.body)
})

test('IDOR: no list, filter or search leads to what is of others', async () => {
  const searches = [
    ...['/agent', '/config', '/commands', '/commands?agent=theirs', '/packages', '/comparisons'],
    ...['/agent/mine/log', '/agent/mine/replicate/history'],
  ]
  for (const path of searches) {
    const { statusCode, body } = await me('GET', path)
    assert.ok([200, 404].includes(statusCode), `${path}: ${statusCode} ${body}`)
    assert.doesNotMatch(body.replace(/"instance":"[^"]*"|"detail":"[^"]*"/g, ''), /theirs|secret-plan/, path)
  }
  // They are there.
  assert.match((await root('GET', '/commands?agent=theirs')).body, /secret-plan/)
  assert.match((await root('GET', '/agent')).body, /theirs/)
})

test('IDOR: to all means to all of one’s own, and a key of others opens none of their answers', async () => {
  const key = { 'idempotency-key': 'the same key' }
  const payload = { paths: ['/a'] }
  const mine = (await me('POST', '/all/replicate', { payload, headers: key })).json<{
    id: string
    statusList: { agent: string }[]
  }>()
  assert.deepEqual(mine.statusList.map(({ agent }) => agent).toSorted(), ['mine', 'mine-too'])
  const theirs = (await them('POST', '/all/replicate', { payload, headers: key })).json<{ id: string }>()
  assert.notEqual(theirs.id, mine.id)
})

test('CSRF: what a page of another site can send with the cookie of who is signed in changes nothing', async () => {
  const signedIn = await app.inject({
    ...{ method: 'POST', url: `${prefix}/session`, payload: { token: adminToken } },
    headers: { ...own, 'x-trebuchet-page': '1' },
  })
  const set = String(signedIn.headers['set-cookie'])
  // The first wall: no browser sends it along from elsewhere.
  assert.match(set, /; SameSite=Strict/)
  const cookie = set.split(';')[0] ?? ''

  const naive = fastify()
  naive.addContentTypeParser('*', (_request, _body, done) => done(null))
  let paused = 0
  naive.post('/pause', (request, reply) =>
    request.headers.cookie === cookie ? reply.send({ paused: ++paused }) : reply.code(401).send(),
  )

  // All that a form, an image or a fetch without leave can make of a request.
  const forms: Partial<InjectOptions>[] = [
    ...['application/x-www-form-urlencoded', 'text/plain', 'multipart/form-data; boundary=x'].map((type) => ({
      method: 'POST' as const,
      headers: { 'content-type': type },
      payload: type.startsWith('multipart') ? '--x--\r\n' : 'reason=because',
    })),
    { method: 'POST' },
    { method: 'POST', headers: { origin: 'null' } },
    { method: 'POST', headers: { origin: 'https://evil.example' } },
    { method: 'POST', headers: { origin: 'http://localhost.evil.example' } },
    { method: 'POST', headers: { 'sec-fetch-site': 'cross-site' } },
    { method: 'POST', headers: { 'sec-fetch-site': 'same-site', origin: 'https://other.localhost' } },
  ]
  for (const form of forms) {
    const headers = { ...own, ...form.headers, cookie }
    const fooled = await naive.inject({ ...form, url: '/pause', headers })
    assert.equal(fooled.statusCode, 200, 'a server that looks at the cookie alone is fooled')
    const refused = await app.inject({ ...form, url: `${prefix}/agent/mine/pause`, headers })
    assert.equal(refused.statusCode, 403, JSON.stringify(form))
  }
  assert.equal(paused, forms.length)
  assert.notEqual((await root('GET', '/agent/mine')).json<{ state: string }>().state, 'paused')
  // A header that is not simple needs leave, which nobody elsewhere gets.
  const asks = { origin: 'https://evil.example', 'access-control-request-method': 'POST' }
  const preflight = await app.inject({
    method: 'OPTIONS',
    url: `${prefix}/agent/mine/pause`,
    headers: { ...own, ...asks },
  })
  assert.equal(preflight.headers['access-control-allow-origin'], undefined)
  assert.equal(preflight.headers['access-control-allow-headers'], undefined)
  await naive.close()
})

test('CSRF: while there are no credentials, a page of another site cannot use whoever runs a browser on the machine', async () => {
  const open = await givenApp(everything)
  const send = (headers: Record<string, string>): Promise<LightMyRequestResponse> =>
    open.app.inject({ method: 'POST', url: `${prefix}/agent/none/pause`, headers })
  assert.equal((await send(own)).statusCode, 404, 'the machine itself is served')
  for (const origin of ['https://evil.example', 'null', 'http://localhost:1', 'http://localhost.evil.example'])
    assert.equal((await send({ ...own, origin })).statusCode, 403, origin)
  // A name of somebody else's that leads here: what the page itself came from.
  assert.equal((await send({ host: 'evil.example', origin: 'http://evil.example' })).statusCode, 403)
})
