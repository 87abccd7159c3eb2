import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { KeptSecrets } from '../../../src/agents/config/kept-secrets.ts'
import { ConfigStore } from '../../../src/agents/config/store.ts'
import { configWarnings } from '../../../src/agents/config/warnings.ts'
import { withSecrets } from '../../../src/agents/config/secrets.ts'
import { remote } from '../../../src/endpoints/remote.ts'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { below } from '../../../src/state/store.ts'
import { testKeys } from '../../home.ts'
import { far, givenConfigs, me, twoKinds, type Given } from './given-configs.ts'

const set = { secret: 'set' }
const kind = remote as EndpointKind

async function tokenOf({ configs }: Given): Promise<unknown> {
  return (await configs.load('a')).config.targets[0]?.['token']
}

test('a plain secret is never shown, a named one is', async (t) => {
  const given = await givenConfigs(t)
  const { config } = await given.configs.create(
    { ...given.config('a'), targets: [far(), far({ name: 'b', agent: 'b', token: { env: 'B' } })] },
    me,
  )
  assert.deepEqual(
    config.targets.map((target) => target['token']),
    [set, { env: 'B' }],
  )
  assert.equal(await tokenOf(given), 's3cret')
  for (const shown of [
    await given.configs.read('a'),
    await given.configs.list({ limit: 9 }),
    await given.configs.revisions('a', { limit: 9 }),
  ])
    assert.doesNotMatch(JSON.stringify(shown), /s3cret/)
  const events = await given.store.range({ ...below('events/'), limit: 9 })
  assert.doesNotMatch(JSON.stringify(events), /s3cret/)
})

test('what was shown can be sent back, and keeps what is stored', async (t) => {
  const given = await givenConfigs(t)
  const { config } = await given.configs.create({ ...given.config('a'), targets: [far()] }, me)
  await given.configs.put('a', config, me)
  await given.configs.patch('a', { title: 'A' }, me)
  await given.configs.patch('a', { targets: [far({ token: set, agent: 'other' })] }, me)
  assert.equal(await tokenOf(given), 's3cret')
  assert.deepEqual(await given.configs.check(config).then(({ faults }) => faults), [])
})

test('another url drops the secret, unless it is sent again', async (t) => {
  const given = await givenConfigs(t)
  await given.configs.create({ ...given.config('a'), targets: [far()] }, me)
  const url = 'https://evil.example'
  await given.configs.patch('a', { targets: [far({ token: 'new one', url })] }, me)
  assert.equal(await tokenOf(given), 'new one')
  const { config } = await given.configs.patch('a', { targets: [far({ token: set })] }, me)
  assert.equal(config.targets[0]?.['token'], undefined)
  assert.equal(await tokenOf(given), undefined)
})

test('a secret cannot be moved to another target by giving that its name', async (t) => {
  const given = await givenConfigs(t)
  await given.configs.create(
    {
      ...given.config('a'),
      targets: [far(), far({ name: 'b', agent: 'b', url: 'https://b.example', token: 'of b only' })],
    },
    me,
  )
  const swapped = [
    far({ name: 'b', token: set }),
    far({ name: 'far', agent: 'b', url: 'https://b.example', token: set }),
  ]
  const { config } = await given.configs.patch('a', { targets: swapped }, me)
  assert.deepEqual(
    config.targets.map((target) => target['token']),
    [undefined, undefined],
  )
})

test('what stands for a stored secret is refused where none is stored', async (t) => {
  const given = await givenConfigs(t)
  await assert.rejects(given.configs.create({ ...given.config('a'), targets: [far({ token: set })] }, me), {
    faults: [{ pointer: '/targets/0/token', message: 'no secret is stored for this endpoint; send the secret' }],
  })
})

test('a changed secret is a change that does not show it', async (t) => {
  const given = await givenConfigs(t)
  await given.configs.create({ ...given.config('a'), targets: [far()] }, me)
  await given.configs.patch('a', { targets: [far({ token: 'another' })] }, me)
  const { items } = await given.configs.revisions('a', { limit: 1 })
  assert.deepEqual(items[0]?.changes, [{ pointer: '/targets/0/token', before: set, after: set }])
})

test('an agent whose kind is gone shows nothing of its options', async (t) => {
  const given = await givenConfigs(t)
  await given.configs.create({ ...given.config('a'), targets: [far()] }, me)
  const without = new ConfigStore(given.store, new KeptSecrets(twoKinds.slice(0, 1), testKeys), {
    queuesInUse: async () => [],
  })
  const { config } = await without.read('a')
  assert.deepEqual(config.targets, [{ name: 'far', kind: 'remote', url: set, agent: set, token: set }])
})

test('named secrets are looked up when an endpoint is made', async (t) => {
  const { folder } = await givenConfigs(t)
  const file = join(folder, 'token')
  await writeFile(file, 'from file\n')
  assert.deepEqual(await withSecrets({ agent: 'x', token: { env: 'T' } }, kind, { env: { T: 'from env' } }), {
    agent: 'x',
    token: 'from env',
  })
  assert.deepEqual(await withSecrets({ token: { file } }, kind, { env: {} }), { token: 'from file' })
  assert.deepEqual(await withSecrets({ token: 'plain' }, kind, { env: {} }), { token: 'plain' })
  assert.deepEqual(await withSecrets({ agent: 'x' }, kind, { env: {} }), { agent: 'x' })
})

test('a named secret that cannot be found says where it was looked for', async (t) => {
  const { folder } = await givenConfigs(t)
  await writeFile(join(folder, 'empty'), ' \n')
  await writeFile(join(folder, 'huge'), 'x'.repeat(70_000))
  await assert.rejects(withSecrets({ token: { env: 'T' } }, kind, { env: { T: '' } }), {
    code: 'invalid',
    message: /variable T /,
  })
  await assert.rejects(withSecrets({ token: { file: join(folder, 'no') } }, kind, { env: {} }), {
    code: 'unavailable',
    transient: true,
  })
  await assert.rejects(withSecrets({ token: { file: join(folder, 'huge') } }, kind, { env: {} }), {
    code: 'unavailable',
  })
  await assert.rejects(withSecrets({ token: { file: join(folder, 'empty') } }, kind, { env: {} }), {
    code: 'invalid',
    message: /is empty/,
  })
})

test('a config that will probably disappoint comes with warnings', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const { config: nowhere } = await configs.check({ name: 'a' })
  const { config: unset } = await configs.check({ ...config('a'), targets: [far({ token: { env: 'T' } })] })
  assert.ok(nowhere !== undefined && unset !== undefined)
  assert.deepEqual(
    (await configWarnings(nowhere, twoKinds, { env: {} })).map(({ pointer }) => pointer),
    ['/targets'],
  )
  assert.deepEqual(
    (await configWarnings(unset, twoKinds, { env: {} })).map(({ pointer }) => pointer),
    ['/targets/0'],
  )
  assert.deepEqual(await configWarnings(unset, twoKinds, { env: { T: 'x' } }), [])
})
