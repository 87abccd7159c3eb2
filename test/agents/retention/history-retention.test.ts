import assert from 'node:assert/strict'
import { test } from 'node:test'
import { retryHead } from '../../../src/agents/queues/item-verbs.ts'
import { listHistory, viewCommand } from '../../../src/agents/commands/views.ts'
import { forgetHistory } from '../../../src/agents/retention/history.ts'
import { retry } from '../../../src/agents/commands/operate.ts'
import { forgetPackages } from '../../../src/agents/retention/packages.ts'
import { deletePackage } from '../../../src/agents/packages.ts'
import { sizeOf } from '../../../src/queues/lanes.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { tidy } from '../../../src/agents/retention/tidy.ts'
import { assertConsistent } from './consistency.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'
import { watchedStore } from '../watched-store.ts'

const dayMs = 24 * 3_600_000
const never = new AbortController().signal

/** Does all that there is to tidy up so many days from now. */
async function tidyIn(days: number, { parts }: Given): Promise<void> {
  while (await tidy(parts, Date.now() + days * dayMs, never));
}

async function history({ parts }: Given, agent = 'author'): Promise<readonly string[]> {
  const { items } = await listHistory(parts.store, agent, 'replicate', { limit: 500 })
  return items.map(({ id }) => id)
}

async function replicate(given: Given, text: string, agents = ['author']): Promise<string> {
  given.write('/content/page', text)
  const command = await given.ask({ agents })
  await given.finished(command)
  return command.id
}

test('history goes when it is older than its agent keeps it, and the command with it', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'], { history: { keepDays: 30 } })
  const id = await replicate(given, 'v1')
  await tidyIn(29.9, given)
  assert.deepEqual(await history(given), [id])
  await tidyIn(30.1, given)
  assert.deepEqual(await history(given), [])
  await assert.rejects(viewCommand(given.parts.store, id), { code: 'missing' })
  await assertConsistent(given.parts)
})

test('more history than its agent keeps goes, the oldest first', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepEntries: 2 } })
  await given.agent('other', ['two'])
  const ids: string[] = []
  for (let n = 0; n < 5; n++) ids.push(await replicate(given, `v${n}`, n === 0 ? ['author', 'other'] : ['author']))
  await tidyIn(0, given)
  assert.deepEqual(await history(given), [ids[4], ids[3]])
  assert.deepEqual(await history(given, 'other'), [ids[0]])
  await assertConsistent(given.parts)
})

test('a server does it by itself, and goes on until nothing is due', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepEntries: 3 } })
  for (let n = 0; n < 40; n++) await replicate(given, `v${n}`)
  await given.restart()
  await until(async () => (await history(given)).length === 3 || undefined)
  await assertConsistent(given.parts)
})

test('what waits stays however old it is, with its package, and is delivered in the end', async (t) => {
  const given = await givenEngine(t)
  const hours = { initialMs: 3_600_000, maxMs: 3_600_000 }
  await given.agent('author', ['one'], { history: { keepDays: 1, keepEntries: 1 }, queue: { backoff: hours } })
  const down = new ReplicationError('unavailable', 'down')
  given.gate('one', async () => Promise.reject(down))
  given.write('/content/page', 'late')
  const waiting = await given.ask({ agents: ['author'] })
  await until(async () => (await viewCommand(given.parts.store, waiting.id)).state === 'retrying' || undefined)
  await tidyIn(5000, given)
  assert.deepEqual(await history(given), [waiting.id])
  const lane = { agent: 'author', queue: given.name('one') }
  assert.equal(await sizeOf(given.parts.store, lane), 1)
  await assertConsistent(given.parts)
  given.gate('one', undefined)
  await retryHead(given.parts, lane, { actor: 'test' })
  assert.equal((await given.finished(waiting)).state, 'succeeded')
  assert.equal(given.read('one', '/content/page'), 'late')
})

test('what lies in an error queue stays until somebody decides, and so does its package', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], {
    history: { keepDays: 1 },
    queue: { onFailure: 'error-queue', attempts: 1, backoff: { initialMs: 1, maxMs: 5 } },
  })
  given.gate('one', async () => Promise.reject(new ReplicationError('corrupt', 'not this')))
  const id = await replicate(given, 'parked')
  const { agents } = await viewCommand(given.parts.store, id)
  assert.equal(agents[0]?.status, 'failed')
  await tidyIn(5000, given)
  assert.deepEqual(await history(given), [id])
  await assert.rejects(deletePackage(given.parts, agents[0].package ?? ''), { code: 'conflict' })
  await assertConsistent(given.parts)

  given.gate('one', undefined)
  await retry(given.parts, id, 'test')
  assert.equal((await given.finished({ id })).state, 'succeeded')
  await assertConsistent(given.parts)
  await tidyIn(2, given)
  assert.deepEqual(await history(given), [])
  await assertConsistent(given.parts)
})

test('a command of several agents is kept until the last of them forgets its part, and says how the others ended', async (t) => {
  const given = await givenEngine(t)
  await given.agent('short', ['one'], { history: { keepDays: 1 } })
  await given.agent('long', ['two'], { history: { keepDays: 10 } })
  const parked = { onFailure: 'error-queue', attempts: 1 }
  await given.agent('brief', ['three'], { history: { keepDays: 1 }, queue: parked })
  given.gate('three', async () => Promise.reject(new ReplicationError('corrupt', 'not this')))
  const id = await replicate(given, 'v1', ['short', 'long', 'brief'])
  given.gate('three', undefined)
  await retry(given.parts, id, 'test')
  const before = await given.finished({ id })
  assert.deepEqual(
    before.agents.map(({ status }) => status),
    ['succeeded', 'succeeded', 'succeeded'],
  )
  await tidyIn(2, given)
  const { agents, state } = await viewCommand(given.parts.store, id)
  assert.equal(state, 'succeeded')
  assert.deepEqual(
    agents.map(({ agent, status, targets, notes = [] }) => [agent, status, targets.length, notes.length]),
    [
      ['short', 'succeeded', 0, 1],
      ['long', 'succeeded', 1, 0],
      ['brief', 'succeeded', 0, 1],
    ],
  )
  await assertConsistent(given.parts)
  assert.equal((await retry(given.parts, id, 'test')).state, 'succeeded')
  await tidyIn(11, given)
  await assert.rejects(viewCommand(given.parts.store, id), { code: 'missing' })
  await assertConsistent(given.parts)
})

test('the history of a deleted agent is kept as it said last, and shows again when the agent comes back', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { history: { keepDays: 3 } })
  const id = await replicate(given, 'v1')
  await given.configs.delete('author', { actor: 'test' })
  await tidyIn(2.9, given)
  assert.equal((await viewCommand(given.parts.store, id)).state, 'succeeded')
  await given.agent('author', ['one'])
  assert.deepEqual(await history(given), [id])
  await given.configs.delete('author', { actor: 'test' })
  await tidyIn(29, given)
  assert.deepEqual(await history(given), [id])
  await tidyIn(31, given)
  assert.deepEqual(await history(given), [])
  await assertConsistent(given.parts)
})

test('a turn in which nothing is due reads no more of a long history than of a short one', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const reads = async (): Promise<number> => {
    let read = 0
    const store = watchedStore(given.parts.store, { onRead: (entries) => (read += entries) })
    const { packages } = given.parts
    assert.equal(await forgetHistory(store, Date.now(), 1000, never), false)
    assert.equal(await forgetPackages({ store, packages }, Date.now(), 1000, never), false)
    return read
  }
  await replicate(given, 'first')
  const few = await reads()
  for (let n = 0; n < 60; n++) await replicate(given, `v${n}`)
  assert.equal(await reads(), few)
})
