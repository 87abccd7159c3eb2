/** Tokens that an identity provider has signed, and those that only look so. */
import assert from 'node:assert/strict'
import { createHmac, createPublicKey, type JsonWebKey } from 'node:crypto'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { Access } from '../../src/access/access.ts'
import { Issuer } from '../../src/access/issuer.ts'
import { Caller } from '../../src/access/rights.ts'
import { IdentityProvider } from '../access/identity-provider.ts'
import { until } from '../end-to-end/client.ts'
import { givenApp, type GivenApp } from '../routes/given-app.ts'

const rules = [
  { claim: 'groups', value: 'release', agents: ['pub*'], can: ['replicate'] },
  { claim: '/realm/roles', value: 'ops', agents: ['*'], can: ['admin'] },
  { claim: 'scope', value: 'look', agents: ['*'], can: ['read'] },
]

interface Given extends GivenApp {
  readonly provider: IdentityProvider
  readonly access: Access
  ask(token: string, url?: string): Promise<LightMyRequestResponse>
}

async function given(t: TestContext): Promise<Given> {
  const provider = await IdentityProvider.start(t)
  const { parts } = await givenApp(t)
  const access = new Access(parts.store, {
    ...provider.settings,
    oidcRights: JSON.stringify(rules),
    oidcNameClaim: 'email',
  })
  const app = await givenApp(t, { access, store: parts.store })
  const ask = (token: string, url = '/replication/session') =>
    app.app.inject({ url, headers: { host: 'localhost', authorization: `Bearer ${token}` } })
  return { ...app, provider, access, ask }
}

const coded = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Takes a token at its word for how it was signed, as libraries did. */
function naiveCheck(token: string, publicPem: string): boolean {
  const [head = '', body = '', signature = ''] = token.split('.')
  const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { readonly alg: string }
  if (alg === 'none') return signature === ''
  return createHmac('sha256', publicPem).update(`${head}.${body}`).digest('base64url') === signature
}

test('a token of the issuer lets in whom it names, with the rights that its claims give', async (t) => {
  const { app, ask, provider, config, parts } = await given(t)
  for (const name of ['pub1', 'other']) await parts.configs.create(config(name), { actor: 'test' })
  const statuses = async (claims: object): Promise<number[]> => {
    const token = await provider.token(claims as Record<string, unknown>)
    const urls = ['/replication/agent/pub1', '/replication/agent/other', '/replication/tokens']
    return Promise.all(urls.map(async (url) => (await ask(token, url)).statusCode))
  }
  const who = await ask(await provider.token({ email: 'ann@example.org' }, { typ: 'at+jwt' }))
  assert.deepEqual(who.json(), { actor: `ann@example.org (${new URL(provider.url).host})` })
  assert.deepEqual(await statuses({}), [404, 404, 403])
  assert.deepEqual(await statuses({ groups: ['x', 'release'] }), [200, 404, 403])
  assert.deepEqual(await statuses({ groups: 'releases' }), [404, 404, 403])
  assert.deepEqual(await statuses({ realm: { roles: ['ops'] } }), [200, 200, 200])
  assert.deepEqual(await statuses({ scope: 'openid look' }), [200, 200, 403])
  const local = await app.inject({ url: '/replication/session', headers: { host: 'localhost' } })
  assert.equal(local.statusCode, 401, 'an issuer is a credential: the machine itself is asked too')
})

test('forged token: one by its own word unsigned, or signed with the key that all can read, is refused', async (t) => {
  const { ask, provider } = await given(t)
  const pem = createPublicKey({ key: provider.publicJwk as JsonWebKey, format: 'jwk' })
    .export({ type: 'spki', format: 'pem' })
    .toString()
  const body = (await provider.token({ realm: { roles: ['ops'] } })).split('.')[1] ?? ''
  const unsigned = `${coded({ alg: 'none' })}.${body}.`
  const head = coded({ alg: 'HS256', kid: 'first' })
  const shared = `${head}.${body}.${createHmac('sha256', pem).update(`${head}.${body}`).digest('base64url')}`
  for (const token of [unsigned, shared]) {
    assert.ok(naiveCheck(token, pem))
    assert.equal((await ask(token)).statusCode, 401)
  }
})

// Each would be let in without the option of jwtVerify, or the line, that it is named after.
test('forged token: what is for others, by others, over, to come, or of another kind is refused', async (t) => {
  const { ask, provider } = await given(t)
  const other = await IdentityProvider.start(t)
  const now = Math.floor(Date.now() / 1000)
  const good = await provider.token()
  const refused = {
    issuer: await provider.token({ iss: `${provider.url}/` }),
    audience: await provider.token({ aud: ['trebuchet2', 'Trebuchet'] }),
    key: await other.token({ iss: provider.url }, { kid: 'first' }),
    exp: await provider.token({ exp: now - 60 }),
    nbf: await provider.token({ nbf: now + 60 }),
    typ: await provider.token({}, { typ: 'logout+jwt' }),
    sub: await provider.token({ sub: 5 }),
    changed: good.replace(
      /\.([\w-]+)\./,
      `.${coded({ iss: provider.url, aud: 'trebuchet', sub: 'u-2', exp: now + 60 })}.`,
    ),
  }
  assert.equal((await ask(good)).statusCode, 200)
  for (const [what, token] of Object.entries(refused)) assert.equal((await ask(token)).statusCode, 401, what)
})

test('forged token: one that is huge costs nothing, and those of unknown keys are no way to have the issuer asked', async (t) => {
  const { ask, provider } = await given(t)
  assert.equal((await ask(await provider.token({ more: 'x'.repeat(9000) }))).statusCode, 401)
  assert.equal(provider.asked, 0)
  await ask(await provider.token())
  const unknown = await Promise.all(Array.from({ length: 20 }, (_, i) => provider.token({}, { kid: `k${i}` })))
  const issuer = new Issuer({
    url: provider.url,
    audience: 'trebuchet',
    keysUrl: undefined,
    rules: [],
    nameClaim: 'sub',
  })
  for (const token of unknown) assert.equal(await issuer.identify(token), undefined)
  assert.equal(provider.asked, 2)
})

test('a key that the issuer has changed is looked up, and the one before is no longer good', async (t) => {
  const provider = await IdentityProvider.start(t)
  const of = {
    url: provider.url,
    audience: 'trebuchet',
    keysUrl: undefined,
    rules: [],
    nameClaim: 'sub',
    cooldownMs: 0,
  }
  const issuer = new Issuer(of)
  assert.ok(await issuer.identify(await provider.token()))
  const late = await provider.token({ late: true })
  await provider.rotate('second')
  assert.ok(await issuer.identify(await provider.token()))
  assert.equal(await issuer.identify(late), undefined)
})

test('an issuer that cannot be asked is 503 for those who come with its tokens, and for nobody else', async (t) => {
  const { ask, provider, access } = await given(t)
  const own = await access.tokens.create({ name: 'own', rights: [{ agents: ['*'], can: ['read'] }], by: 'test' })
  provider.isIll = true
  const answer = await ask(await provider.token())
  assert.deepEqual([answer.statusCode, answer.json<{ code: string }>().code], [503, 'unavailable'])
  assert.ok(answer.headers['retry-after'])
  assert.equal((await ask(own.secret)).statusCode, 200)
  assert.equal((await ask('nonsense')).statusCode, 401)
})

test('an issuer that says to be another is not believed', async (t) => {
  const { ask, provider } = await given(t)
  provider.says = 'https://evil.example'
  assert.equal((await ask(await provider.token())).statusCode, 503)
})

test('a session that was begun with such a token ends with it, and so do event streams', async (t) => {
  const { app, provider, access } = await given(t)
  const page = { host: 'localhost', 'x-trebuchet-page': '1' }
  const token = await provider.token({ email: 'ann', exp: Math.floor(Date.now() / 1000) - 8 })
  const signedIn = await app.inject({ method: 'POST', url: '/replication/session', headers: page, payload: { token } })
  assert.equal(signedIn.statusCode, 200, 'clocks may differ a little')
  const cookie = String(signedIn.headers['set-cookie']).split(';')[0] ?? ''
  const asked = (): Promise<LightMyRequestResponse> =>
    app.inject({ url: '/replication/session', headers: { ...page, cookie } })
  const first = await asked()
  if (first.statusCode === 200) assert.match(first.json<{ actor: string }>().actor, /^ann \(/)
  await until('the session to end', async () => (await asked()).statusCode === 401)
  const { signal, stop } = access.watch(new Caller({ id: 'x', name: 'x', grants: [], until: Date.now() + 100 }))
  await once(signal, 'abort')
  stop()
})

test('settings that would let in anybody stop the start', async (t) => {
  const { parts } = await givenApp(t)
  const oidcIssuer = 'https://id.example'
  for (const [settings, says] of [
    [{ oidcIssuer }, /OIDC_ISSUER needs OIDC_AUDIENCE/],
    [{ oidcAudience: 'a' }, /need OIDC_ISSUER/],
    [{ oidcIssuer: 'http://id.example', oidcAudience: 'a' }, /must be an https: URL/],
    [{ oidcIssuer, oidcAudience: 'a', oidcRights: '{' }, /is not JSON/],
    [
      { oidcIssuer, oidcAudience: 'a', oidcRights: '[{"claim":"a","agents":["*"],"can":["read"]}]' },
      /both claim and value/,
    ],
    [{ oidcIssuer, oidcAudience: 'a', oidcRights: '[{"agents":["*"],"can":["everything"]}]' }, /OIDC_RIGHTS \/0\/can/],
  ] as const)
    assert.throws(() => new Access(parts.store, settings), { code: 'invalid', message: says })
})
