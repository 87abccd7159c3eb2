import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pull, acknowledge } from '../../src/agents/queues/passive.ts'
import { tidy } from '../../src/agents/retention/tidy.ts'
import { throughputOf } from '../../src/agents/throughput.ts'
import { viewAgent } from '../../src/agents/views.ts'
import { ReplicationError } from '../../src/errors.ts'
import { givenEngine } from './given-engine.ts'
import { until } from './until.ts'

const hourMs = 3_600_000
const never = new AbortController().signal

test('each hour knows what was delivered in it, how much that was, and what failed', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'], { passive: ['dmz'] })
  const { store } = given.parts
  // Whatever hour it is now, both tries fall into what is asked for.
  const from = Date.now()
  let tries = 0
  given.gate('one', async () => {
    if (++tries <= 2) throw new ReplicationError('unavailable', 'away')
  })
  given.write('/content/a', 'hello')
  const command = await given.ask({ agents: ['author'] })
  const lane = { agent: 'author', queue: 'dmz' }
  const pulled = await until(async () => {
    const found = await pull(given.parts, lane, { leaseMs: 60_000, actor: 'x' })
    return 'item' in found ? found : undefined
  })
  await acknowledge(given.parts, lane, command.id, pulled.lease, { actor: 'x' })
  await given.finished(command)
  const hours = await throughputOf(store, 'author', 3, from + hourMs)
  assert.deepEqual(
    hours.map(({ at }) => Date.parse(at) % hourMs),
    [0, 0, 0],
  )
  const sum = (what: 'delivered' | 'failed' | 'entries' | 'bytes'): number =>
    hours.reduce((all, hour) => all + hour[what], 0)
  assert.deepEqual(
    ['delivered', 'failed', 'entries', 'bytes'].map((what) => sum(what as 'bytes')),
    [3, 2, 6, 15],
  )
  const { throughput, counters } = await viewAgent(store, await given.parts.roster.get('author'))
  assert.equal(throughput.length, 12)
  assert.equal(
    throughput.slice(10).reduce((all, one) => all + one),
    3,
  )
  assert.deepEqual(counters, { commands: 1, delivered: 3, failedAttempts: 2 })
})

test('hours are kept for a week, of agents that are gone too', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'])
  const { store } = given.parts
  const now = Date.parse('2030-06-15T12:30:00Z')
  const hour = (ago: number): string => new Date(now - ago * hourMs).toISOString().slice(0, 13)
  const keys = ['author', 'gone'].flatMap((agent) =>
    [0, 168, 169].map((ago) => `throughput/${agent}/${hour(ago)}/delivered`),
  )
  await store.commit({ writes: keys.map((add) => ({ add, amount: 5 })) })
  await tidy(given.parts, now, never)
  const left = await store.range({ from: 'throughput/', to: 'throughput0', limit: 100 })
  assert.deepEqual(
    left.map(({ key }) => key),
    [keys[1], keys[0], keys[4], keys[3]],
  )
  const items = await throughputOf(store, 'author', 168, now)
  assert.equal(items.length, 168)
  assert.equal(items[0]?.at, '2030-06-08T13:00:00.000Z')
  assert.deepEqual(items.at(-1), { at: '2030-06-15T12:00:00.000Z', delivered: 5, failed: 0, entries: 0, bytes: 0 })
})
