/** What callers with some rights are told, and what is kept of what they did. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { InjectOptions, LightMyRequestResponse } from 'fastify'
import type { AuditEntry } from '../../src/access/audit.ts'
import type { Grant } from '../../src/access/rights.ts'
import { packageRecord, rememberPackage } from '../../src/agents/commands/records.ts'
import { parsePath } from '../../src/resources/path.ts'
import type { Change } from '../../src/resources/resource.ts'
import { givenApp, type GivenApp } from './given-app.ts'

type Ask = (options: InjectOptions | string) => Promise<LightMyRequestResponse>

interface Given extends GivenApp {
  /** A caller with these rights; the answers are held against the document. */
  as(name: string, ...rights: Grant[]): Promise<Ask>
}

const api = '/replication'

/** With the agents mine1, mine2 and theirs, and the token of somebody who may do everything. */
async function givenAgents(t: TestContext): Promise<Given> {
  const given = await givenApp(t)
  const { tokens } = given.parts.access
  for (const name of ['mine1', 'mine2', 'theirs'])
    assert.equal(
      (await given.call({ method: 'POST', url: `${api}/config`, payload: given.config(name) })).statusCode,
      201,
    )
  await tokens.create({ name: 'root', rights: [{ agents: ['*'], can: ['admin'] }], by: 'test' })
  return {
    ...given,
    as: async (name, ...rights) => {
      const { secret } = await tokens.create({ name, rights, by: 'test' })
      return (options) => {
        const { headers, ...more } = typeof options === 'string' ? { url: options } : options
        return given.call({ ...more, headers: { ...headers, authorization: `Bearer ${secret}` } })
      }
    },
  }
}

const post = (url: string, payload: object, headers: Record<string, string> = {}): InjectOptions => ({
  ...{ method: 'POST', url: `${api}${url}`, payload, headers },
})
const replicate = { paths: ['/a'] }

test('without credentials only the machine itself is served, by its own names and pages', async (t) => {
  const { call } = await givenApp(t)
  const ask = async (more: InjectOptions): Promise<number> => (await call({ url: `${api}/agent`, ...more })).statusCode
  assert.equal(await ask({}), 200)
  assert.equal(await ask({ headers: { host: '127.0.0.1:80', origin: 'http://127.0.0.1:80' } }), 200)
  assert.equal(await ask({ remoteAddress: '10.0.0.1' }), 403)
  assert.equal(await ask({ remoteAddress: '10.0.0.1', headers: { 'x-forwarded-for': '127.0.0.1' } }), 403)
  assert.equal(await ask({ headers: { host: 'evil.example' } }), 403)
  assert.equal(await ask({ headers: { origin: 'https://evil.example' } }), 403)
  assert.equal(await ask({ headers: { forwarded: 'for=10.0.0.1' } }), 403)
  for (const url of ['/health/live', '/metrics', '/openapi.json', '/'])
    assert.equal(await ask({ url, remoteAddress: '10.0.0.1' }), 403, url)
})

test('from the first token on every call needs one, and is told how', async (t) => {
  const given = await givenApp(t)
  const made = await given.call(post('/tokens', { name: 'ops', rights: [{ agents: ['*'], can: ['admin'] }] }))
  assert.equal(made.statusCode, 201)
  assert.equal(made.headers['cache-control'], 'no-store')
  const { id, secret } = made.json()
  const refused = await given.call(`${api}/agent`)
  assert.equal(refused.statusCode, 401)
  assert.match(String(refused.headers['www-authenticate']), /^Bearer /)
  for (const authorization of ['Bearer nonsense', `Basic ${secret}`, `Bearer ${secret}x`, secret])
    assert.equal((await given.call({ url: `${api}/agent`, headers: { authorization } })).statusCode, 401)
  assert.equal((await given.call(`${api}/nowhere`)).statusCode, 401)
  const headers = { authorization: `Bearer ${secret}`, host: 'far.example' }
  const ask = (url: string, more: InjectOptions = {}): Promise<LightMyRequestResponse> =>
    given.call({ url: `${api}${url}`, headers, remoteAddress: '10.0.0.1', ...more })
  assert.equal((await ask('/agent')).statusCode, 200)
  assert.equal((await ask('/nowhere')).statusCode, 404)
  const listed = await ask('/tokens')
  assert.deepEqual(
    listed.json().items.map(({ name }: { name: string }) => name),
    ['ops'],
  )
  assert.ok(!listed.body.includes(secret))
  for (const url of ['/health/live', '/metrics', '/openapi.json'])
    assert.equal((await given.call({ url, remoteAddress: '10.0.0.1' })).statusCode, 200, url)
  const rotated = (await ask(`/tokens/${id}/rotate`, { method: 'POST' })).json()
  assert.equal((await ask('/agent')).statusCode, 401)
  headers.authorization = `Bearer ${rotated.secret}`
  assert.equal((await ask(`/tokens/${id}`, { method: 'DELETE' })).statusCode, 204)
  assert.equal((await ask('/agent')).statusCode, 403, 'without any, only the machine itself is served')
})

test('health and metrics ask for a token where the settings say so', async (t) => {
  const settings = { maxUploadBytes: 1_000_000, roles: new Set(['api', 'worker'] as const) }
  const given = await givenApp(t, { settings: { ...settings, protectHealth: true, protectMetrics: true } })
  const { tokens } = given.parts.access
  const some = await tokens.create({ name: 'some', rights: [{ agents: ['a*'], can: ['admin'] }], by: 'test' })
  const whole = await tokens.create({ name: 'whole', rights: [{ agents: ['*'], can: ['read'] }], by: 'test' })
  const ask = async (url: string, secret = ''): Promise<number> =>
    (await given.call({ url, headers: { authorization: `Bearer ${secret}` } })).statusCode
  assert.deepEqual([await ask('/health/ready'), await ask('/health/ready', some.secret)], [401, 200])
  assert.deepEqual(
    [await ask('/metrics'), await ask('/metrics', some.secret), await ask('/metrics', whole.secret)],
    [401, 403, 200],
  )
})

test('wrong tokens are turned away after ten in a second, and who is known is served all the same', async (t) => {
  const given = await givenAgents(t)
  const mine = await given.as('me', { agents: ['mine*'], can: ['read'] })
  assert.equal((await mine(`${api}/agent`)).statusCode, 200)
  const answers = await Promise.all(
    Array.from({ length: 60 }, () => given.call({ url: `${api}/agent`, headers: { authorization: 'Bearer x' } })),
  )
  const statuses = answers.map(({ statusCode }) => statusCode)
  assert.ok(statuses.includes(429) && statuses.includes(401), statuses.join(' '))
  assert.equal((await mine(`${api}/agent`)).statusCode, 200)
})

test('lists leave out what the caller may not see, and so do the answers about what he shares with others', async (t) => {
  const given = await givenAgents(t)
  const [mine, root] = [
    await given.as('me', { agents: ['mine*'], can: ['replicate'] }),
    await given.as('all', { agents: ['*'], can: ['admin'] }),
  ]
  const shared = (await root(post('/all/replicate', replicate))).json()
  assert.equal(shared.statusList.length, 3)
  await root(post('/agent/theirs/replicate', replicate))
  const namesAt = async (url: string): Promise<string[]> =>
    (await mine(`${api}${url}`)).json().items.map(({ name }: { name: string }) => name)
  assert.deepEqual(await namesAt('/agent'), ['mine1', 'mine2'])
  assert.deepEqual(await namesAt('/config'), ['mine1', 'mine2'])
  const first = (await mine(`${api}/agent?limit=1`)).json()
  assert.deepEqual(await namesAt(`/agent?limit=1&cursor=${first.next}`), ['mine2'])
  const commands = (await mine(`${api}/commands`)).json().items
  assert.deepEqual(
    commands.map(({ id, agents }: { id: string; agents: { agent: string }[] }) => [
      id,
      agents.map(({ agent }) => agent),
    ]),
    [[shared.id, ['mine1', 'mine2']]],
  )
  const one = await mine(`${api}/commands/${shared.id}`)
  assert.ok(!one.body.includes('theirs'))
  assert.deepEqual((await mine(`${api}/commands?agent=theirs`)).json().items, [])
  const events = await mine(`${api}/commands/${shared.id}/events`)
  assert.ok(events.body.includes('mine1') && !events.body.includes('theirs'))
  const where = await mine(`${api}/where?path=/a`)
  assert.ok(where.body.includes('mine2') && !where.body.includes('theirs'))
  assert.equal((await mine(`${api}/where?path=/a&agent=theirs`)).statusCode, 404)
  const verb = await mine(post(`/commands/${shared.id}/cancel`, {}))
  assert.equal(verb.statusCode, 403, 'who cancels it cancels it for theirs too')
})

test('a command to all goes to those that the caller may ask, and says of each named one why not', async (t) => {
  const given = await givenAgents(t)
  const ask = await given.as('me', { agents: ['mine1'], can: ['replicate'] }, { agents: ['mine2'], can: ['read'] })
  const all = (await ask(post('/all/replicate', replicate))).json()
  assert.deepEqual(all.statusList, [{ agent: 'mine1', status: 'queued' }])
  const agents = ['mine1', 'mine2', 'theirs', 'nobody']
  const named = (await ask(post('/all/replicate', { ...replicate, agents }))).json()
  assert.deepEqual(
    named.statusList.map(({ error }: { error?: { code: string } }) => error?.code),
    [undefined, 'forbidden', 'missing', 'missing'],
  )
  const [, , hidden, absent] = named.statusList
  assert.equal(hidden.error.detail.replace('theirs', 'nobody'), absent.error.detail)
  assert.equal((await ask(post('/all/replicate', { ...replicate, agents: ['theirs'] }))).statusCode, 404)
})

test('who configures some agents makes none with another name, nor follows one that he may not see', async (t) => {
  const given = await givenAgents(t)
  const ask = await given.as('me', { agents: ['mine*'], can: ['configure'] })
  assert.equal((await ask(post('/config', given.config('mine3')))).statusCode, 201)
  for (const name of ['theirs', 'new']) {
    assert.equal((await ask(post('/config', given.config(name)))).statusCode, 403, name)
    assert.equal((await ask(post('/config/validate', given.config(name)))).statusCode, 403, name)
    const put = await ask({ method: 'PUT', url: `${api}/config/${name}`, payload: given.config(name) })
    assert.equal(put.statusCode, 404, name)
  }
  const nosy = { ...given.config('mine4'), triggers: [{ kind: 'after', agent: 'theirs' }] }
  assert.equal((await ask(post('/config', nosy))).statusCode, 404)
})

test('a package is imported by its id only by who may have it', async (t) => {
  const given = await givenAgents(t)
  const ask = await given.as('me', { agents: ['mine*'], can: ['import'] })
  const { packages, store } = given.parts
  const changes = async function* (): AsyncGenerator<Change> {
    yield { kind: 'put', resource: { path: parsePath('/a'), content: () => Buffer.from('theirs') } }
  }
  const maker = { agent: 'theirs', command: 'one' }
  const made = await packages.write(
    { format: 1, action: 'add', mode: 'update', roots: [parsePath('/a')] },
    changes(),
    { installation: 'test', ...maker, createdAt: new Date().toISOString() },
    t.signal,
  )
  const hidden = made.id
  await store.commit({ writes: rememberPackage(packageRecord(made, maker)) })
  const answers = [hidden, `sha256-${'b'.repeat(64)}`].map((id) => ask(post('/agent/mine1/import', { package: id })))
  const [one, other] = await Promise.all(answers)
  assert.deepEqual([one?.statusCode, other?.statusCode], [404, 404])
  const root = await given.as('all', { agents: ['*'], can: ['admin'] })
  assert.equal((await root(post('/agent/mine1/import', { package: hidden }))).statusCode, 202)
  assert.equal((await ask(`${api}/packages/${hidden}`)).statusCode, 200, 'now an agent has it that he may see')
})

test('an Idempotency-Key belongs to its caller', async (t) => {
  const given = await givenAgents(t)
  const [one, other] = [
    await given.as('one', { agents: ['*'], can: ['replicate'] }),
    await given.as('other', { agents: ['*'], can: ['replicate'] }),
  ]
  const call = post('/agent/mine1/replicate', replicate, { 'idempotency-key': 'k' })
  const id = async (ask: Ask): Promise<string> => (await ask(call)).json().id
  const first = await id(one)
  assert.equal(await id(one), first)
  assert.notEqual(await id(other), first)
})

test('the audit says who did what, to which agents, why, from where, and how it ended; also what was refused', async (t) => {
  const given = await givenAgents(t)
  const [me, root] = [
    await given.as('me', { agents: ['mine*'], can: ['operate', 'replicate'] }),
    await given.as('all', { agents: ['*'], can: ['admin'] }),
  ]
  const { id } = (await me(post('/agent/mine1/replicate', replicate, { 'user-agent': 'tests' }))).json()
  await me(post('/agent/mine1/pause', { reason: 'for a while' }))
  await me({ method: 'DELETE', url: `${api}/config/mine1` })
  await me(post('/agent/theirs/pause', {}))
  await given.call({ url: `${api}/agent`, remoteAddress: '10.0.0.9' })
  await me(`${api}/agent`)
  assert.equal((await me(`${api}/audit`)).statusCode, 403)
  const { items } = (await root(`${api}/audit?limit=500`)).json() as { items: AuditEntry[] }
  const said = items.map(({ actor, operation, agents, status, reason }) => [actor, operation, agents, status, reason])
  assert.deepEqual(said.slice(0, 6), [
    ['me', 'readAudit', undefined, 403, undefined],
    [undefined, 'listAgents', undefined, 401, undefined],
    ['me', 'pauseAgent', ['theirs'], 404, undefined],
    ['me', 'deleteConfig', ['mine1'], 403, undefined],
    ['me', 'pauseAgent', ['mine1'], 200, 'for a while'],
    ['me', 'replicate', ['mine1'], 202, undefined],
  ])
  assert.deepEqual(said.at(-1)?.slice(0, 2), ['anonymous', 'createConfig'])
  assert.equal(items[5]?.made, `${api}/commands/${id}`)
  assert.equal(items[5]?.userAgent, 'tests')
  assert.equal(items[1]?.address, '10.0.0.9')
  const { secret } = await given.parts.access.tokens.create({
    ...{ name: 'auditor', rights: [{ agents: ['*'], can: ['admin'] }], by: 'test' },
  })
  const headers = { accept: 'application/x-ndjson', authorization: `Bearer ${secret}` }
  const lines = await given.app.inject({ url: `${api}/audit?actor=me`, headers })
  const all = lines.body
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as AuditEntry).operation)
  assert.deepEqual(all, ['replicate', 'pauseAgent', 'deleteConfig', 'pauseAgent', 'readAudit'])
  assert.deepEqual((await root(`${api}/audit?agent=mine1&until=2020-01-01T00:00:00Z`)).json().items, [])
  const { actor } = (await root(`${api}/commands/${id}`)).json()
  assert.equal(actor, 'me')
})

test('what only looks is no change, and the audit has nothing of bodies', async (t) => {
  const given = await givenAgents(t)
  const root = await given.as('all', { agents: ['*'], can: ['admin'] })
  await root(post('/config/validate', given.config('mine1')))
  const { secret } = (await root(post('/tokens', { name: 'x', rights: [{ agents: ['a'], can: ['read'] }] }))).json()
  const { body } = await root(`${api}/audit?actor=all`)
  assert.match(body, /createToken/)
  assert.doesNotMatch(body, /validateConfig/)
  assert.ok(!body.includes(secret))
})
