/** The first parts of a tree are delivered while the next are made. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { pull } from '../../../src/agents/queues/passive.ts'
import { findItem, listItems } from '../../../src/agents/queues/items.ts'
import { deletePackage, packageOf } from '../../../src/agents/packages.ts'
import { madeKey, type MadePart } from '../../../src/agents/commands/made.ts'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { tidy } from '../../../src/agents/retention/tidy.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { until } from '../until.ts'
import { door, givenParts, type GivenParts } from './given-parts.ts'

/** The agent's view of the one target. */
async function seen(given: GivenParts, { id }: { id: string }): Promise<object> {
  const { state, agents } = await viewCommand(given.parts.store, id)
  const [agent] = agents
  const [target] = agent?.targets ?? []
  return {
    ...{ state, parts: agent?.parts, package: agent?.package },
    ...{ target: target?.state, attempts: target?.attempts, applied: target?.applied },
  }
}

function told(given: GivenParts, type: string): number {
  return given.events.filter((event) => event.type === type).length
}

async function isResting(given: GivenParts, { id }: { id: string }): Promise<true | undefined> {
  const agent = await given.parts.roster.find('author')
  if (agent === undefined) return undefined
  const { state, attempts } = await findItem(given.parts.store, agent, given.name('one'), id)
  return state === 'preparing' && attempts > 0 ? true : undefined
}

test('the parts that are there are applied while the source is still being read, in one try', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  await until(() => isResting(given, command))
  assert.equal(given.read('one', '/content/2'), '2')
  assert.equal(given.read('one', '/content/3'), undefined)
  assert.deepEqual(await seen(given, command), {
    ...{ state: 'running', parts: { done: 2, total: 2, more: true }, package: undefined },
    ...{ target: 'delivering', attempts: 1, applied: { parts: 2, entries: 5, bytes: 4 } },
  })
  assert.equal(told(given, 'package.ready'), 0)
  source.open()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4'])
  assert.deepEqual(agents[0]?.parts, { done: 4, total: 4 })
  const [target] = agents[0].targets
  const index = await packageOf(given.parts, agents[0].package ?? '')
  assert.deepEqual(
    { ...target?.receipt, appliedAt: '' },
    {
      ...{ delivery: `${command.id}/author/${given.name('one')}`, package: index.id, entries: 9, bytes: 8 },
      ...{ appliedAt: '', detail: { parts: 4 } },
    },
  )
  assert.deepEqual([index.parts?.length, index.entries], [4, 9])
  assert.deepEqual([target?.attempts, told(given, 'delivery.started'), told(given, 'delivery.delivered')], [1, 1, 1])
  for (let i = 0; i < 7; i++) assert.equal(given.read('one', `/content/${i}`), `${i}`)
  await assertConsistent(given.parts)
})

test('each target goes at its own pace, and a slow one holds up neither the others nor the export', async (t) => {
  const given = await givenParts(t, ['slow', 'quick'])
  const slow = door()
  given.gate('slow', () => slow.passed)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2, 'quick')
  source.open()
  const quick = await until(async () => {
    const view = await viewCommand(given.parts.store, command.id)
    return view.agents[0]?.targets.find(({ state }) => state === 'delivered')
  })
  assert.equal(quick.target, given.name('quick'))
  assert.deepEqual(given.came.get('slow'), ['1'])
  slow.open()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'succeeded')
  assert.deepEqual(given.came.get('slow'), ['1', '2', '3', '4'])
  const [first, second] = agents[0]?.targets ?? []
  assert.equal(first?.receipt?.package, second?.receipt?.package)
})

test('nobody overtakes a delivery that waits for its next part', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const large = await given.ask({ agents: ['author'] })
  await given.applied(large, 2)
  await until(() => isResting(given, large))
  const small = await given.ask({ agents: ['author'], at: ['/content/6'] })
  await until(async () => (await viewCommand(given.parts.store, small.id)).agents[0]?.package)
  const agent = await given.parts.roster.find('author')
  if (agent === undefined) throw new Error('no agent')
  await given.parts.wakeLanes(agent)
  const { items } = await listItems(given.parts.store, agent, given.name('one'), { limit: 10 })
  assert.deepEqual(
    items.map(({ id, state, entries }) => [id, state, entries]),
    [
      [large.id, 'preparing', 5],
      [small.id, 'waiting', 1],
    ],
  )
  source.open()
  await given.finished(small)
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4', ''])
})

test('while its queue is paused no further part is applied, and then it goes on in the same try', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  await until(() => isResting(given, command))
  const agent = await given.parts.roster.find('author')
  if (agent === undefined) throw new Error('no agent')
  await pause(given.parts, agent, given.name('one'), 'ann')
  source.open()
  await until(async () => (await viewCommand(given.parts.store, command.id)).agents[0]?.package)
  await given.parts.wakeLanes(agent)
  assert.deepEqual(given.came.get('one'), ['1', '2'])
  await resume(given.parts, agent, given.name('one'), 'ann')
  const { agents } = await given.finished(command)
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4'])
  assert.equal(agents[0]?.targets[0]?.attempts, 1)
})

test('a part that fails is tried again while the source is still being read, and those before it are not', async (t) => {
  const given = await givenParts(t)
  let failures = 0
  given.gate('one', async ({ id }) => {
    if (id.endsWith('/2') && ++failures <= 2) throw new ReplicationError('unavailable', 'away')
  })
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  await until(() => isResting(given, command))
  assert.deepEqual(given.came.get('one'), ['1', '2', '2', '2'])
  const { agents, state } = await viewCommand(given.parts.store, command.id)
  assert.deepEqual([state, agents[0]?.targets[0]?.attempts], ['retrying', 3])
  // The third try goes well so far: the queue is not blocked.
  assert.equal(told(given, 'queue.blocked'), 0)
  source.open()
  const done = await given.finished(command)
  assert.equal(done.state, 'succeeded')
  assert.equal(done.agents[0]?.targets[0]?.error, undefined)
  assert.deepEqual(given.came.get('one'), ['1', '2', '2', '2', '3', '4'])
})

test('whoever fetches from a passive queue gets nothing of a tree before it is whole', async (t) => {
  const given = await givenParts(t, ['one'], { passive: ['dmz'] })
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  const lane = { agent: 'author', queue: 'dmz' }
  assert.deepEqual(await pull(given.parts, lane, { leaseMs: 60_000, actor: 'bob' }), {})
  source.open()
  const pulled = await until(async () => {
    const got = await pull(given.parts, lane, { leaseMs: 60_000, actor: 'bob' })
    return 'item' in got ? got : undefined
  })
  assert.deepEqual([pulled.item, pulled.part], [command.id, { number: 1, of: 4 }])
})

test('no sweep and no caller removes a part that is made, and when its command is over it goes with its index', async (t) => {
  const given = await givenParts(t)
  const slow = door()
  given.gate('one', () => slow.passed)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  const made = await until(() => given.parts.store.get<MadePart>(madeKey(command.id, 'author', 2)))
  const later = Date.now() + 3 * 24 * 3_600_000
  await tidy(given.parts, later, new AbortController().signal)
  assert.ok(await given.parts.packages.has(made.value.package))
  await assert.rejects(deletePackage(given.parts, made.value.package), { code: 'conflict' })
  await assertConsistent(given.parts)
  source.open()
  slow.open()
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.equal(await given.parts.store.get(madeKey(command.id, 'author', 1)), undefined)
  await assertConsistent(given.parts)
})
