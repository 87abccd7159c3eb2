/** Small items of a lane that are over soon: several are claimed at once, and recorded at once. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { eventsLog, type ReplicationEvent } from '../../../src/agents/events/events.ts'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { deliveryKey, type Delivery } from '../../../src/agents/commands/records.ts'
import { removeItem } from '../../../src/agents/queues/item-verbs.ts'
import { ReplicationError } from '../../../src/errors.ts'
import type { Again } from '../../../src/queues/work.ts'
import { below, scan } from '../../../src/state/store.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { itemsIn, targetOf } from '../queues/queues.ts'

const away = new ReplicationError('unavailable', 'the target is away')
const go = (): boolean => true
const never = new AbortController().signal

/** A lane with so many items, each of its own file, ready to go. */
async function givenLane(t: TestContext, count: number, more: object = {}) {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'], { queue: { backoff: { initialMs: 3_600_000, maxMs: 3_600_000 }, ...more } })
  const ids: string[] = []
  for (let n = 0; n < count; n++) {
    given.write(`/content/file-${n}`, `text ${n}`)
    const { id } = await given.ask({ agents: ['author'], at: [`/content/file-${n}`] })
    await given.export({ id }, 'author')
    ids.push(id)
  }
  /** The commands in the order in which they came to the target. */
  const applied: string[] = []
  let trouble: ((nth: number) => Promise<void> | undefined) | undefined
  given.gate('one', async ({ id }) => {
    await trouble?.(applied.length)
    applied.push(id.split('/')[0] ?? '')
  })
  const setTrouble = (next: typeof trouble): void => void (trouble = next)
  return { given, ids, applied, setTrouble, items: () => itemsIn(given, 'author', given.name('one')) }
}

/** Lets the lane go on for as long as it goes on at once. */
async function turns(given: Given, signal = never): Promise<Again | undefined> {
  for (;;) {
    const again = await given.deliver('author', 'one', signal, go)
    if (again?.at !== 0) return again
  }
}

async function eventsOf({ parts: { store } }: Given, target: string): Promise<string[]> {
  const seen: string[] = []
  for await (const { value } of scan<ReplicationEvent>(store, below(`${eventsLog}/`)))
    if (value.target === target) seen.push(`${value.type} ${value.command}`)
  return seen
}

test('a queue of small items is delivered in order, each tried once and told of as always', async (t) => {
  const { given, ids, applied, items } = await givenLane(t, 60)
  let together = 0
  const { store } = given.parts
  const commit = store.commit.bind(store)
  store.commit = (batch) => {
    const taken = batch.writes.filter((write) => 'delete' in write && write.delete.startsWith('items/'))
    together = Math.max(together, taken.length)
    return commit(batch)
  }
  assert.equal(await turns(given), undefined)
  assert.deepEqual(applied, ids)
  assert.deepEqual(await items(), [])
  assert.ok(together > 1, 'each was recorded by itself')
  for (const id of ids) {
    const key = deliveryKey(id, 'author', given.name('one'))
    const delivery = await store.get<Delivery>(key)
    assert.ok(delivery !== undefined)
    const { state, attempts, tries, receipt } = delivery.value
    assert.deepEqual([state, attempts, tries.length], ['delivered', 1, 1])
    assert.ok(tries[0]?.startedAt !== undefined && tries[0].finishedAt !== undefined && receipt !== undefined)
    assert.equal((await viewCommand(store, id)).state, 'succeeded')
  }
  const expected = ids.flatMap((id) => [`delivery.started ${id}`, `delivery.delivered ${id}`])
  assert.deepEqual(await eventsOf(given, given.name('one')), expected)
})

for (const onFailure of ['block', 'error-queue'])
  test(`one that fails in the middle lets those behind it be, with ${onFailure}`, async (t) => {
    const { given, ids, applied, setTrouble, items } = await givenLane(t, 12, { onFailure, attempts: 3 })
    setTrouble((nth) => {
      if (nth === 5) throw away
      return undefined
    })
    const again = await turns(given)
    assert.ok(again !== undefined && again.at > Date.now())
    assert.deepEqual(applied, ids.slice(0, 5))
    const [failing = '', ...behind] = ids.slice(5)
    assert.deepEqual(await items(), [[failing, 'retrying', 1], ...behind.map((id) => [id, 'waiting', 0])])
    // Whoever is behind is nobody's, so an operator may decide.
    const [gone = '', ...left] = behind
    const lane = { agent: 'author', queue: given.name('one') }
    await removeItem(given.parts, lane, gone, { actor: 'ann' })
    assert.deepEqual(await items(), [[failing, 'retrying', 1], ...left.map((id) => [id, 'waiting', 0])])
  })

test('whoever stands still in the middle has no say when he comes back, and nothing is applied twice', async (t) => {
  const { given, ids, applied, setTrouble, items } = await givenLane(t, 12)
  let begun = (): void => undefined
  let release = (): void => undefined
  const standing = new Promise<void>((resolve) => (begun = resolve))
  const held = new Promise<void>((resolve) => (release = resolve))
  let stood = false
  setTrouble((nth) => {
    if (nth !== 4 || stood) return undefined
    stood = true
    begun()
    return held
  })
  const first = turns(given)
  await standing
  // Another takes over: what was applied and not recorded comes again, and the target knows it.
  assert.equal(await turns(given), undefined)
  assert.deepEqual(await items(), [])
  const receipts: (string | undefined)[] = []
  for (const id of ids) receipts.push((await targetOf(given, { id }, given.name('one'))).receipt?.appliedAt)
  release()
  await first
  for (const [n, id] of ids.entries()) {
    const { state, receipt } = await targetOf(given, { id }, given.name('one'))
    assert.deepEqual([state, receipt?.appliedAt], ['delivered', receipts[n]])
  }
  assert.deepEqual(
    receipts.toSorted((one = '', other = '') => one.localeCompare(other)),
    receipts,
  )
  for (let n = 0; n < 12; n++) assert.equal(given.read('one', `/content/file-${n}`), `text ${n}`)
  assert.deepEqual([...new Set(applied)], ids)
})

test('what a dead one had claimed waits again, also where nobody goes on', async (t) => {
  const { given, ids, setTrouble, items } = await givenLane(t, 12)
  const dying = new AbortController()
  const { store } = given.parts
  const commit = store.commit.bind(store)
  setTrouble((nth) => {
    if (nth !== 4) return undefined
    // From here on it is as dead as a process that was killed.
    store.commit = () => Promise.reject(new Error('killed'))
    dying.abort()
    throw away
  })
  await assert.rejects(turns(given, dying.signal))
  store.commit = commit
  setTrouble(undefined)
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, undefined, 'ann')
  while ((await given.deliver('author', 'one')) !== undefined);
  assert.ok((await items()).every(([, state]) => state === 'waiting'))
  const lane = { agent: 'author', queue: given.name('one') }
  const last = ids.at(-1) ?? ''
  await removeItem(given.parts, lane, last, { actor: 'ann' })
  await resume(given.parts, agent, undefined, 'ann')
  assert.equal(await turns(given), undefined)
  assert.deepEqual(await items(), [])
  for (const id of ids.slice(0, -1)) assert.equal((await targetOf(given, { id }, given.name('one'))).state, 'delivered')
  assert.equal(given.read('one', '/content/file-11'), undefined)
})
