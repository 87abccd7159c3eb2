/** What the target owns, who must agree, and how a target that drifts is noticed. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { approve } from '../../../src/agents/comparisons/approve.ts'
import { driftsOf } from '../../../src/agents/comparisons/drift.ts'
import { cancel } from '../../../src/agents/commands/operate.ts'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { eventsLog, type ReplicationEvent } from '../../../src/agents/events/events.ts'
import { divergedKey } from '../../../src/queues/lanes.ts'
import { below } from '../../../src/state/store.ts'
import { makeFolder } from '../../endpoints/trees.ts'
import { until } from '../until.ts'
import { givenComparisons, type GivenComparisons } from './given-comparisons.ts'

interface Sides extends GivenComparisons {
  put(side: 'source' | 'target', path: string, text: string): void
  get(path: string): string | undefined
}

async function sides(t: TestContext, more: object = {}): Promise<Sides> {
  const engine = await givenComparisons(t)
  const folder = await makeFolder(t)
  for (const side of ['source', 'target']) mkdirSync(join(folder, side))
  const at = (side: string): object => ({ kind: 'directory', path: join(folder, side) })
  await engine.agent('a', at('source'), at('target'), more)
  return {
    ...engine,
    put: (side, path, text) => {
      mkdirSync(dirname(join(folder, side, path)), { recursive: true })
      writeFileSync(join(folder, side, path), text)
    },
    get: (path) => {
      try {
        return readFileSync(join(folder, 'target', path), 'utf8')
      } catch {
        return undefined
      }
    },
  }
}

const yaml = `# ours
name: old   # a name
x-policies: # never touch
  - { limit: 10 } # ten
list: [1,   2]
`

test('what the target owns survives a replication and an import to the byte, comments and layout too', async (t) => {
  const one = await sides(t, { preserve: ['/x-policies'] })
  one.put('target', '/d/api.yaml', yaml)
  one.put('target', '/api.json', '{"x-policies": [1,  2],\n "name": "old"}')
  one.put('source', '/d/api.yaml', 'name: new\nx-policies: []\nlist: [1, 2]\n')
  one.put('source', '/api.json', '{"name":"new","x-policies":"theirs"}')
  one.put('source', '/fresh.json', '{"name":"new","x-policies":"theirs"}')
  const brought = await one.replicate('a')
  const after = yaml.replace('name: old ', 'name: new ')
  assert.equal(one.get('/d/api.yaml'), after)
  assert.equal(one.get('/api.json'), '{"x-policies": [1,  2],\n "name": "new"}')
  assert.deepEqual(JSON.parse(one.get('/fresh.json') ?? ''), { name: 'new' })
  assert.equal(brought.agents[0]?.targets[0]?.receipt?.detail?.['preserved'], 2)
  const { counts } = await one.compare('a')
  assert.deepEqual(counts, { added: 0, existing: 3, changed: 0, deleted: 0, conflicts: 0 })
  one.put('target', '/d/api.yaml', yaml)
  const pkg = await one.given.parts.store.get(`package/${brought.agents[0]?.package}`)
  await one.ended(await one.given.ask({ agents: ['a'], at: ['/d'], kind: 'import', package: pkg?.value as never }))
  assert.equal(one.get('/d/api.yaml'), after)
})

test('a file that is too large to be merged and is no document is replicated, whatever is preserved', async (t) => {
  const one = await sides(t, { preserve: ['/x-policies'] })
  const large = `\0${'x'.repeat(9 * 1024 * 1024)}`
  one.put('source', '/large', large)
  await one.replicate('a')
  assert.equal(one.get('/large'), large)
  one.put('source', '/large', `${large}2`)
  await one.apply(await one.compare('a'))
  assert.equal(one.get('/large'), `${large}2`)
  one.put('source', '/small', '1')
  one.put('target', '/small', large)
  await one.replicate('a')
  assert.equal(one.get('/small'), '1')
})

test('a mirror leaves alone what is not compared', async (t) => {
  const one = await sides(t, { compare: { ignore: ['/tmp/**'] } })
  one.put('source', '/a', '1')
  one.put('source', '/tmp/theirs', '1')
  one.put('target', '/tmp/ours', '1')
  one.put('target', '/b', '1')
  await one.replicate('a', ['/'], { mode: 'mirror' })
  assert.deepEqual(
    ['/a', '/b', '/tmp/ours', '/tmp/theirs'].map((path) => one.get(path)),
    ['1', undefined, '1', undefined],
  )
})

test('what waits for approval is in no queue, and goes on once somebody else agrees, after a restart too', async (t) => {
  const one = await sides(t, { approval: true })
  one.put('source', '/a', '1')
  one.put('source', '/b', '1')
  const command = await one.begin(await one.compare('a', ['/a']), { preset: 'complete' }, 'who asked')
  await one.replicate('a', ['/b'])
  assert.equal(one.get('/b'), '1', 'later ones pass it')
  await one.given.restart()
  assert.equal(one.get('/a'), undefined)
  await assert.rejects(approve(one.given.parts, command.id, { actor: 'who asked' }), { code: 'forbidden' })
  await approve(one.given.parts, command.id, { actor: 'somebody else', reason: 'looks right' })
  assert.equal((await one.ended(command)).state, 'succeeded')
  assert.equal(one.get('/a'), '1')
  await assert.rejects(approve(one.given.parts, command.id, { actor: 'somebody else' }), { code: 'conflict' })
})

test('nobody agrees to what he has asked for himself by another name', async (t) => {
  const one = await sides(t, { approval: true })
  one.put('source', '/a', '1')
  const { id } = await one.begin(await one.compare('a'), { preset: 'complete' }, 'ann (id.example)', 'oidc-1')
  const { parts } = one.given
  await assert.rejects(approve(parts, id, { actor: 'bob (id.example)', caller: 'oidc-1' }), { code: 'forbidden' })
  assert.doesNotMatch(JSON.stringify(await viewCommand(parts.store, id)), /oidc-1/)
  await approve(parts, id, { actor: 'bob (id.example)', caller: 'oidc-2' })
  assert.equal((await one.ended({ id })).state, 'succeeded')
})

test('what waits for approval can be cancelled, and then nobody can agree to it', async (t) => {
  const one = await sides(t, { approval: true })
  one.put('source', '/a', '1')
  const command = await one.begin(await one.compare('a'), { preset: 'complete' }, 'who asked')
  await cancel(one.given.parts, command.id, 'who asked')
  assert.equal((await one.ended(command)).state, 'cancelled')
  await assert.rejects(approve(one.given.parts, command.id, { actor: 'somebody else' }), { code: 'conflict' })
  assert.equal(one.get('/a'), undefined)
})

test('what was approved and has moved meanwhile writes nothing', async (t) => {
  const one = await sides(t, { approval: true })
  one.put('source', '/a', '1')
  const command = await one.begin(await one.compare('a'), { preset: 'complete' }, 'who asked')
  one.put('target', '/c', 'moved')
  await approve(one.given.parts, command.id, { actor: 'somebody else' })
  const { state } = await one.ended(command)
  assert.deepEqual([state, one.get('/a')], ['failed', undefined])
})

test('a schedule that compares tells how a target stands, and when that begins and ends', async (t) => {
  const one = await sides(t)
  const told = async (): Promise<(string | undefined)[]> => {
    const found = await one.given.parts.store.range<ReplicationEvent>({ ...below(`${eventsLog}/`), limit: 1000 })
    return found
      .filter(({ value: { type } }) => type.startsWith('drift.'))
      .map(({ value }) => `${value.type} ${(value.data as { state?: string } | undefined)?.state}`)
  }
  const stands = (state: string): Promise<true> =>
    until(async () => (await driftsOf(one.given.parts.store, 'a', ['default']))[0]?.state === state || undefined)
  one.put('source', '/a', '1')
  await one.replicate('a')
  const triggers = [{ kind: 'schedule', cron: '* * * * * *', action: 'compare' }]
  await one.given.configs.patch('a', { triggers }, { actor: 'test' })
  await one.given.restart()
  await stands('in-sync')
  one.put('source', '/a', '2')
  await stands('behind')
  one.put('target', '/a', '3')
  await stands('diverged')
  // A skipped item has left its mark; what is equal again misses nothing.
  const mark = divergedKey({ agent: 'a', queue: 'default' })
  const since = new Date(Date.now() - 1000).toISOString()
  const { store } = one.given.parts
  await store.commit({ writes: [{ put: mark, value: { since, item: randomUUID() } }] })
  await one.replicate('a')
  await stands('in-sync')
  await until(async () => (await store.get(mark)) === undefined || undefined)
  assert.deepEqual(await told(), ['drift.found behind', 'drift.found diverged', 'drift.ended in-sync'])
})
