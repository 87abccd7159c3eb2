/** Applications in a queue: behind others, before targets that fail, half done, in several parts. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { queueOf } from '../../../src/agents/queues/views.ts'
import { pause, resume } from '../../../src/agents/commands/operate.ts'
import { forgetMemoryTree, memoryTree, type MemoryTree } from '../../../src/endpoints/memory/tree.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { parsePath } from '../../../src/resources/path.ts'
import { givenComparisons, type GivenComparisons } from './given-comparisons.ts'

interface Place {
  readonly endpoint: { readonly kind: string; readonly name: string }
  readonly tree: MemoryTree
  /** By this the engine knows the gate before it. */
  readonly gate: string
  put(path: string, text: string | undefined): void
  get(path: string): string | undefined
}

function place(t: TestContext, kind: string, name: string, gate = name): Place {
  t.after(() => forgetMemoryTree(name))
  const tree = memoryTree(name)
  return {
    ...{ endpoint: { kind, name }, tree, gate },
    put: (path, text) => {
      if (text === undefined) tree.remove(parsePath(path), true)
      else tree.put(parsePath(path), Buffer.from(text))
    },
    get: (path) => {
      const found = tree.get(parsePath(path))
      return found === undefined || found === 'folder' ? found : Buffer.from(found).toString()
    },
  }
}

interface Pair {
  readonly engine: GivenComparisons
  readonly source: Place
  readonly target: Place
}

/** An agent `a` from a tree in memory to one behind a gate. */
async function pair(t: TestContext, more: object = {}): Promise<Pair> {
  const engine = await givenComparisons(t)
  const name = randomUUID().slice(0, 8)
  const [source, target] = [place(t, 'memory', name), place(t, 'gated', engine.given.name(name), name)]
  await engine.agent('a', source.endpoint, target.endpoint, more)
  return { engine, source, target }
}

const away = new ReplicationError('unavailable', 'the target is away')

/** How many lie in the target's queue, and in its error queue. */
async function queueSizes({ given }: GivenComparisons): Promise<number[]> {
  const agent = await given.parts.roster.get('a')
  const [name = ''] = agent.targets
  const queues = await Promise.all([name, `error-${name}`].map((queue) => queueOf(given.parts.store, agent, queue)))
  return queues.map(({ size }) => size)
}

test('an application behind a delivery that moves its target fails, writes nothing, and the queue goes on', async (t) => {
  const { engine, source, target } = await pair(t, { queue: { onFailure: 'error-queue', attempts: 2 } })
  const agent = await engine.given.parts.roster.get('a')
  source.put('/one', '1')
  source.put('/two', '2')
  const comparison = await engine.compare('a')
  await pause(engine.given.parts, agent, undefined, 'test')
  const first = await engine.given.ask({ agents: ['a'], at: ['/one'] })
  const second = await engine.begin(comparison, { preset: 'complete' })
  const third = await engine.given.ask({ agents: ['a'], at: ['/one'], action: 'delete' })
  await resume(engine.given.parts, agent, undefined, 'test')
  assert.equal((await engine.ended(first)).state, 'succeeded')
  const failed = await engine.ended(second)
  assert.equal(failed.state, 'failed')
  assert.equal(failed.agents[0]?.targets[0]?.error?.code, 'conflict')
  assert.equal((await engine.ended(third)).state, 'succeeded')
  assert.deepEqual([target.get('/one'), target.get('/two')], [undefined, undefined])
  assert.deepEqual(await queueSizes(engine), [0, 0], 'it is in no queue')
  await assert.rejects(engine.reverting(second), { code: 'conflict', message: /nothing is kept of what/ })
})

test('a target that fails for a while gets all in the end, and what it held is what is taken back', async (t) => {
  const { engine, source, target } = await pair(t)
  source.put('/a', 'new')
  source.put('/b', 'new')
  target.put('/a', 'old')
  target.put('/c', 'old')
  let tries = 0
  engine.given.gate(target.gate, async () => {
    if (++tries > 3) return
    // A part of it arrives each time.
    if (tries === 2) target.put('/a', 'new')
    if (tries === 3) target.put('/c', undefined)
    throw away
  })
  const selection = { preset: 'complete', allowDeletes: true } as const
  const command = await engine.apply(await engine.compare('a'), selection)
  assert.equal(tries, 4)
  assert.deepEqual(
    ['/a', '/b', '/c'].map((path) => target.get(path)),
    ['new', 'new', undefined],
  )
  await engine.apply(await engine.reverting(command), { allowDeletes: true, overrideGuard: 'meant' })
  assert.deepEqual(
    ['/a', '/b', '/c'].map((path) => target.get(path)),
    ['old', undefined, 'old'],
  )
})

for (const [what, path, text] of [
  ['an overwritten resource', '/a', 'somebody'],
  ['a created resource', '/b', 'somebody'],
  ['a deleted resource', '/c', 'somebody'],
  ['an overwritten resource that is gone', '/a', undefined],
] as const)
  test(`what somebody did between two tries is not lost: ${what}`, async (t) => {
    const { engine, source, target } = await pair(t)
    source.put('/a', 'new')
    source.put('/b', 'new')
    target.put('/a', 'old')
    target.put('/c', 'old')
    let tries = 0
    engine.given.gate(target.gate, async () => {
      if (++tries > 1) return
      target.put(path, text)
      throw away
    })
    const comparison = await engine.compare('a')
    const command = await engine.ended(await engine.begin(comparison, { preset: 'complete', allowDeletes: true }))
    assert.equal(command.state, 'failed')
    assert.equal(command.agents[0]?.targets[0]?.error?.code, 'conflict')
    assert.equal(tries, 1)
    assert.equal(target.get(path), text)
    assert.deepEqual(await queueSizes(engine), [0, 0])
    // What the first try has replaced is known, so that it can be looked at.
    const reverting = await engine.reverting(command)
    const rows = await engine.rows(reverting)
    assert.equal(rows.find((row) => row.path === path)?.class, 'conflict')
    assert.ok(rows.every((row) => row.path === path || !(row.changed ?? true) || row.class !== 'conflict'))
  })

test('a try that finds all of it there, written in another way, is no conflict', async (t) => {
  const { engine, source, target } = await pair(t)
  source.put('/a.json', '{"x": 1, "y": 2}')
  target.put('/a.json', '{"x": 0}')
  let tries = 0
  engine.given.gate(target.gate, async () => {
    if (++tries > 1) return
    target.put('/a.json', '{"y":2,"x":1}\n')
    throw away
  })
  await engine.apply(await engine.compare('a'))
  assert.equal(tries, 2)
  assert.equal(target.get('/a.json'), '{"x": 1, "y": 2}')
})

test('large resources that are equal on both sides do not stand in the way, and are not read again', async (t) => {
  const { engine, source, target } = await pair(t)
  const large = 'x'.repeat(9 * 1024 * 1024)
  source.put('/large', large)
  target.put('/large', large)
  source.put('/small', '1')
  await engine.apply(await engine.compare('a'), { preset: 'complete' })
  assert.equal(target.get('/small'), '1')
  source.put('/large', undefined)
  const [row] = await engine.rows(await engine.compare('a'))
  assert.equal(row?.class, 'deleted-at-source', 'it is known to have been common')
})

test('a resource that is not compared may change all the time', async (t) => {
  const { engine, source, target } = await pair(t, { compare: { ignore: ['/tmp/**'] } })
  source.put('/a', '1')
  source.put('/tmp/x', '1')
  target.put('/tmp/y', '1')
  const comparison = await engine.compare('a')
  assert.deepEqual([comparison.offered, comparison.held], [1, 0])
  target.put('/tmp/y', '2')
  source.put('/tmp/x', '2')
  await engine.apply(comparison, { preset: 'complete', allowDeletes: true })
  assert.deepEqual(
    ['/a', '/tmp/x', '/tmp/y'].map((path) => target.get(path)),
    ['1', undefined, '2'],
  )
})
