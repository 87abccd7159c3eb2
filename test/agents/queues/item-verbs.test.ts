import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import {
  clearLane,
  moveItem,
  removeItem,
  retryHead,
  skipItem,
  type Author,
} from '../../../src/agents/queues/item-verbs.ts'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { deletePackage } from '../../../src/agents/packages.ts'
import { findItem } from '../../../src/agents/queues/items.ts'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { itemOf, type LaneId } from '../../../src/queues/lanes.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { eventsOf, idsIn, inDelivery, itemsIn, stateOf, summaryOf, targetOf } from './queues.ts'

const ann: Author = { actor: 'ann', reason: 'because' }
const away = new ReplicationError('unavailable', 'the target is away')
const refusal = new ReplicationError('corrupt', 'the target will not have it')

/** An item in one of its states, with two more behind it, on a lane where nothing moves but by hand. */
interface Stage {
  readonly given: Given
  /** Where the item is. */
  readonly lane: LaneId
  readonly own: LaneId
  readonly id: string
  readonly others: readonly string[]
}

const states = ['waiting', 'preparing', 'retrying', 'failed'] as const

async function stage(t: TestContext, state: (typeof states)[number]): Promise<Stage> {
  const given = await givenEngine(t, { idle: true })
  const onFailure = state === 'failed' ? 'error-queue' : 'block'
  await given.agent('author', ['one'], { queue: { onFailure, backoff: { initialMs: 3_600_000, maxMs: 3_600_000 } } })
  const ids: string[] = []
  for (const name of ['a', 'b', 'c']) {
    given.write(`/content/${name}`, name)
    const command = await given.ask({ agents: ['author'], at: [`/content/${name}`] })
    if (state !== 'preparing') await given.export(command, 'author')
    ids.push(command.id)
  }
  const own = { agent: 'author', queue: given.name('one') }
  if (state === 'retrying' || state === 'failed') {
    given.gate('one', async () => {
      throw state === 'failed' ? refusal : away
    })
    await given.deliver('author', 'one')
    given.gate('one', undefined)
  }
  const [id = '', ...others] = ids
  const lane = state === 'failed' ? { agent: 'author', queue: `error-${own.queue}` } : own
  assert.deepEqual((await itemsIn(given, 'author', lane.queue))[0]?.slice(0, 2), [id, state])
  return { given, own, lane, id, others }
}

/** It is nowhere any more, and its decision is where everybody looks for it. */
async function assertGone({ given, lane, own, id, others }: Stage, verb: string, state: string): Promise<void> {
  for (const queue of [lane, own]) assert.equal(await itemOf(given.parts.store, queue, id), undefined)
  assert.deepEqual(await idsIn(given, 'author', own.queue), others)
  assert.equal((await summaryOf(given, 'author', own.queue)).size, others.length)
  if (lane !== own) assert.equal((await summaryOf(given, 'author', lane.queue)).size, 0)
  const target = await targetOf(given, { id }, own.queue)
  const { at, ...decision } = target.decisions?.at(-1) ?? {}
  assert.deepEqual(decision, { verb, ...ann })
  assert.equal(target.state, state)
  assert.equal(target.finishedAt, at)
  assert.equal(target.nextAttemptAt, undefined)
  const event = (await eventsOf(given, { id })).find(({ type }) => type === `delivery.${state}`)
  assert.deepEqual({ ...event?.data, actor: event?.actor }, { verb, ...ann })
  assert.equal(event?.target, own.queue)
}

for (const state of states) {
  test(`an item that is ${state} can be removed: its target is cancelled, and so is its command`, async (t) => {
    const all = await stage(t, state)
    const { given, lane, id } = all
    const { package: pkg } = (await viewCommand(given.parts.store, id)).agents[0] ?? {}
    if (pkg !== undefined) await assert.rejects(deletePackage(given.parts, pkg), { code: 'conflict' })
    await removeItem(given.parts, lane, id, ann)
    await assertGone(all, 'remove', 'cancelled')
    if (pkg !== undefined) await deletePackage(given.parts, pkg)
    else await given.export({ id }, 'author')
    assert.equal(await stateOf(given, { id }), 'cancelled')
    await assert.rejects(removeItem(given.parts, lane, id, ann), { code: 'missing' })
  })

  test(`an item that is ${state} can be skipped: its target is said to diverge`, async (t) => {
    const all = await stage(t, state)
    const { given, lane, own, id, others } = all
    await skipItem(given.parts, lane, id, ann)
    await assertGone(all, 'skip', 'skipped')
    const { diverged } = await summaryOf(given, 'author', own.queue)
    assert.deepEqual(diverged, { since: diverged?.since, command: id, ...ann })
    // The oldest tells since when.
    const [next = ''] = others
    await skipItem(given.parts, own, next, { actor: 'bob' })
    assert.deepEqual((await summaryOf(given, 'author', own.queue)).diverged, {
      ...{ since: diverged?.since, command: next, actor: 'bob' },
    })
    if (state === 'preparing') await given.export({ id }, 'author')
    assert.equal(await stateOf(given, { id }), 'cancelled')
  })

  test(`a queue with an item that is ${state} can be cleared`, async (t) => {
    const all = await stage(t, state)
    const { given, lane, own, others } = all
    const cleared = await clearLane(given.parts, lane, ann)
    assert.equal(cleared, lane === own ? 3 : 1)
    await assertGone({ ...all, others: lane === own ? [] : others }, 'clear', 'cancelled')
    assert.equal(await clearLane(given.parts, lane, ann), 0)
  })

  test(`an item that is ${state} can be moved to and fro, and is then applied anew, behind the others`, async (t) => {
    const all = await stage(t, state)
    const { given, lane, own, id, others } = all
    const errors = { agent: 'author', queue: `error-${own.queue}` }
    if (lane === own) {
      await assert.rejects(moveItem(given.parts, own, id, 'elsewhere', ann), { code: 'invalid' })
      await moveItem(given.parts, own, id, errors.queue, ann)
    }
    assert.deepEqual(await itemsIn(given, 'author', errors.queue), [[id, 'failed', lane === own ? 0 : 1]])
    assert.deepEqual(await idsIn(given, 'author', own.queue), others)
    if (state === 'preparing') await given.export({ id }, 'author')
    assert.equal(await stateOf(given, { id }), 'failed')
    const { package: pkg = 'sha256-' } = (await viewCommand(given.parts.store, id)).agents[0] ?? {}
    await assert.rejects(deletePackage(given.parts, pkg), { code: 'conflict' })

    await assert.rejects(moveItem(given.parts, errors, id, errors.queue, ann), { code: 'invalid' })
    await moveItem(given.parts, errors, id, own.queue, ann)
    assert.deepEqual((await itemsIn(given, 'author', own.queue)).at(-1), [id, 'waiting', 0])
    assert.equal((await summaryOf(given, 'author', errors.queue)).size, 0)
    const waiting = await targetOf(given, { id }, own.queue)
    assert.deepEqual([waiting.state, waiting.error, waiting.finishedAt], ['queued', undefined, undefined])
    assert.deepEqual((await viewCommand(given.parts.store, id)).finishedAt, undefined)
    assert.equal(await stateOf(given, { id }), 'queued')

    for (const other of others) {
      if (state === 'preparing') await given.export({ id: other }, 'author')
      await given.deliver('author', 'one')
      assert.equal(await stateOf(given, { id: other }), 'succeeded')
    }
    await given.deliver('author', 'one')
    const { receipt, attempts, decisions } = await targetOf(given, { id }, own.queue)
    assert.equal(receipt?.delivery, `${id}/author/${own.queue}~1`)
    assert.equal(attempts, 1)
    // What has failed is moved back only.
    assert.equal(decisions?.length, state === 'failed' ? 1 : 2)
    for (const { verb, actor } of decisions ?? []) assert.deepEqual([verb, actor], ['move', 'ann'])
    assert.equal(await stateOf(given, { id }), 'succeeded')
    await deletePackage(given.parts, pkg)
  })
}

test('an item in delivery cannot be decided about, and none of the verbs disturbs it', async (t) => {
  const { given, lane, id, others } = await stage(t, 'waiting')
  const { delivery, proceed } = await inDelivery(given, 'author', 'one')
  const { parts } = given
  await assert.rejects(removeItem(parts, lane, id, ann), { code: 'conflict' })
  await assert.rejects(skipItem(parts, lane, id, ann), { code: 'conflict' })
  await assert.rejects(moveItem(parts, lane, id, `error-${lane.queue}`, ann), { code: 'conflict' })
  await retryHead(parts, lane, ann)
  assert.equal(await clearLane(parts, lane, ann), others.length)
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [[id, 'active', 1]])
  const { decisions } = await targetOf(given, { id }, lane.queue)
  assert.equal(decisions, undefined)
  proceed()
  await delivery
  assert.equal(await stateOf(given, { id }), 'succeeded')
  assert.equal((await summaryOf(given, 'author', lane.queue)).size, 0)
})

test('what is not there is missing: an unknown item, one of another queue, one of another agent', async (t) => {
  const { given, lane, id } = await stage(t, 'waiting')
  await given.agent('other', ['two'])
  const { parts } = given
  const places: readonly (readonly [LaneId, string])[] = [
    [lane, '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    [lane, 'no/such?item'],
    [{ ...lane, queue: `error-${lane.queue}` }, id],
    [{ agent: 'other', queue: given.name('two') }, id],
  ]
  for (const [place, item] of places) {
    await assert.rejects(removeItem(parts, place, item, ann), { code: 'missing' })
    await assert.rejects(skipItem(parts, place, item, ann), { code: 'missing' })
    await assert.rejects(findItem(parts.store, await parts.roster.get(place.agent), place.queue, item), {
      code: 'missing',
    })
  }
  await assert.rejects(moveItem(parts, lane, 'nothing', `error-${lane.queue}`, ann), { code: 'missing' })
})

test('retry now lets a head go that was to wait for an hour, and says who asked for it', async (t) => {
  const { given, lane, own, id } = await stage(t, 'retrying')
  const again = await given.deliver('author', 'one')
  assert.ok((again?.at ?? 0) > Date.now() + 1_000_000)
  await retryHead(given.parts, lane, ann)
  const { nextAttemptAt, decisions } = await targetOf(given, { id }, own.queue)
  assert.equal(nextAttemptAt, undefined)
  assert.deepEqual(
    decisions?.map(({ verb, reason }) => [verb, reason]),
    [['retry', 'because']],
  )
  assert.equal((await eventsOf(given, { id })).at(-1)?.type, 'delivery.hastened')
  // It keeps its place, its attempts, and what was wrong with it.
  assert.deepEqual((await itemsIn(given, 'author', lane.queue))[0], [id, 'retrying', 1])
  assert.equal((await summaryOf(given, 'author', own.queue)).blockedBy?.item, id)
  await given.deliver('author', 'one')
  assert.equal((await targetOf(given, { id }, own.queue)).state, 'delivered')
})

test('retry now of a queue without a head to wait does nothing, and of an error queue is refused', async (t) => {
  const { given, own, lane, id } = await stage(t, 'failed')
  const before = (await eventsOf(given, { id })).length
  await retryHead(given.parts, own, ann)
  await clearLane(given.parts, own, ann)
  await retryHead(given.parts, own, ann)
  assert.equal((await eventsOf(given, { id })).length, before)
  await assert.rejects(retryHead(given.parts, lane, ann), { code: 'conflict' })
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [[id, 'failed', 1]])
})

test('a pause names who and why, stays in the name of the first, and is over once resumed', async (t) => {
  const { given, own } = await stage(t, 'waiting')
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, own.queue, 'ann', 'target is repaired')
  await pause(given.parts, agent, own.queue, 'bob')
  const { state, pausedBy } = await summaryOf(given, 'author', own.queue)
  assert.equal(state, 'paused')
  assert.deepEqual([pausedBy?.actor, pausedBy?.reason], ['ann', 'target is repaired'])
  assert.equal(await given.deliver('author', 'one'), undefined)
  await pause(given.parts, agent, undefined, 'carl')
  await resume(given.parts, agent, own.queue, 'bob', 'it is back')
  const whole = await summaryOf(given, 'author', own.queue)
  assert.deepEqual([whole.state, whole.pausedBy?.actor], ['paused', 'carl'])
  await resume(given.parts, agent, undefined, 'carl')
  const { pausedBy: nobody, ...rest } = await summaryOf(given, 'author', own.queue)
  assert.deepEqual([rest.state, nobody], ['running', undefined])
})
