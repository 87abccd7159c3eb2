/** That the numbers are right, after real deliveries. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Metrics } from '../../../src/agents/metrics/metrics.ts'
import { enqueue, normalRank, pausedKey } from '../../../src/queues/lanes.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { openTestHome } from '../../home.ts'
import { HookReceiver } from '../../hook-receiver.ts'
import { givenComparisons } from '../comparisons/given-comparisons.ts'
import { givenEngine } from '../given-engine.ts'
import { until } from '../until.ts'
import { scraped, those } from './scraped.ts'

const away = async (): Promise<never> => {
  throw new ReplicationError('unavailable', 'it is away')
}

test('what was delivered is counted: tries, resources, bytes, and how long each phase took', async (t) => {
  const given = await givenEngine(t)
  await given.agent('a', ['one'])
  given.write('/content/a', 'four')
  given.write('/content/b', 'fives')
  for (const _ of [1, 2]) assert.equal((await given.finished(await given.ask({ agents: ['a'] }))).state, 'succeeded')
  const series = await scraped(given.parts.metrics)
  const target = `agent="a",target="${given.name('one')}"`
  const of = (name: string, labels = ''): number | undefined => series.get(`trebuchet_${name}{${target}${labels}}`)
  assert.deepEqual([of('deliveries_total', ',result="delivered"'), of('deliveries_total', ',result="failed"')], [2, 0])
  // Of both, the folder is an entry, too.
  assert.deepEqual([of('delivered_entries_total'), of('delivered_bytes_total')], [6, 18])
  assert.equal(of('queued_duration_seconds_count'), 2)
  assert.equal(of('apply_duration_seconds_count', ',result="ok"'), 2)
  assert.equal(of('apply_duration_seconds_bucket', ',result="ok",le="+Inf"'), 2)
  assert.deepEqual(those(series, 'trebuchet_transfer', 'a'), {}, 'nothing was sent anywhere')
  assert.equal(series.get('trebuchet_export_duration_seconds_count{agent="a",result="ok"}'), 2)
  assert.deepEqual([of('queue_size'), of('queue_oldest_age_seconds'), of('target_freshness_seconds')], [0, 0, 0])
  assert.equal(series.get('trebuchet_state_up'), 1)
})

test('a queue whose head fails again and again is blocked, and its target is not fresh', async (t) => {
  const given = await givenEngine(t)
  await given.agent('a', ['one'])
  given.write('/content/a', 'four')
  given.gate('one', away)
  const command = await given.ask({ agents: ['a'] })
  const target = `agent="a",target="${given.name('one')}"`
  const series = await until(async () => {
    const now = await scraped(given.parts.metrics)
    return now.get(`trebuchet_queue_blocked{${target}}`) === 1 ? now : undefined
  })
  const of = (name: string, labels = ''): number => series.get(`trebuchet_${name}{${target}${labels}}`) ?? NaN
  assert.equal(of('queue_size'), 1)
  assert.ok(of('queue_head_attempts') >= 3)
  assert.ok(of('queue_oldest_age_seconds') > 0)
  assert.equal(of('target_freshness_seconds'), of('queue_oldest_age_seconds'))
  assert.equal(of('queued_duration_seconds_count'), 1, 'only the first try of an item')
  assert.ok(of('apply_duration_seconds_count', ',result="failed"') >= 3)
  assert.ok(of('deliveries_total', ',result="failed"') >= 3)
  given.gate('one', undefined)
  await given.finished(command)
  const after = await scraped(given.parts.metrics)
  for (const name of ['queue_blocked', 'queue_size', 'queue_head_attempts', 'target_freshness_seconds'])
    assert.equal(after.get(`trebuchet_${name}{${target}}`), 0, name)
})

test('what lies in an error queue is told, and its target is not fresh though the queue is empty', async (t) => {
  const given = await givenEngine(t)
  const queue = { onFailure: 'error-queue', attempts: 1, backoff: { initialMs: 20, maxMs: 50 } }
  await given.agent('a', ['one'], { queue })
  given.write('/content/a', 'four')
  given.gate('one', away)
  assert.equal((await given.finished(await given.ask({ agents: ['a'] }))).state, 'failed')
  const series = await scraped(given.parts.metrics)
  const of = (name: string): number => series.get(`trebuchet_${name}{agent="a",target="${given.name('one')}"}`) ?? NaN
  assert.deepEqual([of('queue_size'), of('error_queue_size'), of('queue_oldest_age_seconds')], [0, 1, 0])
  assert.ok(of('target_freshness_seconds') > 0)
})

test('an export that fails is counted as one', async (t) => {
  const given = await givenEngine(t)
  await given.agent('a', ['one'])
  assert.equal((await given.finished(await given.ask({ agents: ['a'] }))).state, 'failed')
  const series = await scraped(given.parts.metrics)
  assert.equal(series.get('trebuchet_export_duration_seconds_count{agent="a",result="failed"}'), 1)
  assert.equal(series.get('trebuchet_export_duration_seconds_count{agent="a",result="ok"}'), undefined)
})

test('the oldest item counts, also behind an urgent one; and who is paused or disabled stands still', async (t) => {
  const given = await givenEngine(t, { idle: true })
  for (const name of ['a', 'b', 'c']) await given.agent(name, ['one'], name === 'c' ? { enabled: false } : {})
  const lane = { agent: 'a', queue: given.name('one') }
  const item = (command: string, ageMs: number): { command: string; target: string; enqueuedAt: string } => ({
    ...{ command, target: lane.queue, enqueuedAt: new Date(Date.now() - ageMs).toISOString() },
  })
  await given.parts.store.commit({
    writes: [
      ...enqueue(lane, item('old', 3_600_000)),
      ...enqueue(lane, item('urgent', 60_000), normalRank - 1),
      { put: pausedKey('b'), value: { at: new Date().toISOString(), actor: 'test' } },
    ],
  })
  const series = await scraped(given.parts.metrics)
  const age = series.get(`trebuchet_queue_oldest_age_seconds{agent="a",target="${lane.queue}"}`) ?? NaN
  assert.ok(age >= 3600 && age < 3700, String(age))
  assert.deepEqual(
    ['a', 'b', 'c'].map((agent) => series.get(`trebuchet_queue_paused{agent="${agent}",target="${lane.queue}"}`)),
    [0, 1, 1],
  )
})

test('it is known when a comparison of the whole last found source and target equal', async (t) => {
  const { given, ...one } = await givenComparisons(t)
  const tree = given.name('target')
  await one.agent('a', { kind: 'gated', name: given.name('source') }, { kind: 'memory', name: tree })
  const of = async (name: string): Promise<number | undefined> =>
    (await scraped(given.parts.metrics)).get(`trebuchet_target_${name}{agent="a",target="${tree}"}`)
  given.write('/content/a', 'four')
  assert.deepEqual([await of('drift'), await of('equal_timestamp_seconds')], [undefined, undefined])
  await one.replicate('a', ['/content'])
  const equal = await one.compare('a')
  assert.deepEqual([await of('drift'), await of('equal_timestamp_seconds')], [0, Date.parse(equal.createdAt) / 1000])
  given.write('/content/a', 'more')
  const other = await one.compare('a')
  assert.deepEqual(
    [await of('drift'), await of('compared_timestamp_seconds'), await of('equal_timestamp_seconds')],
    [1, Date.parse(other.createdAt) / 1000, Date.parse(equal.createdAt) / 1000],
  )
})

test('nothing is left of an agent that was deleted, nor of a target that was taken away', async (t) => {
  const given = await givenEngine(t)
  for (const name of ['a', 'b']) await given.agent(name, ['one', 'two'])
  given.write('/content/a', 'four')
  await given.finished(await given.ask({ agents: ['a', 'b'] }))
  const before = await scraped(given.parts.metrics)
  for (const name of ['a', 'b']) assert.ok(Object.keys(those(before, 'trebuchet_', name)).length > 20)
  await given.configs.delete('a', { actor: 'test' })
  const targets = [{ kind: 'gated', name: given.name('one') }]
  await given.configs.patch('b', { targets }, { actor: 'test' })
  const after = [...(await scraped(given.parts.metrics)).keys()]
  assert.deepEqual(
    after.filter((key) => key.includes('agent="a"') || key.includes(given.name('two'))),
    [],
  )
  assert.ok(after.some((key) => key.startsWith('trebuchet_apply_duration') && key.includes(given.name('one'))))
})

test('tries to call a hook are counted by how they ended', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t)
  const hook = { url: receiver.url, on: ['delivered'], attempts: 2, backoff: { initialMs: 20, maxMs: 20 } }
  await given.agent('a', ['one'], { hooks: [hook] })
  given.write('/content/a', 'four')
  receiver.answer(500, 204, 500, 500)
  const hooked = (): Promise<object> => scraped(given.parts.metrics).then((all) => those(all, 'trebuchet_hook', 'a'))
  const key = (result: string): string => `trebuchet_hook_attempts_total{agent="a",result="${result}"}`
  for (const expected of [
    { failed: 1, sent: 1 },
    { failed: 2, sent: 1, 'given-up': 1 },
  ]) {
    await given.finished(await given.ask({ agents: ['a'] }))
    const wanted = Object.values(expected).reduce((sum, count) => sum + count, 0)
    const found = await until(async () => {
      const now = await hooked()
      return Object.values(now).reduce((sum: number, count) => sum + Number(count), 0) === wanted ? now : undefined
    })
    assert.deepEqual(found, Object.fromEntries(Object.entries(expected).map(([result, count]) => [key(result), count])))
  }
})

test('while the state is away the rest is told, and that it is away', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'metrics.'))
  t.after(() => rm(folder, { recursive: true }))
  const home = await openTestHome(folder, pino({ level: 'silent' }))
  const metrics = new Metrics(new Registry(), home.store)
  metrics.answered(204, 1)
  metrics.exported('a', 'ok', 1)
  await home.work.close(0)
  await home.store.close()
  await home.leave()
  const series = await scraped(metrics)
  assert.equal(series.get('trebuchet_state_up'), 0)
  assert.equal(series.get('trebuchet_http_request_duration_seconds_count{result="2xx"}'), 1)
  assert.equal(
    series.get('trebuchet_export_duration_seconds_count{agent="a",result="ok"}'),
    1,
    'it is not known to be gone',
  )
  assert.deepEqual(
    [...series.keys()].filter((key) => key.startsWith('trebuchet_queue_size')),
    [],
  )
})
