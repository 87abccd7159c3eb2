import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { moveItem, retryHead } from '../../../src/agents/queues/item-verbs.ts'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { idsIn, inDelivery, itemsIn, stateOf, summaryOf } from '../queues/queues.ts'

const priority = [
  { name: 'alert', paths: ['/alert/**'] },
  { name: 'news', paths: ['/news/**', '/content/*/news/**'] },
]
const away = new ReplicationError('unavailable', 'the target is away')

/** Commands by the names that a test gives them: their items stand where they were put, and nothing moves but by hand. */
interface Lane {
  readonly given: Given
  readonly queue: string
  /** Asks for the paths; answers the id. */
  put(...paths: string[]): Promise<string>
  /** Makes the package, so that it may go. */
  ready(id: string): Promise<void>
}

async function givenLane(t: TestContext, targets = ['one'], more: object = {}): Promise<Lane> {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', targets, {
    queue: { priority, backoff: { initialMs: 3_600_000, maxMs: 3_600_000 } },
    ...more,
  })
  return {
    given,
    queue: given.name('one'),
    put: async (...at) => {
      for (const path of at) given.write(`${path}/file`, 'x')
      return (await given.ask({ agents: ['author'], at })).id
    },
    ready: (id) => given.export({ id }, 'author'),
  }
}

async function assertOrder({ given, queue }: Lane, ids: readonly string[]): Promise<void> {
  assert.deepEqual(await idsIn(given, 'author', queue), ids)
}

test('urgent items overtake normal ones, and go in order among themselves', async (t) => {
  const lane = await givenLane(t)
  const normal1 = await lane.put('/content/a')
  const urgent1 = await lane.put('/news/a')
  const normal2 = await lane.put('/content/b')
  const urgent2 = await lane.put('/news/b', '/content/de/news/c')
  await assertOrder(lane, [urgent1, urgent2, normal1, normal2])
  assert.equal((await summaryOf(lane.given, 'author', lane.queue)).size, 4)
})

test('of several classes the first goes first, and what belongs to none of them whole is normal', async (t) => {
  const lane = await givenLane(t)
  const mixed = await lane.put('/news/mixed', '/content/mixed')
  const above = await lane.put('/content/de')
  const news = await lane.put('/news/a')
  const alert = await lane.put('/alert/a')
  const both = await lane.put('/alert/b', '/news/b')
  const later = await lane.put('/alert/c')
  await assertOrder(lane, [alert, later, news, mixed, above, both])
})

for (const { what, first, urgent } of [
  { what: 'the same path', first: '/news/a', urgent: '/news/a' },
  { what: 'an ancestor of its path', first: '/news', urgent: '/news/a/b' },
  { what: 'a descendant of its path', first: '/news/a/b', urgent: '/news' },
])
  test(`an urgent item does not overtake a normal one that has ${what}`, async (t) => {
    const lane = await givenLane(t)
    const normal1 = await lane.put('/content/a')
    const same = await lane.put(first, '/content/b')
    const normal2 = await lane.put('/content/c')
    const last = await lane.put(urgent)
    await assertOrder(lane, [normal1, same, normal2, last])
  })

test('a path that only begins with the same letters is another one', async (t) => {
  const lane = await givenLane(t)
  const normal = await lane.put('/news/a', '/content/a')
  const urgent = await lane.put('/news/ab')
  await assertOrder(lane, [urgent, normal])
})

test('what waits behind a normal item holds up what shares a path with it, and so on', async (t) => {
  const lane = await givenLane(t)
  const normal = await lane.put('/news/a', '/content/a')
  const urgent1 = await lane.put('/news/a', '/news/b')
  const urgent2 = await lane.put('/news/b/c')
  const free = await lane.put('/news/c')
  await assertOrder(lane, [free, normal, urgent1, urgent2])
})

test('an item of the first class goes behind one of the second that shares a path with it, and before the rest', async (t) => {
  const lane = await givenLane(t, ['one'], {
    queue: {
      priority: [
        { name: 'deletes', paths: ['/news/old/**'] },
        { name: 'news', paths: ['/news/**'] },
      ],
    },
  })
  const normal = await lane.put('/content/a')
  const news = await lane.put('/news/old/a', '/news/new')
  const old = await lane.put('/news/old/a')
  const free = await lane.put('/news/old/b')
  await assertOrder(lane, [free, news, old, normal])
})

test('once what it waited for has gone, the next of the same path is urgent again', async (t) => {
  const lane = await givenLane(t)
  const same = await lane.put('/news/a', '/content/a')
  const behind = await lane.put('/news/a')
  await lane.ready(same)
  await lane.given.deliver('author', 'one')
  const normal = await lane.put('/content/b')
  const next = await lane.put('/news/a')
  await assertOrder(lane, [behind, normal, next])
  await lane.ready(behind)
  await lane.given.deliver('author', 'one')
  const last = await lane.put('/news/b')
  await assertOrder(lane, [last, normal, next])
})

test('an urgent item does not disturb the delivery under way, and goes next', async (t) => {
  const lane = await givenLane(t)
  const { given } = lane
  const ids = [await lane.put('/content/a'), await lane.put('/content/b')]
  for (const id of ids) await lane.ready(id)
  const { delivery, proceed } = await inDelivery(given, 'author', 'one')
  const urgent = await lane.put('/news/a')
  await lane.ready(urgent)
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [
    [ids[0], 'active', 1],
    [urgent, 'waiting', 0],
    [ids[1], 'waiting', 0],
  ])
  proceed()
  assert.equal((await delivery)?.label, urgent)
  assert.equal(await stateOf(given, { id: ids[0] ?? '' }), 'succeeded')
  await given.deliver('author', 'one')
  assert.equal(await stateOf(given, { id: urgent }), 'succeeded')
})

test('an urgent item goes before a normal one that has failed and waits, unless it shares a path with it', async (t) => {
  const lane = await givenLane(t)
  const { given } = lane
  const failing = await lane.put('/news/a', '/content/a')
  await lane.ready(failing)
  given.gate('one', async () => {
    throw away
  })
  await given.deliver('author', 'one')
  given.gate('one', undefined)
  const same = await lane.put('/news/a')
  const urgent = await lane.put('/news/b')
  assert.deepEqual(await itemsIn(given, 'author', lane.queue), [
    [urgent, 'preparing', 0],
    [failing, 'retrying', 1],
    [same, 'preparing', 0],
  ])
  await lane.ready(urgent)
  await given.deliver('author', 'one')
  await assertOrder(lane, [failing, same])
  // The one that failed still waits for its time.
  assert.ok(((await given.deliver('author', 'one'))?.at ?? 0) > Date.now())
  await retryHead(given.parts, { agent: 'author', queue: lane.queue }, { actor: 'ann' })
  await given.deliver('author', 'one')
  assert.equal(await stateOf(given, { id: failing }), 'succeeded')
})

test('moved back from the error queue, an urgent item goes last, and what shares a path with it goes behind', async (t) => {
  const lane = await givenLane(t)
  const { given, queue } = lane
  const moved = await lane.put('/news/a')
  const normal = await lane.put('/content/a')
  await moveItem(given.parts, { agent: 'author', queue }, moved, `error-${queue}`, { actor: 'ann' })
  await moveItem(given.parts, { agent: 'author', queue: `error-${queue}` }, moved, queue, { actor: 'ann' })
  const same = await lane.put('/news/a')
  const urgent = await lane.put('/news/b')
  await assertOrder(lane, [urgent, normal, moved, same])
})

test('each queue of an agent has its own order: a blocked target makes nothing less urgent for the others', async (t) => {
  const lane = await givenLane(t, ['one', 'two'])
  const { given } = lane
  const everything = await lane.put('/news', '/content')
  await lane.ready(everything)
  await given.deliver('author', 'two')
  const normal = await lane.put('/content/a')
  const urgent = await lane.put('/news/a')
  await assertOrder(lane, [everything, normal, urgent])
  assert.deepEqual(await idsIn(given, 'author', given.name('two')), [urgent, normal])
})

test('a running agent delivers in the order in which its queue stands', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'], { queue: { priority } })
  const agent = await given.parts.roster.get('author')
  await pause(given.parts, agent, undefined, 'ann')
  const order: string[] = []
  given.gate('one', async ({ id }) => void order.push(id.slice(0, 26)))
  const ids: string[] = []
  for (const path of ['/content/a', '/news/a', '/content/b', '/alert/a', '/news/b']) {
    given.write(path, 'x')
    ids.push((await given.ask({ agents: ['author'], at: [path] })).id)
  }
  const [a, news, b, alert, last] = ids
  await resume(given.parts, agent, undefined, 'ann')
  for (const id of ids) assert.equal((await given.finished({ id })).state, 'succeeded')
  assert.deepEqual(order, [alert, news, last, a, b])
})
