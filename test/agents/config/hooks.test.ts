import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Hook } from '../../../src/agents/config/hooks.ts'
import { configWarnings } from '../../../src/agents/config/warnings.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { givenConfigs, me, twoKinds, type Given } from './given-configs.ts'

const set = { secret: 'set' }
const url = 'https://gateway.example/republish'
const secret = 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='

async function given(t: Parameters<typeof givenConfigs>[0], ...hooks: object[]): Promise<Given> {
  const made = await givenConfigs(t)
  await made.configs.create({ ...made.config('a'), hooks }, me)
  return made
}

async function stored({ configs }: Given): Promise<readonly Hook[]> {
  return (await configs.load('a')).config.hooks ?? []
}

async function shown({ configs }: Given): Promise<readonly Hook[]> {
  return (await configs.read('a')).config.hooks ?? []
}

async function faultsOf(patching: Promise<unknown>): Promise<string[]> {
  try {
    await patching
  } catch (error) {
    assert.ok(error instanceof ReplicationError)
    return error.faults.map(({ pointer, message }) => `${pointer} ${message}`)
  }
  return []
}

test('a hook has its defaults, and its secrets are shown to nobody', async (t) => {
  const made = await given(t, { url, secret, headers: { Authorization: 'Bearer t0ken', 'X-Key': { env: 'KEY' } } })
  const [hook] = await shown(made)
  assert.deepEqual(hook, {
    ...{ url, secret: set, on: ['applied'], attempts: 8 },
    headers: { Authorization: set, 'X-Key': { env: 'KEY' } },
    backoff: { initialMs: 5000, maxMs: 86_400_000, factor: 5, jitter: 0.2 },
  })
  assert.deepEqual(
    [(await stored(made))[0]?.secret, (await stored(made))[0]?.headers?.['Authorization']],
    [secret, 'Bearer t0ken'],
  )
  const told = [await made.configs.list({ limit: 9 }), await made.configs.revisions('a', { limit: 9 })]
  assert.doesNotMatch(JSON.stringify(told), /whsec_|t0ken/)
})

test('what was shown of a hook can be sent back, in another order too', async (t) => {
  const other = { url: 'https://other.example/', secret: { env: 'OTHER' } }
  const made = await given(t, { url, secret, headers: { Authorization: 'Bearer t0ken' } }, other)
  const hooks = (await shown(made)).toReversed()
  await made.configs.patch('a', { hooks }, me)
  const [, kept] = await stored(made)
  assert.deepEqual([kept?.secret, kept?.headers], [secret, { Authorization: 'Bearer t0ken' }])
})

test('a hook with another url has lost its secrets, unless they are sent again', async (t) => {
  const made = await given(t, { url, secret, headers: { Authorization: 'Bearer t0ken' } })
  const [hook] = await shown(made)
  const { config } = await made.configs.patch('a', { hooks: [{ ...hook, url: 'https://evil.example/' }] }, me)
  assert.deepEqual([config.hooks?.[0]?.secret, config.hooks?.[0]?.headers], [undefined, {}])
  assert.equal((await stored(made))[0]?.secret, undefined)
  await made.configs.patch('a', { hooks: [{ url, secret: 'new one' }] }, me)
  assert.equal((await stored(made))[0]?.secret, 'new one')
})

test('a secret of one hook is never given to another', async (t) => {
  const made = await given(t, { url, secret })
  const second = { url: 'https://evil.example/', secret: set }
  const faults = await faultsOf(made.configs.patch('a', { hooks: [{ url, secret: set }, second] }, me))
  assert.deepEqual(faults, ['/hooks/1/secret no secret is stored for this hook; send the secret'])
})

test('what no hook can be is refused, each fault by its place', async (t) => {
  const made = await givenConfigs(t)
  const hooks = [
    { url, secret: 'whsec_!' },
    { url },
    { url: 'https://x.example/', headers: { 'Webhook-Id': '1' }, backoff: { initialMs: 5, maxMs: 1 } },
    { url: 'https://y.example/', secret: set },
  ]
  assert.deepEqual(await faultsOf(made.configs.create({ ...made.config('a'), hooks }, me)), [
    '/hooks/0/secret behind whsec_ must be a key in base64',
    '/hooks/1/url is that of another hook of this agent',
    '/hooks/2/headers/Webhook-Id is a header that the server sets',
    '/hooks/2/backoff/maxMs must not be less than initialMs, which is 5',
    '/hooks/3/secret no secret is stored for this hook; send the secret',
  ])
  for (const wrong of ['ftp://x.example/', 'https://user:password@x.example/', 'nowhere'])
    assert.equal(
      (await faultsOf(made.configs.create({ ...made.config('a'), hooks: [{ url: wrong }] }, me))).length,
      1,
      wrong,
    )
})

test('a secret of a hook that is named and not there is warned of', async (t) => {
  const made = await given(t, { url, secret: { env: 'HOOK_SECRET' } })
  const { config } = await made.configs.load('a')
  const pointers = async (env: Record<string, string>): Promise<string[]> =>
    (await configWarnings(config, twoKinds, { env })).map(({ pointer }) => pointer)
  assert.deepEqual(await pointers({}), ['/hooks/0'])
  assert.deepEqual(await pointers({ HOOK_SECRET: secret }), [])
})
