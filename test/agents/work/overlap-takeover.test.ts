/** Parts that two servers work on, of which one was taken for dead. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { assertConsistent } from '../retention/consistency.ts'
import { until } from '../until.ts'
import { door, givenParts } from './given-parts.ts'

test('whoever comes back to an export that another has made meanwhile changes nothing of it', async (t) => {
  const given = await givenParts(t, ['one'], {}, { idle: true })
  const command = await given.ask({ agents: ['author'] })
  const source = given.readUpTo(6)
  const first = given.export(command, 'author')
  await until(async () => (await viewCommand(given.parts.store, command.id)).agents[0]?.parts?.total === 2 || undefined)
  given.write('/content/1', 'new')
  given.gateSource(undefined)
  await given.export(command, 'author')
  const made = await viewCommand(given.parts.store, command.id)
  assert.deepEqual(made.agents[0]?.parts, { done: 0, total: 4 })
  source.open()
  await first
  assert.deepEqual(await viewCommand(given.parts.store, command.id), made)
  await given.deliver('author', 'one')
  assert.equal(given.read('one', '/content/1'), 'new')
  assert.equal((await viewCommand(given.parts.store, command.id)).state, 'succeeded')
  await assertConsistent(given.parts)
})

test('whoever comes back to an export that another goes on with leaves it to him', async (t) => {
  const given = await givenParts(t, ['one'], {}, { idle: true })
  const command = await given.ask({ agents: ['author'] })
  const [one, other] = [door(), door()]
  let readings = 0
  given.gateSource(async (read) => {
    if (read === 0) readings++
    if (read === 6) await (readings === 1 ? one : other).passed
  })
  const made = async (parts: number): Promise<true | undefined> =>
    (await viewCommand(given.parts.store, command.id)).agents[0]?.parts?.total === parts || undefined
  const first = given.export(command, 'author')
  await until(() => made(2))
  const second = given.export(command, 'author')
  await until(async () => readings === 2 || undefined)
  one.open()
  await first
  assert.ok(await made(2))
  other.open()
  await second
  await given.deliver('author', 'one')
  assert.equal((await viewCommand(given.parts.store, command.id)).state, 'succeeded')
  assert.deepEqual(given.came.get('one'), ['1', '2', '3', '4'])
  await assertConsistent(given.parts)
})

test('whoever was overtaken on a lane between two parts says nothing of them any more', async (t) => {
  const given = await givenParts(t, ['one'], {}, { idle: true })
  const command = await given.ask({ agents: ['author'] })
  await given.export(command, 'author')
  const slow = door()
  let calls = 0
  given.gate('one', async () => {
    if (++calls === 2) await slow.passed
  })
  const first = given.deliver('author', 'one')
  await given.applied(command, 1)
  await given.deliver('author', 'one')
  const done = await viewCommand(given.parts.store, command.id)
  assert.equal(done.state, 'succeeded')
  slow.open()
  await first
  assert.deepEqual(await viewCommand(given.parts.store, command.id), done)
  assert.deepEqual(given.came.get('one'), ['1', '2', '2', '3', '4'])
})
