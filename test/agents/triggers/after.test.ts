import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listLog } from '../../../src/agents/events/agent-log.ts'
import { listCommands, type CommandView } from '../../../src/agents/commands/views.ts'
import { followUp } from '../../../src/agents/triggers/after.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { below } from '../../../src/state/store.ts'
import { viewAgent } from '../../../src/agents/views.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const following = (agent: string, more: object = {}): object => ({ triggers: [{ kind: 'after', agent, ...more }] })
const never = new AbortController().signal

async function commandsOf(given: Given, agent: string): Promise<readonly CommandView[]> {
  return (await listCommands(given.parts.store, { agent, limit: 100 })).items
}

async function chained(given: Given): Promise<number> {
  return (await given.parts.store.range({ ...below('chained/'), limit: 100 })).length
}

/** Exports and delivers by hand. */
async function carryOut(given: Given, id: string, agent: string, ...targets: string[]): Promise<void> {
  await given.export({ id }, agent)
  for (const target of targets) await given.deliver(agent, target)
}

test('what an agent has delivered everywhere, its followers replicate, and theirs after them', async (t) => {
  const given = await givenEngine(t)
  await given.agent('first', ['one', 'two'])
  await given.agent('second', ['three'], following('first'))
  await given.agent('third', ['four'], following('second'))
  given.write('/content/a', 'v1')
  const { id } = await given.finished(await given.ask({ agents: ['first'] }))
  await until(async () => given.read('four', '/content/a'))
  const [second] = await commandsOf(given, 'second')
  assert.equal(second?.actor, 'trigger:after:first')
  assert.deepEqual(second.cause, { trigger: 'after', agent: 'first', command: id })
  const [third] = await commandsOf(given, 'third')
  assert.deepEqual(third?.cause, { trigger: 'after', agent: 'second', command: second.id })
  given.write('/content/a', undefined)
  await given.ask({ agents: ['first'], action: 'delete', at: ['/content/a'] })
  await until(async () => (given.read('four', '/content/a') === undefined ? true : undefined))
  assert.deepEqual((await commandsOf(given, 'third'))[0]?.paths, ['/content/a'])
  assert.equal(await chained(given), 0)
})

test('nothing follows what was only exported, tested, or did not reach every target', async (t) => {
  const given = await givenEngine(t)
  await given.agent('first', ['one', 'two'], { queue: { onFailure: 'error-queue', attempts: 1 } })
  await given.agent('second', ['three'], following('first'))
  given.write('/content/a', 'v1')
  given.gate('two', async () => {
    throw new ReplicationError('rejected', 'no')
  })
  const part = await given.finished(await given.ask({ agents: ['first'] }))
  assert.equal(part.state, 'partial')
  await given.finished(await given.ask({ agents: ['first'], kind: 'export' }))
  await given.finished(await given.ask({ agents: ['first'], action: 'test' }))
  assert.deepEqual(await commandsOf(given, 'second'), [])
  given.gate('two', undefined)
  const whole = await given.finished(await given.ask({ agents: ['first'] }))
  const [only] = await until(async () => {
    const commands = await commandsOf(given, 'second')
    return commands.length > 0 ? commands : undefined
  })
  assert.equal(only?.cause?.command, whole.id)
})

test('what was delivered while nobody took it up is taken up once, in its order, by whoever comes', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('first', ['one'])
  await given.agent('second', ['two'], following('first'))
  given.write('/content/a', 'v1')
  const ids: string[] = []
  for (let n = 0; n < 4; n++) {
    const { id } = await given.ask({ agents: ['first'] })
    await carryOut(given, id, 'first', 'one')
    ids.push(id)
  }
  assert.equal(await chained(given), 4)
  await given.restart()
  const begun: string[] = []
  await Promise.all(
    Array.from({ length: 6 }, () => followUp(given.parts, 'second', async ({ id }) => void begun.push(id), never)),
  )
  assert.equal(begun.length, 4)
  const causes = (await commandsOf(given, 'second')).map(({ cause }) => cause?.command)
  assert.deepEqual(causes.toReversed(), ids)
  assert.equal(await chained(given), 0)
})

test('what lies outside the paths that it follows, or its roots, it leaves alone', async (t) => {
  const given = await givenEngine(t)
  await given.agent('first', ['one'])
  await given.agent('second', ['two'], {
    roots: ['/content', '/apps'],
    ...following('first', { paths: ['/content/a'] }),
  })
  for (const path of ['/content/a/x', '/content/b', '/apps/c', '/other']) given.write(path, 'v1')
  for (const at of [['/other'], ['/apps'], ['/content/b'], ['/']])
    await given.finished(await given.ask({ agents: ['first'], at }))
  await until(async () => given.read('two', '/content/a/x'))
  assert.deepEqual(
    (await commandsOf(given, 'second')).map(({ paths }) => paths),
    [['/content/a']],
  )
  await given.finished(await given.ask({ agents: ['first'], at: ['/content'], deep: false }))
  assert.equal((await commandsOf(given, 'second')).length, 1)
})

test('a follower without room waits, says so once, and then takes all up in order', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('first', ['one'])
  await given.agent('second', ['two'], { queue: { limit: 1 }, ...following('first') })
  given.write('/content/a', 'v1')
  const ids: string[] = []
  for (let n = 0; n < 3; n++) {
    const { id } = await given.ask({ agents: ['first'] })
    await carryOut(given, id, 'first', 'one')
    ids.push(id)
  }
  const look = (): ReturnType<typeof followUp> => followUp(given.parts, 'second', async () => undefined, never)
  for (let n = 0; n < 3; n++) assert.ok(((await look())?.at ?? 0) > Date.now())
  assert.equal(await chained(given), 2)
  const lines = (await listLog(given.parts.store, 'second', { limit: 10 })).items
  assert.equal(lines.filter(({ message }) => message === 'trigger waits').length, 1)
  const summary = await viewAgent(given.parts.store, await given.parts.roster.get('second'))
  assert.equal(summary.triggers[0]?.error?.code, 'busy')
  for (let n = 0; n < 3; n++) {
    const [newest] = await commandsOf(given, 'second')
    await carryOut(given, newest?.id ?? '', 'second', 'two')
    await look()
  }
  const causes = (await commandsOf(given, 'second')).map(({ cause }) => cause?.command)
  assert.deepEqual(causes.toReversed(), ids)
})

test('a follower that was disabled, follows no longer or is no more, leaves nothing to be taken up', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('first', ['one'])
  given.write('/content/a', 'v1')
  const author = { actor: 'test' }
  for (const give of [
    () => given.configs.patch('second', { enabled: false }, author),
    () => given.configs.patch('second', { triggers: [] }, author),
    () => given.configs.delete('second', author),
  ]) {
    await given.agent('second', ['two'], following('first'))
    const { id } = await given.ask({ agents: ['first'] })
    await carryOut(given, id, 'first', 'one')
    assert.equal(await chained(given), 1)
    await give()
    await followUp(given.parts, 'second', async () => assert.fail('it fired'), never)
    assert.equal(await chained(given), 0)
    const later = await given.ask({ agents: ['first'] })
    await carryOut(given, later.id, 'first', 'one')
    assert.equal(await chained(given), 0)
    if (await given.parts.roster.find('second')) await given.configs.delete('second', author)
  }
  assert.deepEqual(await given.parts.store.range({ ...below('followers/'), limit: 10 }), [])
})
