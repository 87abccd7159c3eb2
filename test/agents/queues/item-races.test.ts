/** Verbs that meet deliveries, exports, other verbs, and servers that died. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deliverHead } from '../../../src/agents/work/deliveries.ts'
import {
  clearLane,
  moveItem,
  removeItem,
  retryHead,
  skipItem,
  type Author,
} from '../../../src/agents/queues/item-verbs.ts'
import { cancel, pause, retry } from '../../../src/agents/commands/operate.ts'
import { queuesOf } from '../../../src/agents/queues/views.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { idsIn, itemsIn, stateOf, summaryOf, targetOf } from './queues.ts'
import { until } from '../until.ts'

const ann: Author = { actor: 'ann', reason: 'because' }
const away = new ReplicationError('unavailable', 'the target is away')
const hours = { initialMs: 3_600_000, maxMs: 3_600_000 }

async function ask(given: Given, count: number): Promise<string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    given.write(`/content/${i}`, `${i}`)
    ids.push((await given.ask({ agents: ['author'], at: [`/content/${i}`] })).id)
  }
  return ids
}

async function becomes(given: Given, queue: string, id: string, state: string): Promise<void> {
  await until(async () => (await targetOf(given, { id }, queue)).state === state || undefined)
}

for (const verb of ['remove', 'skip', 'move', 'clear', 'cancel'] as const)
  test(`what is behind a head that waits for hours goes at once when the head is taken out by ${verb}`, async (t) => {
    const given = await givenEngine(t)
    await given.agent('author', ['one'], { queue: { backoff: hours } })
    const lane = { agent: 'author', queue: given.name('one') }
    given.gate('one', async () => {
      throw away
    })
    const [first = '', second = ''] = await ask(given, 2)
    await becomes(given, lane.queue, first, 'retrying')
    await until(async () => (await itemsIn(given, 'author', lane.queue))[1]?.[1] === 'waiting' || undefined)
    given.gate('one', undefined)
    if (verb === 'remove') await removeItem(given.parts, lane, first, ann)
    if (verb === 'skip') await skipItem(given.parts, lane, first, ann)
    if (verb === 'move') await moveItem(given.parts, lane, first, `error-${lane.queue}`, ann)
    if (verb === 'cancel') await cancel(given.parts, first, 'ann')
    if (verb === 'clear') {
      await clearLane(given.parts, lane, ann)
      const [third = ''] = await ask(given, 1)
      return becomes(given, lane.queue, third, 'delivered')
    }
    await becomes(given, lane.queue, second, 'delivered')
  })

test('retry now lets an export go that was to wait for hours', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { queue: { backoff: hours } })
  let failures = 0
  given.gateSource(async () => {
    failures++
    throw away
  })
  const [id = ''] = await ask(given, 1)
  const lane = { agent: 'author', queue: given.name('one') }
  await until(async () => failures > 0 || undefined)
  given.gateSource(undefined)
  await until(async () => {
    await retryHead(given.parts, lane, ann)
    return (await stateOf(given, { id })) === 'succeeded' || undefined
  })
  assert.equal((await targetOf(given, { id }, lane.queue)).decisions?.at(-1)?.verb, 'retry')
})

test('moved back, an item goes by itself', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { queue: { onFailure: 'error-queue', attempts: 1 } })
  const lane = { agent: 'author', queue: given.name('one') }
  given.gate('one', async () => {
    throw away
  })
  const [id = ''] = await ask(given, 1)
  assert.equal((await given.finished({ id })).state, 'failed')
  given.gate('one', undefined)
  await moveItem(given.parts, { ...lane, queue: `error-${lane.queue}` }, id, lane.queue, ann)
  assert.equal((await given.finished({ id })).state, 'succeeded')
})

/** As a server that is killed in the middle of a delivery: its worker is never heard of again. */
async function dieInDelivery(given: Given): Promise<{ comeBack: () => Promise<void> }> {
  let begun = (): void => undefined
  let proceed = (): void => undefined
  const started = new Promise<void>((resolve) => (begun = resolve))
  const stopped = new Promise<void>((resolve) => (proceed = resolve))
  given.gate('one', async () => {
    begun()
    await stopped
  })
  const dead = given.deliver('author', 'one')
  await started
  given.gate('one', undefined)
  return {
    comeBack: async () => {
      proceed()
      await dead
    },
  }
}

for (const stands of ['paused', 'disabled'] as const)
  test(`what was in delivery when its server died can be decided about, though its agent is ${stands}`, async (t) => {
    const given = await givenEngine(t, { idle: true })
    await given.agent('author', ['one'])
    const [id = '', next = ''] = await ask(given, 2)
    for (const one of [id, next]) await given.export({ id: one }, 'author')
    const lane = { agent: 'author', queue: given.name('one') }
    const { comeBack } = await dieInDelivery(given)
    const agent = await given.parts.roster.get('author')
    if (stands === 'paused') await pause(given.parts, agent, undefined, 'ann')
    else await given.configs.patch('author', { enabled: false }, { actor: 'ann' })
    await assert.rejects(removeItem(given.parts, lane, id, ann), { code: 'conflict' })
    // Whoever works on the lane next finds that nobody does.
    while ((await given.deliver('author', 'one')) !== undefined);
    assert.deepEqual(await itemsIn(given, 'author', lane.queue), [
      [id, 'waiting', 1],
      [next, 'waiting', 0],
    ])
    assert.equal((await targetOf(given, { id }, lane.queue)).state, 'queued')
    await skipItem(given.parts, lane, id, ann)
    // The one that was only stopped has nothing to say any more.
    await comeBack()
    assert.equal((await targetOf(given, { id }, lane.queue)).state, 'skipped')
    assert.deepEqual(await idsIn(given, 'author', lane.queue), [next])
  })

test('what was in delivery when its server died waits behind what overtook it, and can be decided about', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { queue: { priority: [{ name: 'urgent', paths: ['/urgent/**'] }] } })
  const [id = ''] = await ask(given, 1)
  await given.export({ id }, 'author')
  const lane = { agent: 'author', queue: given.name('one') }
  const { comeBack } = await dieInDelivery(given)
  given.write('/urgent/a', 'now')
  const urgent = await given.ask({ agents: ['author'], at: ['/urgent/a'] })
  await given.export(urgent, 'author')
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [
    [id, 'active', 1],
    [urgent.id, 'waiting', 0],
  ])
  assert.deepEqual(await given.deliver('author', 'one'), { at: 0 })
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [
    [urgent.id, 'waiting', 0],
    [id, 'waiting', 1],
  ])
  await comeBack()
  await given.deliver('author', 'one')
  await removeItem(given.parts, lane, id, ann)
  assert.equal(await stateOf(given, urgent), 'succeeded')
  assert.equal((await summaryOf(given, 'author', lane.queue)).size, 0)
})

test('a delivery that fails after its target was given up does not bring its command back to life', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one', 'two'])
  const [id = ''] = await ask(given, 1)
  await given.export({ id }, 'author')
  let fail = (): void => undefined
  let begun = (): void => undefined
  const started = new Promise<void>((resolve) => (begun = resolve))
  given.gate('one', async () => {
    begun()
    await new Promise((_, reject) => (fail = () => reject(away)))
  })
  const delivery = given.deliver('author', 'one')
  await started
  await given.deliver('author', 'two')
  const targets = [{ kind: 'gated', name: given.name('two') }]
  await given.configs.patch('author', { targets }, { actor: 'ann', force: true })
  assert.equal(await stateOf(given, { id }), 'partial')
  fail()
  await delivery
  assert.equal(await stateOf(given, { id }), 'partial')
  assert.equal((await targetOf(given, { id }, given.name('one'))).state, 'cancelled')
})

test('an export that fails takes its item out of the error queue too, and leaves decisions as they are', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one', 'two', 'three'])
  const nothing = await given.ask({ agents: ['author'], at: ['/nothing'] })
  const [one, two, three] = ['one', 'two', 'three'].map((target) => ({ agent: 'author', queue: given.name(target) }))
  assert.ok(one && two && three)
  await removeItem(given.parts, one, nothing.id, ann)
  await moveItem(given.parts, two, nothing.id, `error-${two.queue}`, ann)
  await given.export(nothing, 'author')
  const states = await Promise.all([one, two, three].map(({ queue }) => targetOf(given, nothing, queue)))
  assert.deepEqual(
    states.map(({ state }) => state),
    ['cancelled', 'failed', 'failed'],
  )
  for (const { queue } of [one, two, three])
    for (const name of [queue, `error-${queue}`]) assert.deepEqual(await idsIn(given, 'author', name), [])
  // Made anew, it is queued again where it failed, and only there.
  given.write('/nothing', 'something')
  await retry(given.parts, nothing.id, 'ann')
  await given.export(nothing, 'author')
  for (const target of ['one', 'two', 'three']) await given.deliver('author', target)
  assert.equal(await stateOf(given, nothing), 'partial')
  assert.deepEqual(
    ['one', 'two', 'three'].map((target) => given.read(target, '/nothing')),
    [undefined, 'something', 'something'],
  )
})

test('a command that is cancelled before its package is made leaves nothing in an error queue to move back', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one', 'two'])
  const [id = ''] = await ask(given, 1)
  const lane = { agent: 'author', queue: given.name('one') }
  const errors = { ...lane, queue: `error-${lane.queue}` }
  await moveItem(given.parts, lane, id, errors.queue, ann)
  await cancel(given.parts, id, 'ann')
  assert.equal(await stateOf(given, { id }), 'cancelled')
  assert.equal((await targetOf(given, { id }, lane.queue)).state, 'cancelled')
  await assert.rejects(moveItem(given.parts, errors, id, lane.queue, ann), { code: 'missing' })
  await retry(given.parts, id, 'ann')
  assert.deepEqual(await idsIn(given, 'author', lane.queue), [])
})

test('nothing is delivered from a passive queue, whatever is asked of it, and its error queue is listed', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', [], { passive: ['dmz'] })
  const lane = { agent: 'author', queue: 'dmz' }
  const [id = '', other = ''] = await ask(given, 2)
  await until(
    async () => (await itemsIn(given, 'author', 'dmz')).every(([, state]) => state === 'waiting') || undefined,
  )
  await retryHead(given.parts, lane, ann)
  await moveItem(given.parts, lane, id, 'error-dmz', ann)
  const agent = await given.parts.roster.get('author')
  assert.deepEqual(
    (await queuesOf(given.parts.store, agent)).map(({ name, size }) => [name, size]),
    [
      ['dmz', 1],
      ['error-dmz', 1],
    ],
  )
  await moveItem(given.parts, { ...lane, queue: 'error-dmz' }, id, 'dmz', ann)
  await given.parts.wakeLane(lane)
  assert.equal(await deliverHead(given.parts, lane, new AbortController().signal), undefined)
  assert.deepEqual(await itemsIn(given, 'author', 'dmz'), [
    [other, 'waiting', 0],
    [id, 'waiting', 0],
  ])
})
