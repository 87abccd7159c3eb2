import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listLog } from '../../../src/agents/events/agent-log.ts'
import type { Command } from '../../../src/agents/commands/records.ts'
import { fireSchedules } from '../../../src/agents/triggers/schedule.ts'
import { viewAgent } from '../../../src/agents/views.ts'
import type { TriggerView } from '../../../src/agents/triggers/views.ts'
import { below } from '../../../src/state/store.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const hourMs = 3_600_000
const hourly = { kind: 'schedule', cron: '0 * * * *' }

/** Looks at the clock of its own: what it fires, and when it is to look again. */
async function look(given: Given, name: string, now: number): Promise<{ fired: Command[]; at: number | undefined }> {
  const fired: Command[] = []
  const again = await fireSchedules(given.parts, name, async (command) => void fired.push(command), now)
  return { fired, at: again?.at }
}

async function stateOf(given: Given, name: string): Promise<readonly TriggerView[]> {
  return (await viewAgent(given.parts.store, await given.parts.roster.get(name))).triggers
}

async function dueAt(given: Given, name: string): Promise<number> {
  const [trigger] = await stateOf(given, name)
  assert.ok(trigger?.nextAt, 'it has a next time')
  return Date.parse(trigger.nextAt)
}

test('a schedule fires when it is due and not before, and says what it fired', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { triggers: [{ ...hourly, action: 'delete', paths: ['/content/old'] }] })
  const due = await dueAt(given, 'author')
  assert.deepEqual(await look(given, 'author', due - 1), { fired: [], at: due })
  const { fired, at } = await look(given, 'author', due + 5)
  assert.equal(at, due + hourMs)
  const [command] = fired
  assert.deepEqual(
    { ...command, id: '', createdAt: '' },
    {
      ...{ id: '', createdAt: '', kind: 'replicate', action: 'delete', paths: ['/content/old'], deep: true },
      ...{ mode: 'update', actor: 'trigger:schedule', state: 'queued', counts: { queued: 1 } },
      cause: { trigger: 'schedule', dueAt: new Date(due).toISOString() },
      statusList: [{ agent: 'author', status: 'queued' }],
    },
  )
  const [state] = await stateOf(given, 'author')
  assert.equal(state?.lastCommand, command?.id)
  assert.equal(state?.lastFiredAt, new Date(due + 5).toISOString())
  assert.equal(state?.missed, undefined)
  assert.deepEqual((await look(given, 'author', due + 10)).fired, [])
})

test('of several servers that look at the same moment, one fires', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { triggers: [hourly] })
  const due = await dueAt(given, 'author')
  for (let n = 0; n < 5; n++) {
    const looks = await Promise.all(Array.from({ length: 8 }, () => look(given, 'author', due + n * hourMs)))
    assert.equal(looks.flatMap(({ fired }) => fired).length, 1)
  }
})

test('what was missed is made up for once, and said', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { triggers: [hourly] })
  const due = await dueAt(given, 'author')
  const { fired, at } = await look(given, 'author', due + 3 * hourMs + 1)
  assert.equal(fired.length, 1)
  assert.deepEqual(fired[0]?.cause, { trigger: 'schedule', dueAt: new Date(due).toISOString(), missed: 4 })
  assert.equal(at, due + 4 * hourMs)
  assert.equal((await stateOf(given, 'author'))[0]?.missed, 4)
  const { items } = await listLog(given.parts.store, 'author', { limit: 10 })
  const said = items.filter(({ message }) => message === 'missed firing made up')
  assert.deepEqual(
    said.map(({ level, command, fields }) => ({ level, command, missed: fields['missed'] })),
    [{ level: 'warn', command: fired[0]?.id, missed: 4 }],
  )
  // A single time that passed long ago was missed as well.
  assert.equal((await look(given, 'author', due + 4 * hourMs + 61_000)).fired[0]?.cause?.missed, 1)
  assert.equal((await look(given, 'author', due + 5 * hourMs)).fired[0]?.cause?.missed, undefined)
})

test('a disabled agent fires nothing, and makes up for nothing when it is enabled again', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { triggers: [hourly] })
  const due = await dueAt(given, 'author')
  await given.configs.patch('author', { enabled: false }, { actor: 'test' })
  assert.deepEqual(await look(given, 'author', due + 5 * hourMs), { fired: [], at: undefined })
  await given.configs.patch('author', { enabled: true }, { actor: 'test' })
  assert.ok((await dueAt(given, 'author')) > Date.now())
})

test('a changed schedule counts from its change on, the others go on as they were', async (t) => {
  const given = await givenEngine(t, { idle: true })
  const other = { kind: 'schedule', cron: '30 2 * * *', timezone: 'Europe/Zurich' }
  await given.agent('author', ['one'], { triggers: [hourly, other] })
  const due = await dueAt(given, 'author')
  await look(given, 'author', due)
  const yearly = { kind: 'schedule', cron: '0 0 1 1 *' }
  await given.configs.patch('author', { title: 'new', triggers: [yearly, hourly] }, { actor: 'test' })
  const [changed, kept] = await stateOf(given, 'author')
  assert.equal(changed?.lastFiredAt, undefined)
  assert.match(changed?.nextAt ?? '', /-01-01T00:00:00\.000Z$/)
  assert.equal(kept?.lastFiredAt, new Date(due).toISOString())
  assert.equal(Date.parse(kept.nextAt ?? ''), due + hourMs)
})

test('an agent that is deleted leaves nothing of its triggers behind', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('other', ['one'])
  await given.agent('author', ['two'], { triggers: [hourly, { kind: 'after', agent: 'other' }] })
  await given.configs.delete('author', { actor: 'test' })
  for (const prefix of ['trigger/', 'followers/', 'chained/'])
    assert.deepEqual(await given.parts.store.range({ ...below(prefix), limit: 10 }), [], prefix)
  assert.deepEqual(await look(given, 'author', Date.now() + 2 * hourMs), { fired: [], at: undefined })
})

test('a firing that finds no room waits for it, says so once, and is then made up for', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { triggers: [hourly], queue: { limit: 1 } })
  given.write('/content/a', 'a')
  const waiting = await given.ask({ agents: ['author'] })
  const due = await dueAt(given, 'author')
  for (let n = 0; n < 3; n++) {
    const { fired, at } = await look(given, 'author', due + n)
    assert.deepEqual(fired, [])
    assert.ok(at !== undefined && at > due && at < due + 60_000)
  }
  assert.equal((await stateOf(given, 'author'))[0]?.error?.code, 'busy')
  const { items } = await listLog(given.parts.store, 'author', { limit: 10 })
  assert.equal(items.filter(({ message }) => message === 'trigger waits').length, 1)
  await given.export(waiting, 'author')
  await given.deliver('author', 'one')
  assert.equal((await look(given, 'author', due + 100)).fired.length, 1)
  assert.equal((await stateOf(given, 'author'))[0]?.error, undefined)
})

test('schedules run by themselves, to the second, also after a restart', async (t) => {
  const given = await givenEngine(t)
  given.write('/content/a', 'v1')
  await given.agent('author', ['one'], { triggers: [{ kind: 'schedule', cron: '* * * * * *', paths: ['/content'] }] })
  await until(async () => given.read('one', '/content/a') ?? undefined)
  await given.restart()
  given.write('/content/a', 'v2')
  await until(async () => (given.read('one', '/content/a') === 'v2' ? true : undefined))
  await given.configs.patch('author', { triggers: [] }, { actor: 'test' })
  assert.deepEqual(await stateOf(given, 'author'), [])
})
