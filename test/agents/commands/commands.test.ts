import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listCommands, listHistory, viewCommand } from '../../../src/agents/commands/views.ts'
import { cancel, pause, resume, retry } from '../../../src/agents/commands/operate.ts'
import { deletePackage } from '../../../src/agents/packages.ts'
import { queueOf } from '../../../src/agents/queues/views.ts'
import { viewAgent } from '../../../src/agents/views.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { givenEngine } from '../given-engine.ts'
import { until } from '../until.ts'

test('an export that cannot succeed fails, says why, and lets later items go on', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  given.write('/content/a', 'x')
  const bad = await given.finished(await given.ask({ agents: ['author'], at: ['/nothing'] }))
  assert.equal(bad.state, 'failed')
  assert.equal(bad.agents[0]?.error?.code, 'missing')
  assert.equal(bad.agents[0]?.targets[0]?.state, 'failed')
  const good = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(good.state, 'succeeded')
  const queue = await queueOf(given.parts.store, await given.parts.roster.get('author'), given.name('one'))
  assert.equal(queue.size, 0)
})

test('a command to several agents is taken by those that can, and says why the others did not', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  await given.agent('idle', ['two'], { enabled: false })
  await given.agent('narrow', ['three'], { roots: ['/elsewhere'] })
  given.write('/content/a', 'x')
  const command = await given.ask({ agents: ['author', 'idle', 'nobody', 'narrow'] })
  assert.deepEqual(
    command.statusList.map(({ agent, status, error }) => [agent, status, error?.code]),
    [
      ['author', 'queued', undefined],
      ['idle', 'error', 'conflict'],
      ['nobody', 'error', 'missing'],
      ['narrow', 'error', 'invalid'],
    ],
  )
  assert.equal((await given.finished(command)).state, 'succeeded')
})

test('a queue that is full refuses the command for all targets of the agent', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'], { queue: { limit: 2 } })
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, given.name('one'), 'test')
  given.write('/content/a', 'x')
  await given.ask({ agents: ['author'] })
  await given.ask({ agents: ['author'] })
  await assert.rejects(given.ask({ agents: ['author'] }), { code: 'busy', transient: true })
  assert.equal((await queueOf(given.parts.store, agent, given.name('one'))).size, 2)
})

test('many commands at once are queued in the order of acceptance, and delivered in it', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  given.write('/content/a', 'x')
  const order: string[] = []
  given.gate('one', async ({ id }) => {
    order.push(id.slice(0, 26))
  })
  const commands = await Promise.all(Array.from({ length: 40 }, () => given.ask({ agents: ['author'] })))
  for (const command of commands) assert.equal((await given.finished(command)).state, 'succeeded')
  assert.equal(new Set(order).size, 40)
  assert.deepEqual(order, commands.map(({ id }) => id).toSorted())
})

test('cancelling takes what waits out of the queues', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'])
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, given.name('one'), 'test')
  given.write('/content/a', 'x')
  const command = await given.ask({ agents: ['author'] })
  await until(async () => {
    const { agents } = await viewCommand(given.parts.store, command.id)
    return agents[0]?.targets.some(({ state }) => state === 'delivered') || undefined
  })
  const cancelled = await cancel(given.parts, command.id, 'test')
  assert.equal(cancelled.state, 'partial')
  const { agents } = await viewCommand(given.parts.store, command.id)
  assert.deepEqual(agents[0]?.targets.map(({ state }) => state).toSorted(), ['cancelled', 'delivered'])
  assert.equal((await queueOf(given.parts.store, agent, given.name('one'))).size, 0)
  await resume(given.parts, agent, given.name('one'), 'test')
  assert.equal(given.read('one', '/content/a'), undefined)
})

test('retrying queues only what failed, and a command that ended is then unfinished again', async (t) => {
  const given = await givenEngine(t)
  const queue = { onFailure: 'error-queue', attempts: 1, backoff: { initialMs: 1, maxMs: 5 } }
  await given.agent('author', ['one', 'two'], { queue })
  given.gate('one', async () => {
    throw new ReplicationError('rejected', 'not now')
  })
  given.write('/content/a', 'x')
  const command = await given.ask({ agents: ['author'] })
  assert.equal((await given.finished(command)).state, 'partial')
  given.gate('one', undefined)
  const again = await retry(given.parts, command.id, 'test')
  assert.equal(again.finishedAt, undefined)
  const done = await given.finished(command)
  assert.equal(done.state, 'succeeded')
  assert.deepEqual(
    done.agents[0]?.targets.map(({ attempts }) => attempts),
    [1, 1],
  )
  const agent = await given.parts.roster.get('author')
  assert.equal((await queueOf(given.parts.store, agent, `error-${given.name('one')}`)).size, 0)
})

test('an export that failed is made anew by a retry', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const command = await given.ask({ agents: ['author'] })
  assert.equal((await given.finished(command)).state, 'failed')
  given.write('/content/a', 'now it is there')
  await retry(given.parts, command.id, 'test')
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.equal(given.read('one', '/content/a'), 'now it is there')
})

test('a package in a queue cannot be deleted, and one that is not can', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, undefined, 'test')
  given.write('/content/a', 'x')
  const command = await given.ask({ agents: ['author'] })
  const id = await until(async () => (await viewCommand(given.parts.store, command.id)).agents[0]?.package)
  await assert.rejects(deletePackage(given.parts, id), { code: 'conflict' })
  await resume(given.parts, agent, undefined, 'test')
  await given.finished(command)
  await deletePackage(given.parts, id)
  await assert.rejects(deletePackage(given.parts, id), { code: 'missing' })
})

test('histories and commands are listed newest first, by pages, and filtered', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  await given.agent('other', ['two'])
  given.write('/content/a', 'x')
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    const command = await given.ask({
      agents: i === 2 ? ['other'] : ['author'],
      at: i === 3 ? ['/none'] : ['/content'],
    })
    ids.unshift((await given.finished(command)).id)
  }
  const { store } = given.parts
  const first = await listCommands(store, { limit: 2 })
  assert.deepEqual(
    first.items.map(({ id }) => id),
    ids.slice(0, 2),
  )
  const second = await listCommands(store, { limit: 10, ...(first.next !== undefined && { before: first.next }) })
  assert.deepEqual(
    second.items.map(({ id }) => id),
    ids.slice(2),
  )
  const ofAuthor = await listHistory(store, 'author', 'replicate', { limit: 10 })
  assert.equal(ofAuthor.items.length, 4)
  const failed = await listHistory(store, 'author', 'replicate', { limit: 10, status: 'failed' })
  assert.deepEqual(
    failed.items.map(({ command }) => command),
    [ids[1]],
  )
  assert.equal((await listCommands(store, { agent: 'other', limit: 10 })).items.length, 1)
  assert.equal((await listHistory(store, 'author', 'export', { limit: 10 })).items.length, 0)
  const { counters, state } = await viewAgent(store, await given.parts.roster.get('author'))
  assert.deepEqual({ counters, state }, { counters: { commands: 4, delivered: 3, failedAttempts: 0 }, state: 'idle' })
})

test('a test reaches every target and queues nothing', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'])
  const command = await given.finished(await given.ask({ agents: ['author'], action: 'test' }))
  assert.equal(command.state, 'succeeded')
  assert.equal(given.read('one', '/content'), undefined)
})

test('a mirror that the guard refuses fails before it is queued, and later commands go on', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], {
    targets: [{ kind: 'memory', name: given.name('one') }],
    deletes: { maxPercent: 10, maxCount: 1000 },
  })
  for (const name of ['a', 'b', 'c', 'd']) given.write(`/content/${name}`, name)
  await given.finished(await given.ask({ agents: ['author'] }))
  for (const name of ['a', 'b', 'c']) given.write(`/content/${name}`, undefined)
  const refused = await given.finished(await given.ask({ agents: ['author'], mode: 'mirror' }))
  assert.equal(refused.state, 'failed')
  assert.equal(refused.agents[0]?.error?.code, 'conflict')
  assert.equal(given.read('one', '/content/a'), 'a')
  await given.configs.patch('author', { deletes: { maxPercent: 80 } }, { actor: 'test' })
  const allowed = await given.finished(await given.ask({ agents: ['author'], mode: 'mirror' }))
  assert.equal(allowed.state, 'succeeded')
  assert.equal(given.read('one', '/content/a'), undefined)
  assert.equal(given.read('one', '/content/d'), 'd')
})
