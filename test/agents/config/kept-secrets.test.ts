import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { KeptSecrets } from '../../../src/agents/config/kept-secrets.ts'
import { configKey, revisionKey, type StoredConfig } from '../../../src/agents/config/record.ts'
import { encryptAll, lastTally } from '../../../src/agents/config/rekey.ts'
import { ConfigStore } from '../../../src/agents/config/store.ts'
import { KeyRing, keysIn, newKey } from '../../../src/secrets/key-ring.ts'
import { openKeyRing } from '../../../src/secrets/open.ts'
import { scan, type Store } from '../../../src/state/store.ts'
import { testKeys } from '../../home.ts'
import { far, givenConfigs, me, twoKinds, type Given } from './given-configs.ts'

const url = 'https://hooks.example/a'
const never = new AbortController().signal
const set = { secret: 'set' }

const ringOf = (...keys: readonly string[]): KeyRing => new KeyRing(keys.flatMap((key) => keysIn(key) ?? []))

function configsOf(store: Store, keys: KeyRing): ConfigStore {
  return new ConfigStore(store, new KeptSecrets(twoKinds, keys), { queuesInUse: async () => [] })
}

async function everything(store: Store): Promise<string> {
  const found: unknown[] = []
  for await (const entry of scan(store, { from: '!', to: '\u0080' })) found.push(entry)
  return JSON.stringify(found)
}

/** An agent with two secrets, and two revisions. */
async function twoSecrets(t: TestContext): Promise<Given> {
  const given = await givenConfigs(t)
  const hooks = [{ url, secret: 'of the hook', headers: { authorization: 'Bearer of the header' } }]
  await given.configs.create({ ...given.config('a'), targets: [far({ token: 'of the target' })], hooks }, me)
  await given.configs.patch('a', { title: 'A' }, me)
  return given
}

/** The stored config, with what `change` makes of it: as whoever can write to the Store can. */
async function tamper(store: Store, change: (config: StoredConfig['config']) => object): Promise<void> {
  const { value } = (await store.get<StoredConfig>(configKey('a'))) ?? {}
  assert.ok(value)
  await store.commit({ writes: [{ put: configKey('a'), value: { ...value, config: change(value.config) } }] })
}

async function tokenOf(configs: ConfigStore): Promise<unknown> {
  return (await configs.load('a')).config.targets[0]?.['token']
}

function whyOf(token: unknown): unknown {
  return (token as { why?: { code: string } }).why?.code
}

test('what the Store keeps of secrets is encrypted, each time with another nonce', async (t) => {
  const { store, configs } = await twoSecrets(t)
  const kept = await everything(store)
  assert.doesNotMatch(kept, /of the (hook|header|target)/)
  const all = kept.match(/v1\.[0-9a-f]{16}\.[\w-]+/g) ?? []
  assert.equal(all.length, 9)
  assert.equal(new Set(all).size, 6, 'a config is kept as its newest revision is')
  const { config } = await configs.load('a')
  assert.equal(config.hooks?.[0]?.secret, 'of the hook')
  assert.deepEqual(config.hooks?.[0]?.headers, { authorization: 'Bearer of the header' })
})

test('a secret that was moved to another address, endpoint or agent, or changed, is worth nothing there', async (t) => {
  for (const moved of [
    (config: StoredConfig['config']) => ({
      ...config,
      targets: config.targets.map((one) => ({ ...one, url: 'https://evil.example' })),
    }),
    (config: StoredConfig['config']) => ({
      ...config,
      targets: config.targets.map((one) => ({ ...one, name: 'other' })),
    }),
    (config: StoredConfig['config']) => ({ ...config, name: 'b' }),
    (config: StoredConfig['config']) => ({
      ...config,
      targets: config.targets.map((one) => ({ ...one, token: config.hooks?.[0]?.secret })),
    }),
    (config: StoredConfig['config']) => ({
      ...config,
      targets: config.targets.map((one) => ({
        ...one,
        token: { encrypted: (one['token'] as { encrypted: string }).encrypted.replace(/.{4}$/, 'AAAA') },
      })),
    }),
  ]) {
    const { store, configs } = await twoSecrets(t)
    await tamper(store, moved)
    const token = await tokenOf(configs)
    assert.equal(whyOf(token), 'corrupt')
    assert.deepEqual((await configs.read('a')).config.targets[0]?.['token'], set)
  }
})

test('a server without the key says so where the secret is needed, and keeps what it cannot read', async (t) => {
  const { store, configs } = await twoSecrets(t)
  const before = await store.get<StoredConfig>(configKey('a'))
  for (const keys of [ringOf(newKey()), ringOf()]) {
    const lost = configsOf(store, keys)
    assert.equal(whyOf(await tokenOf(lost)), 'unavailable')
    await lost.patch('a', { title: newKey().slice(0, 20) }, me)
    await encryptAll(store, new KeptSecrets(twoKinds, keys), never)
    const after = await store.get<StoredConfig>(configKey('a'))
    assert.deepEqual(after?.value.config.targets, before?.value.config.targets)
    await assert.rejects(lost.restore('a', 1, me), {
      code: 'unavailable',
      message: /key [0-9a-f]{16}, which this server/,
    })
  }
  assert.equal(await tokenOf(configs), 'of the target')
})

test('without a key no plain secret is taken, and what was kept plain before goes on', async (t) => {
  const { store, config } = await givenConfigs(t)
  const configs = configsOf(store, ringOf())
  const targets = [far({ token: 'of the target' })]
  await assert.rejects(configs.create({ ...config('a'), targets }, me), {
    faults: [{ pointer: '/targets/0/token', message: /^cannot be kept, .* SECRETS_KEY/ }].map(({ pointer }) => ({
      pointer,
      message:
        'cannot be kept, for this server has no key to encrypt it with: set SECRETS_KEY, or name it, {"env": …} or {"file": …}',
    })),
  })
  await configs.create({ ...config('a'), targets: [far({ token: { env: 'T' } })] }, me)
  await tamper(store, (stored) => ({ ...stored, targets }))
  await configs.patch('a', { title: 'A' }, me)
  assert.equal(await tokenOf(configs), 'of the target')
})

test('what an older version has left plain is encrypted, revisions too, and can be restored', async (t) => {
  const { store, configs, config } = await givenConfigs(t)
  const old = { ...config('a'), targets: [far({ token: 'of an older version' })] }
  await configs.create({ ...old, targets: [far()] }, me)
  await tamper(store, ({ targets: [target], ...rest }) => ({
    ...rest,
    targets: [{ ...target, token: 'of an older version' }],
  }))
  const { value } = (await store.get<object>(revisionKey('a', 1))) ?? {}
  const stored = (await store.get<StoredConfig>(configKey('a')))?.value
  await store.commit({ writes: [{ put: revisionKey('a', 1), value: { ...value, config: stored?.config } }] })
  const tally = await encryptAll(store, new KeptSecrets(twoKinds, testKeys), never)
  assert.deepEqual([tally.keys, tally.plain], [[{ key: testKeys.current, secrets: 2 }], 0])
  assert.doesNotMatch(await everything(store), /of an older version/)
  await configs.delete('a', me)
  await configs.restore('a', 1, me)
  assert.equal(await tokenOf(configs), 'of an older version')
})

test('another first key takes all over, wherever that was broken off, and the one before is then not needed', async (t) => {
  const { store, config } = await givenConfigs(t)
  const [older, newer] = [newKey(), newKey()]
  const before = configsOf(store, ringOf(older))
  for (const name of ['a', 'b', 'c'])
    await before.create({ ...config(name), targets: [far({ token: `of ${name} alone` })] }, me)
  const both = ringOf(newer, older)
  const stopped = new AbortController()
  const half: Store = Object.assign(Object.create(store) as Store, {
    commit: async (batch: Parameters<Store['commit']>[0]) => {
      stopped.abort()
      return store.commit(batch)
    },
    range: store.range.bind(store),
  })
  await assert.rejects(encryptAll(half, new KeptSecrets(twoKinds, both), stopped.signal))
  const marks = async (): Promise<string[]> =>
    (await store.range({ from: 'secret-key/', to: 'secret-key0', limit: 9 })).map(({ key }) => key)
  assert.equal((await marks()).length, 2, 'both are needed')
  const tally = await encryptAll(store, new KeptSecrets(twoKinds, both), never)
  assert.deepEqual(tally.keys, [{ key: both.current, secrets: 6 }])
  assert.deepEqual(await lastTally(store), tally)
  assert.deepEqual(await marks(), [`secret-key/${both.current}`])
  assert.equal(await tokenOf(configsOf(store, ringOf(newer))), 'of a alone')
})

test('a secret too short to be kept out of logs is refused', async (t) => {
  const { configs, config } = await givenConfigs(t)
  for (const more of [
    { targets: [far({ token: 'short' })] },
    { targets: [], hooks: [{ url, headers: { k: 'short' } }] },
  ])
    await assert.rejects(
      configs.create({ ...config('a'), ...more }, me),
      (error: { faults: { message: string }[] }) => {
        assert.match(error.faults[0]?.message ?? '', /at least 6 characters/)
        return true
      },
    )
})

test('a server with a state of its own makes a key for its owner alone, and none beside secrets that need another', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'keys.'))
  t.after(() => rm(folder, { recursive: true }))
  const { store } = await givenConfigs(t)
  const file = join(folder, 'secrets.key')
  const first = await openKeyRing({ dataDir: folder }, store)
  assert.equal((await stat(file)).mode & 0o777, 0o600)
  assert.equal((await openKeyRing({ dataDir: folder }, store)).current, first.current)
  const own = newKey()
  const given = await openKeyRing({ dataDir: folder, secretsKey: own }, store)
  assert.equal(given.current, ringOf(own).current)
  assert.ok(given.has(first.current ?? ''), 'what it has encrypted can still be read')
  const shared = await openKeyRing({ dataDir: folder, redisUrl: 'redis://…' }, store)
  assert.equal(shared.current, undefined)
  await store.commit({ writes: [{ put: `secret-key/${first.current}`, value: '' }] })
  await rm(file)
  assert.equal((await openKeyRing({ dataDir: folder }, store)).current, undefined)
  await assert.rejects(readFile(file))
  await assert.rejects(openKeyRing({ dataDir: folder, secretsKey: 'too short' }, store), {
    code: 'invalid',
    message: /SECRETS_KEY must be keys of 32 bytes/,
  })
})
