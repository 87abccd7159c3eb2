import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queueOf } from '../../../src/agents/queues/views.ts'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { standingOf, takeOver } from '../../../src/queues/lanes.ts'
import { givenEngine } from '../given-engine.ts'
import { until } from '../until.ts'

const away = new ReplicationError('unavailable', 'the target is away')

test('one command brings a tree to all targets of an agent, each with its own receipt', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'])
  given.write('/content/a', 'hello')
  const command = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(command.state, 'succeeded')
  for (const target of ['one', 'two']) {
    assert.equal(given.read(target, '/content/a'), 'hello')
    const seen = command.agents[0]?.targets.find((one) => one.target === given.name(target))
    assert.equal(seen?.state, 'delivered')
    assert.equal(seen.receipt?.delivery, `${command.id}/author/${given.name(target)}`)
    assert.equal(seen.receipt?.package, command.agents[0]?.package)
  }
})

test('v1, v2, v1 of a file are three deliveries, and the target ends with the last', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const packages: (string | undefined)[] = []
  for (const text of ['v1', 'v2', 'v1']) {
    given.write('/content/a', text)
    const command = await given.finished(await given.ask({ agents: ['author'] }))
    packages.push(command.agents[0]?.package)
    assert.equal(given.read('one', '/content/a'), text)
  }
  assert.equal(packages[0], packages[2])
  assert.notEqual(packages[0], packages[1])
})

test('a failing head keeps its place ahead of later items, and the other target goes on', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'])
  const order: string[] = []
  let down = true
  given.gate('one', async (delivery) => {
    if (down) throw away
    order.push(delivery.id.slice(0, 26))
  })
  given.write('/content/a', 'first')
  const first = await given.ask({ agents: ['author'] })
  given.write('/content/a', 'second')
  const second = await given.ask({ agents: ['author'] })
  const third = await given.ask({ agents: ['author'], action: 'delete' })

  const agent = await given.parts.roster.get('author')
  const blocked = await until(async () => {
    const queue = await queueOf(given.parts.store, agent, given.name('one'))
    return (queue.blockedBy?.attempts ?? 0) >= 3 && queue.state === 'blocked' ? queue : undefined
  })
  assert.equal(blocked.size, 3)
  assert.equal(blocked.blockedBy?.item, first.id)
  assert.deepEqual(blocked.blockedBy?.error, { code: 'unavailable', detail: 'the target is away' })
  await until(async () => (await queueOf(given.parts.store, agent, given.name('two'))).size === 0 || undefined)
  assert.equal(given.read('two', '/content/a'), undefined)

  down = false
  for (const command of [first, second, third]) assert.equal((await given.finished(command)).state, 'succeeded')
  assert.deepEqual(order, [first.id, second.id, third.id])
  assert.equal(given.read('one', '/content/a'), undefined)
})

test('with an error queue the head moves there after exactly its attempts, and later ones go on', async (t) => {
  const given = await givenEngine(t)
  const queue = { onFailure: 'error-queue', attempts: 3, backoff: { initialMs: 1, maxMs: 5 } }
  await given.agent('author', ['one'], { queue })
  let tries = 0
  let bad = ''
  given.gate('one', async (delivery) => {
    if (!delivery.id.startsWith(bad)) return
    tries++
    throw away
  })
  given.write('/content/a', 'x')
  await pause(given.parts, await given.parts.roster.get('author'), undefined, 'test')
  const first = await given.ask({ agents: ['author'] })
  bad = first.id
  const second = await given.ask({ agents: ['author'] })
  await resume(given.parts, await given.parts.roster.get('author'), undefined, 'test')
  assert.equal((await given.finished(second)).state, 'succeeded')
  const failed = await given.finished(first)
  assert.equal(failed.state, 'failed')
  assert.equal(failed.agents[0]?.targets[0]?.attempts, 3)
  assert.equal(tries, 3)
  const parked = await queueOf(given.parts.store, await given.parts.roster.get('author'), `error-${given.name('one')}`)
  assert.equal(parked.size, 1)
})

for (const { error, attempts } of [
  { error: new ReplicationError('corrupt', 'the package is broken'), attempts: 1 },
  { error: new ReplicationError('rejected', 'not that'), attempts: 1 },
  { error: new ReplicationError('missing', 'no such agent'), attempts: 2 },
  { error: new ReplicationError('unauthenticated', 'who are you'), attempts: 2 },
])
  test(`with an error queue, a refusal with ${error.code} is tried ${attempts} of 2 times`, async (t) => {
    const given = await givenEngine(t)
    await given.agent('author', ['one'], {
      queue: { onFailure: 'error-queue', attempts: 2, backoff: { initialMs: 1, maxMs: 5 } },
    })
    given.gate('one', async () => {
      throw error
    })
    given.write('/content/a', 'x')
    const command = await given.finished(await given.ask({ agents: ['author'] }))
    assert.equal(command.agents[0]?.targets[0]?.attempts, attempts)
    assert.equal(command.agents[0]?.targets[0]?.error?.code, error.code)
  })

test('whoever was overtaken on a lane says nothing of the outcome any more', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  const lane = { agent: 'author', queue: given.name('one') }
  let epochs: number[] = []
  given.gate('one', async ({ epoch }) => {
    epochs = [...epochs, epoch]
    if (epochs.length > 1) return
    const taken = takeOver(lane, (await standingOf(given.parts.store, lane)).epoch)
    assert.equal((await given.parts.store.commit(taken)).ok, true)
  })
  given.write('/content/a', 'x')
  const command = await given.finished(await given.ask({ agents: ['author'] }))
  assert.equal(command.state, 'succeeded')
  // The first try's end was not written: the second, with a newer epoch than the one that overtook, was.
  assert.deepEqual(epochs, [1, 3])
  assert.equal(command.agents[0]?.targets[0]?.attempts, 2)
})

test('a delivery that was cut off by the end of the server goes on after the next start', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  given.write('/content/a', 'x')
  let reached = false
  given.gate('one', async (_delivery, signal) => {
    reached = true
    await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  })
  const command = await given.ask({ agents: ['author'] })
  await until(async () => reached || undefined)
  given.gate('one', undefined)
  await given.restart()
  const done = await given.finished(command)
  assert.equal(done.state, 'succeeded')
  assert.equal(done.agents[0]?.targets[0]?.attempts, 2)
  assert.equal(done.agents[0]?.targets[0]?.error, undefined)
})

test('a paused agent stays paused over a restart, and what came meanwhile goes in order', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  await pause(given.parts, await given.parts.roster.get('author'), undefined, 'test')
  given.write('/content/a', 'v1')
  const first = await given.ask({ agents: ['author'] })
  await given.restart()
  given.write('/content/a', 'v2')
  const second = await given.ask({ agents: ['author'] })
  const agent = await given.parts.roster.get('author')
  const queue = await queueOf(given.parts.store, agent, given.name('one'))
  assert.equal(queue.state, 'paused')
  assert.equal(queue.size, 2)
  assert.equal(given.read('one', '/content/a'), undefined)
  await resume(given.parts, agent, undefined, 'test')
  assert.equal((await given.finished(first)).state, 'succeeded')
  assert.equal((await given.finished(second)).state, 'succeeded')
  assert.equal(given.read('one', '/content/a'), 'v2')
})
