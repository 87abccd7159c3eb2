/** What is written into the log of events, and into that of the agent, in the order in which it happens. */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { listLog, type LogLine } from '../../../src/agents/events/agent-log.ts'
import { eventsLog, type ReplicationEvent } from '../../../src/agents/events/events.ts'
import { cancel, pause, resume, retry } from '../../../src/agents/commands/operate.ts'
import { packageKey, type PackageRecord } from '../../../src/agents/commands/records.ts'
import { ReplicationError } from '../../../src/errors.ts'
import type { PackageId } from '../../../src/packages/manifest.ts'
import { below } from '../../../src/state/store.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const away = new ReplicationError('unavailable', 'the target is away')

interface Watched extends Given {
  /** What has happened since it was asked last: types, with their targets. */
  happened(): Promise<string[]>
  events(): Promise<ReplicationEvent[]>
  /** The log of `author`, oldest first. */
  lines(): Promise<LogLine[]>
  waitFor(type: string, command: { readonly id: string }): Promise<void>
}

async function given(t: TestContext, more: object = {}): Promise<Watched> {
  const engine = await givenEngine(t)
  let seen = 0
  const events = async (): Promise<ReplicationEvent[]> =>
    (await engine.parts.store.range<ReplicationEvent>({ ...below(`${eventsLog}/`), limit: 1000 })).map(
      ({ value }) => value,
    )
  await engine.agent('author', ['one'], more)
  engine.write('/content/a', 'hello')
  return Object.assign(engine, {
    events,
    happened: async () => {
      const news = (await events()).slice(seen)
      seen += news.length
      return news.map(({ type, target }) => (target === undefined ? type : `${type} ${target.slice(27)}`))
    },
    lines: async () => (await listLog(engine.parts.store, 'author', { limit: 500 })).items.toReversed(),
    waitFor: async (type: string, { id }: { id: string }) => {
      const look = async (): Promise<boolean> =>
        (await events()).some((event) => event.type === type && event.command === id)
      await until(async () => (await look()) || undefined)
    },
  })
}

test('a command that goes well', async (t) => {
  const w = await given(t)
  assert.deepEqual(await w.happened(), ['config.changed'])
  const { id, agents } = await w.finished(await w.ask({ agents: ['author'], actor: 'me' }))
  assert.deepEqual(await w.happened(), [
    'command.accepted',
    'package.ready',
    'delivery.started one',
    'delivery.delivered one',
    'command.finished',
  ])
  const target = w.name('one')
  const [, accepted, ready, started, delivered, finished] = await w.events()
  const { at: _, ...about } = { ...accepted, at: '' }
  assert.deepEqual(about, {
    ...{ type: 'command.accepted', agent: 'author', actor: 'me', command: id },
    data: { kind: 'replicate', action: 'add' },
  })
  assert.deepEqual(ready?.data, { package: agents[0]?.package, entries: 2, bytes: 5 })
  assert.deepEqual([started?.command, started?.target, started?.data], [id, target, { attempt: 1 }])
  const { tookMs, ...data } = { ...delivered?.data } as Record<string, unknown>
  assert.ok(Number(tookMs) >= 0)
  assert.deepEqual(data, { attempts: 1, entries: 2, bytes: 5 })
  assert.deepEqual(finished?.data, { status: 'succeeded', state: 'succeeded' })
  const lines = await w.lines()
  assert.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    ['info config changed', 'info package ready', 'info delivery applied'],
  )
  const { at: __, ...line } = { ...lines[2], at: '' }
  assert.deepEqual(line, {
    ...{ level: 'info', message: 'delivery applied', command: id, target },
    fields: { attempts: 1, entries: 2, bytes: 5, tookMs },
  })
})

test('a target that fails for a while', async (t) => {
  const w = await given(t)
  let failures = 0
  w.gate('one', async () => {
    if (failures++ < 2) throw away
  })
  await w.happened()
  await w.finished(await w.ask({ agents: ['author'] }))
  assert.deepEqual(await w.happened(), [
    ...['command.accepted', 'package.ready', 'delivery.started one', 'delivery.retrying one', 'delivery.started one'],
    ...['delivery.retrying one', 'delivery.started one', 'delivery.delivered one', 'command.finished'],
  ])
  const failed = (await w.lines()).filter(({ message }) => message === 'delivery failed')
  assert.deepEqual(
    failed.map(({ level, fields }) => [level, fields['attempts'], fields['error'], typeof fields['nextAttemptAt']]),
    [1, 2].map((n) => ['warn', n, { code: 'unavailable', detail: 'the target is away' }, 'string']),
  )
})

test('a delivery that is given up, and is queued again', async (t) => {
  const w = await given(t, { queue: { onFailure: 'error-queue', attempts: 1 } })
  w.gate('one', async () => {
    throw away
  })
  await w.happened()
  const { id } = await w.finished(await w.ask({ agents: ['author'] }))
  assert.deepEqual(await w.happened(), [
    ...['command.accepted', 'package.ready', 'delivery.started one', 'delivery.failed one', 'command.finished'],
  ])
  w.gate('one', undefined)
  await retry(w.parts, id, 'me')
  await w.finished({ id })
  assert.deepEqual(await w.happened(), [
    ...['command.retried', 'delivery.started one', 'delivery.delivered one', 'command.finished'],
  ])
  const lines = await w.lines()
  assert.deepEqual(
    lines.slice(2).map(({ level, message, actor }) => [level, message, actor]),
    [
      ['error', 'delivery failed', undefined],
      ['info', 'command queued again', 'me'],
      ['info', 'delivery applied', undefined],
    ],
  )
})

test('an export that cannot succeed', async (t) => {
  const w = await given(t)
  await w.happened()
  await w.finished(await w.ask({ agents: ['author'], at: ['/nothing'] }))
  const types = ['command.accepted', 'export.failed', 'delivery.failed one', 'command.finished']
  assert.deepEqual(await w.happened(), types)
  const failed = (await w.lines()).find(({ message }) => message === 'export failed')
  assert.equal(failed?.level, 'error')
  assert.match(JSON.stringify(failed.fields), /"attempts":1,"error":\{"code":"missing"/)
  await w.finished(await w.ask({ agents: ['author'], at: ['/nothing'], kind: 'export' }))
  assert.deepEqual(await w.happened(), ['command.accepted', 'export.failed', 'command.finished'])
})

test('an import of a package that was exported', async (t) => {
  const w = await given(t)
  const exported = await w.finished(await w.ask({ agents: ['author'], kind: 'export' }))
  const id = exported.agents[0]?.package as PackageId
  const record = await w.parts.store.get<PackageRecord>(packageKey(id))
  assert.ok(record)
  assert.deepEqual(await w.happened(), ['config.changed', 'command.accepted', 'package.ready', 'command.finished'])
  await w.finished(await w.ask({ agents: ['author'], kind: 'import', package: record.value }))
  assert.deepEqual(await w.happened(), [
    ...['command.accepted', 'package.ready', 'delivery.started one', 'delivery.delivered one', 'command.finished'],
  ])
})

test('what operators do, once each and with their names', async (t) => {
  const w = await given(t)
  await w.happened()
  const agent = await w.parts.roster.get('author')
  const queue = w.name('one')
  for (const what of [pause, pause, resume, resume]) await what(w.parts, agent, queue, 'me')
  for (const what of [pause, pause]) await what(w.parts, agent, undefined, 'you')
  assert.deepEqual(await w.happened(), ['queue.paused one', 'queue.resumed one', 'agent.paused'])
  const first = await w.ask({ agents: ['author'] })
  await w.waitFor('package.ready', first)
  await cancel(w.parts, first.id, 'me')
  assert.deepEqual(await w.happened(), [
    ...['command.accepted', 'package.ready', 'delivery.cancelled one', 'command.cancelled', 'command.finished'],
  ])
  await w.waitFor('package.ready', await w.ask({ agents: ['author'] }))
  await w.configs.delete('author', { actor: 'you', force: true })
  assert.deepEqual(await w.happened(), [
    ...['command.accepted', 'package.ready', 'delivery.cancelled one', 'command.finished', 'config.changed'],
  ])
  const byWhom = (await w.lines()).map(({ message, actor, target }) => [message, actor, target])
  for (const line of [
    ['queue paused', 'me', queue],
    ['queue resumed', 'me', queue],
    ['agent paused', 'you', undefined],
    ['delivery cancelled', 'me', queue],
    ['command cancelled', 'me', undefined],
    ['config changed', 'you', undefined],
  ])
    assert.ok(
      byWhom.some((one) => JSON.stringify(one) === JSON.stringify(line)),
      JSON.stringify([line, byWhom]),
    )
})
