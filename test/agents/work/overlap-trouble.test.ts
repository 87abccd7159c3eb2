/** What becomes of parts that are applied when the export behind them fails, begins anew or is given up. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancel, retry } from '../../../src/agents/commands/operate.ts'
import { removeItem } from '../../../src/agents/queues/item-verbs.ts'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { itemOf } from '../../../src/queues/lanes.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { until } from '../until.ts'
import { door, givenParts, type GivenParts } from './given-parts.ts'

/** Reads up to six resources, and no further; the next reading does as `then` says. */
function failsOnce(given: GivenParts, code: 'invalid' | 'unavailable', then: () => void = () => undefined): () => void {
  const fails = door()
  let left = 1
  given.gateSource(async (read) => {
    if (read !== 6 || left-- <= 0) return
    await fails.passed
    then()
    throw new ReplicationError(code, 'the source is no good')
  })
  return fails.open
}

/** The next command of the agent is delivered as if nothing had been. */
async function goesOn(given: GivenParts): Promise<void> {
  given.gateSource(undefined)
  const next = await given.finished(await given.ask({ agents: ['author'], at: ['/content/6'] }))
  assert.equal(next.state, 'succeeded')
  await assertConsistent(given.parts)
}

test('an export that fails for good in the middle fails its deliveries, which say how many parts were applied', async (t) => {
  const given = await givenParts(t)
  const fail = failsOnce(given, 'invalid')
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  fail()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'failed')
  const [target] = agents[0]?.targets ?? []
  assert.deepEqual(
    [target?.state, target?.error?.detail, target?.applied],
    ['failed', 'the source is no good', { parts: 2, entries: 5, bytes: 4 }],
  )
  assert.deepEqual(agents[0]?.parts, undefined)
  const event = await until(async () => given.events.find(({ type }) => type === 'delivery.failed'))
  assert.deepEqual((event.data as { applied?: object }).applied, { parts: 2, entries: 5, bytes: 4 })
  await goesOn(given)
  // Queued again, it is a delivery of its own.
  await retry(given.parts, command.id, 'ann')
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '', '1', '2', '3', '4'])
  await assertConsistent(given.parts)
})

test('an export that is tried again sends nothing again of what is the same', async (t) => {
  const given = await givenParts(t)
  const fail = failsOnce(given, 'unavailable')
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  fail()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4'])
  assert.deepEqual([agents[0]?.targets[0]?.attempts, agents[0]?.targets[0]?.receipt?.entries], [1, 9])
  await goesOn(given)
})

test('where the source has changed before an export is tried again, all is applied anew from there', async (t) => {
  const given = await givenParts(t)
  const fail = failsOnce(given, 'unavailable', () => given.write('/content/1', 'new'))
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  fail()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '2~2', '3~2', '4~2'])
  assert.equal(given.read('one', '/content/1'), 'new')
  assert.deepEqual(
    [agents[0]?.parts, agents[0]?.targets[0]?.receipt?.entries, agents[0]?.targets[0]?.receipt?.bytes],
    [{ done: 4, total: 4 }, 9, 10],
  )
  await goesOn(given)
})

test('a part that is on its way while another comes in its place does not count', async (t) => {
  const given = await givenParts(t)
  const slow = door()
  given.gate('one', async ({ id }) => {
    if (id.endsWith('/2')) await slow.passed
  })
  const fail = failsOnce(given, 'unavailable', () => given.write('/content/1', 'new'))
  const command = await given.ask({ agents: ['author'] })
  await until(async () => (given.came.get('one')?.length === 2 ? true : undefined))
  fail()
  await until(async () => (await viewCommand(given.parts.store, command.id)).agents[0]?.package)
  slow.open()
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '2~2', '3~2', '4~2'])
  assert.equal(given.read('one', '/content/1'), 'new')
  await goesOn(given)
})

for (const { name, left, expected, entries } of [
  { name: 'a single part that was applied', left: ['0'], expected: ['1', '2'], entries: 3 },
  { name: 'a single part that is another', left: ['5'], expected: ['1', '2', '1~2'], entries: 3 },
  { name: 'the parts that were applied', left: ['0', '1', '2'], expected: ['1', '2'], entries: 5 },
])
  test(`a tree that has become ${name} when it is read again is delivered as it is then`, async (t) => {
    const given = await givenParts(t)
    const fail = failsOnce(given, 'unavailable', () => {
      for (let i = 0; i < 7; i++) if (!left.includes(`${i}`)) given.write(`/content/${i}`, undefined)
    })
    const command = await given.ask({ agents: ['author'] })
    await given.applied(command, 2)
    fail()
    const { state, agents } = await given.finished(command)
    assert.equal(state, 'succeeded')
    assert.deepEqual(given.came.get('one'), expected)
    const [target] = agents[0]?.targets ?? []
    assert.deepEqual([target?.receipt?.entries, target?.receipt?.package], [entries, agents[0]?.package])
    for (const file of left) assert.equal(given.read('one', `/content/${file}`), file)
    await assertConsistent(given.parts)
  })

test('a command that is cancelled in the middle says what was applied, and the next one goes on', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  await cancel(given.parts, command.id, 'ann')
  source.open()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'cancelled')
  const [target] = agents[0]?.targets ?? []
  assert.deepEqual([target?.state, target?.applied], ['cancelled', { parts: 2, entries: 5, bytes: 4 }])
  await goesOn(given)
})

test('a part that is on its way when its command is cancelled ends, is told of, and is the last', async (t) => {
  const given = await givenParts(t)
  const slow = door()
  given.gate('one', () => slow.passed)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await until(async () => (given.came.get('one')?.length === 1 ? true : undefined))
  await cancel(given.parts, command.id, 'ann')
  source.open()
  assert.equal((await given.finished(command)).state, 'cancelled')
  const lane = { agent: 'author', queue: given.name('one') }
  assert.equal(await itemOf(given.parts.store, lane, command.id), undefined)
  slow.open()
  await given.applied(command, 1)
  await goesOn(given)
  assert.deepEqual(given.came.get('one'), ['1', ''])
})

test('an item that waits for its next part can be removed, and its export ends without it', async (t) => {
  const given = await givenParts(t, ['one', 'two'])
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  const lane = { agent: 'author', queue: given.name('one') }
  await until(async () => {
    try {
      await removeItem(given.parts, lane, command.id, { actor: 'ann' })
      return true
    } catch (error) {
      // It is still being said that the part was applied.
      if (error instanceof ReplicationError && error.code === 'conflict') return undefined
      throw error
    }
  })
  source.open()
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'partial')
  assert.deepEqual(
    agents[0]?.targets.map(({ state: its, applied }) => [its, applied?.parts]),
    [
      ['cancelled', 2],
      ['delivered', undefined],
    ],
  )
  await goesOn(given)
})

test('a server that ends in the middle goes on after its next start with the parts that are left', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  const restarted = given.restart()
  source.open()
  await restarted
  const { state, agents } = await given.finished(command)
  assert.equal(state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4'])
  assert.equal(agents[0]?.targets[0]?.receipt?.entries, 9)
  await goesOn(given)
})

test('an agent that is deleted in the middle takes its parts with it', async (t) => {
  const given = await givenParts(t)
  const source = given.readUpTo(6)
  const command = await given.ask({ agents: ['author'] })
  await given.applied(command, 2)
  await until(async () => {
    try {
      await given.configs.delete('author', { actor: 'ann', force: true })
      return true
    } catch (error) {
      if (error instanceof ReplicationError && error.code === 'conflict') return undefined
      throw error
    }
  })
  source.open()
  const { agents } = await given.finished(command)
  assert.deepEqual([agents[0]?.targets[0]?.state, agents[0]?.targets[0]?.applied?.parts], ['cancelled', 2])
  assert.deepEqual(given.came.get('one'), ['1', '2'])
  await assertConsistent(given.parts)
})
