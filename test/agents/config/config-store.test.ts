import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configKey } from '../../../src/agents/config/record.ts'
import { eventsLog, type ReplicationEvent } from '../../../src/agents/events/events.ts'
import { enqueue, sizeOf } from '../../../src/queues/lanes.ts'
import { below, type Store } from '../../../src/state/store.ts'
import { far, givenConfigs, me } from './given-configs.ts'

async function queueOne(store: Store, agent: string, queue: string): Promise<void> {
  const item = { command: 'c1', target: queue, enqueuedAt: new Date().toISOString() }
  const { ok } = await store.commit({ writes: enqueue({ agent, queue }, item) })
  assert.equal(ok, true)
}

test('what was created can be read, and its tag changes with every write', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const created = await configs.create(config('a'), me)
  assert.deepEqual(await configs.read('a'), created)
  assert.equal(created.config.targets[0]?.name, 'default')
  const patched = await configs.patch('a', { title: 'A' }, me)
  assert.notEqual(patched.etag, created.etag)
  assert.deepEqual(patched.config, { ...created.config, title: 'A' })
})

test('a name is taken once', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create(config('a'), me)
  await assert.rejects(configs.create(config('a'), me), { code: 'conflict' })
})

test('of writers at the same time with the same condition, one succeeds', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const { etag } = await configs.create(config('a'), me)
  const author = { ...me, conditions: { ifMatch: etag } }
  const results = await Promise.allSettled([1, 2, 3, 4].map((n) => configs.patch('a', { title: `${n}` }, author)))
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
  for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.code, 'stale')
  assert.equal((await configs.read('a')).revision, 2)
})

test('writers at the same time without conditions all succeed, one after the other', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create(config('a'), me)
  await Promise.all(['title', 'description'].map((key) => configs.patch('a', { [key]: key }, me)))
  const { config: both, revision } = await configs.read('a')
  assert.deepEqual([both.title, both.description, revision], ['title', 'description', 3])
})

test('a replaced config leaves nothing of the old one', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create({ ...config('a'), title: 'A', roots: ['/a'] }, me)
  const { created, config: now } = await configs.put('a', config('a'), me)
  assert.equal(created, false)
  assert.equal(now.title, undefined)
  assert.deepEqual(now.roots, ['/'])
})

test('a config can be put where there is none, and its name comes from the path', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const { name: _, ...unnamed } = config('a')
  assert.equal((await configs.put('a', unnamed, me)).created, true)
  await assert.rejects(configs.put('b', config('a'), me), {
    code: 'invalid',
    faults: [{ pointer: '/name', message: 'must be b, the name in the path' }],
  })
})

test('lists are by name and in pages', async (t) => {
  const { configs, config } = await givenConfigs(t)
  for (const name of ['c', 'a', 'b', 'B']) await configs.create(config(name), me)
  const first = await configs.list({ limit: 3 })
  assert.deepEqual(
    first.items.map((item) => item.config.name),
    ['B', 'a', 'b'],
  )
  assert.equal(first.next, 'b')
  const second = await configs.list({ limit: 3, after: 'b' })
  assert.deepEqual([second.items.map((item) => item.config.name), second.next], [['c'], undefined])
})

test('every write is a revision that says who did what', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create(config('a'), me)
  await configs.patch('a', { title: 'A' }, { actor: 'somebody' })
  await configs.delete('a', me)
  const { items, next } = await configs.revisions('a', { limit: 2 })
  assert.deepEqual(
    items.map(({ number, actor, action }) => [number, actor, action]),
    [
      [3, 'me', 'deleted'],
      [2, 'somebody', 'updated'],
    ],
  )
  assert.deepEqual(items[1]?.changes, [{ pointer: '/title', after: 'A' }])
  assert.ok(Math.abs(Date.parse(items[0]?.at ?? '') - Date.now()) < 60_000)
  assert.equal(next, 2)
  const rest = await configs.revisions('a', { limit: 2, before: 2 })
  assert.deepEqual([rest.items.map(({ number }) => number), rest.next], [[1], undefined])
  await assert.rejects(configs.revisions('b', { limit: 2 }), { code: 'missing' })
})

test('a revision made current again is a new one, with its secrets, also of an agent that was deleted', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create({ ...config('a'), targets: [far()] }, me)
  await configs.put('a', config('a'), me)
  const restored = await configs.restore('a', 1, me)
  assert.equal(restored.revision, 3)
  assert.equal((await configs.load('a')).config.targets[0]?.['token'], 's3cret')
  await configs.delete('a', me)
  await assert.rejects(configs.restore('a', 4, me), { code: 'missing' })
  assert.equal((await configs.restore('a', 2, me)).revision, 5)
  const { items } = await configs.revisions('a', { limit: 1 })
  assert.deepEqual([items[0]?.action, items[0]?.restored], ['restored', 2])
})

test('an agent that comes back never has a tag that it had before', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const first = await configs.create(config('a'), me)
  await configs.delete('a', me)
  const second = await configs.create(config('a'), me)
  assert.notEqual(second.etag, first.etag)
  assert.equal(await configs.everHad('a'), true)
  assert.equal(await configs.everHad('b'), false)
})

test('conditions are judged at the moment of writing, and only where there is something to write to', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const onlyNew = { ...me, conditions: { ifNoneMatch: '*' } }
  const onlyThat = { ...me, conditions: { ifMatch: '"r7"' } }
  await assert.rejects(configs.patch('a', {}, onlyThat), { code: 'missing' })
  await assert.rejects(configs.delete('a', onlyThat), { code: 'missing' })
  await assert.rejects(configs.put('a', config('a'), onlyThat), { code: 'stale' })
  await configs.put('a', config('a'), onlyNew)
  for (const author of [onlyNew, onlyThat])
    for (const write of [
      () => configs.create(config('a'), author),
      () => configs.put('a', config('a'), author),
      () => configs.patch('a', {}, author),
      () => configs.delete('a', author),
      () => configs.restore('a', 1, author),
    ])
      await assert.rejects(write, { code: 'stale' })
  assert.equal((await configs.read('a')).revision, 1)
})

test('a config and its event are one batch', async (t) => {
  const { configs, config, store } = await givenConfigs(t)
  await configs.create(config('a'), me)
  await configs.delete('a', { actor: 'somebody' })
  const events = await store.range<ReplicationEvent>({ ...below(`${eventsLog}/`), limit: 10 })
  assert.deepEqual(
    events.map(({ value: { type, agent, actor, data } }) => ({ type, agent, actor, data })),
    [
      { type: 'config.changed', agent: 'a', actor: 'me', data: { action: 'created', revision: 1 } },
      { type: 'config.changed', agent: 'a', actor: 'somebody', data: { action: 'deleted', revision: 2 } },
    ],
  )
})

test('an agent whose queues hold items is not deleted, unless that is forced', async (t) => {
  const { configs, config, store } = await givenConfigs(t)
  await configs.create(config('a'), me)
  await queueOne(store, 'a', 'default')
  await assert.rejects(configs.delete('a', me), {
    code: 'conflict',
    message: /still has items in default; .*force=true/,
  })
  await configs.delete('a', { ...me, force: true })
  assert.equal(await sizeOf(store, { agent: 'a', queue: 'default' }), 0)
  await assert.rejects(configs.read('a'), { code: 'missing' })
})

test('a target or passive queue that holds items is not dropped by any write, others are', async (t) => {
  const { configs, config, store } = await givenConfigs(t)
  await configs.create({ ...config('a'), passive: ['dmz', 'spare'] }, me)
  await queueOne(store, 'a', 'dmz')
  await configs.patch('a', { passive: ['dmz'], targets: [] }, me)
  await assert.rejects(configs.patch('a', { passive: [] }, me), { code: 'conflict' })
  await assert.rejects(configs.put('a', config('a'), me), { code: 'conflict' })
  await configs.patch('a', { passive: [], title: 'forced' }, { ...me, force: true })
  assert.equal(await sizeOf(store, { agent: 'a', queue: 'dmz' }), 0)
})

test('what is loaded names a version that stands for it in checks', async (t) => {
  const { configs, config, store } = await givenConfigs(t)
  await configs.create(config('a'), me)
  const { version } = await configs.load('a')
  const check = { checks: [{ key: configKey('a'), version }], writes: [{ put: 'x', value: 1 }] }
  assert.equal((await store.commit(check)).ok, true)
  await configs.patch('a', { title: 'A' }, me)
  assert.equal((await store.commit(check)).ok, false)
})
