import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { eventsLog, eventWrites, type ReplicationEvent } from '../../src/agents/events/events.ts'
import { trimEvents } from '../../src/agents/retention/sweep.ts'
import { until } from '../agents/until.ts'
import { EventReader } from '../event-reader.ts'
import { givenApp, maxEventStreams, type GivenApp } from './given-app.ts'

const id = (sequence: number): string => String(sequence).padStart(16, '0')

interface Given extends GivenApp {
  open(path: string, headers?: Readonly<Record<string, string>>): Promise<EventReader>
  happen(...events: Partial<ReplicationEvent>[]): Promise<void>
  last(): Promise<number>
  openStreams(): Promise<unknown>
  /** As the server does when it is told to end. */
  shut(): void
}

/** The app, listening, with the agents `a` and `b`. */
async function given(t: TestContext): Promise<Given> {
  const closing = new AbortController()
  const shut = (): void => closing.abort()
  // Before the app is closed, which waits for its streams.
  t.after(shut)
  const app = await givenApp(t, { closing: closing.signal })
  const { store, registry } = app.parts
  for (const name of ['a', 'b'])
    await app.call({ method: 'POST', url: '/replication/config', payload: app.config(name) })
  await app.app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.app.server.address() as AddressInfo
  return {
    ...app,
    shut,
    open: (path, headers) => EventReader.open(`http://127.0.0.1:${port}/replication${path}`, headers),
    happen: async (...some) => {
      const at = new Date().toISOString()
      const writes = some.flatMap((event) => eventWrites({ type: 'delivery.started', at, agent: 'a', ...event }))
      await store.commit({ writes })
    },
    last: () => store.last(eventsLog),
    openStreams: async () =>
      (await registry.getSingleMetric('trebuchet_event_streams')?.get())?.values.map(({ value }) => value)[0],
  }
}

test('a stream has the events from now on, each with its id, its type and what is known of it', async (t) => {
  const { open, happen, last } = await given(t)
  const before = await last()
  const reader = await open('/events')
  const { headers } = reader.response
  assert.equal(headers['content-type'], 'text/event-stream')
  assert.equal(headers['cache-control'], 'no-store, no-transform')
  assert.equal(headers['x-accel-buffering'], 'no')
  assert.equal(typeof headers['x-request-id'], 'string')
  const at = '2030-01-01T00:00:00.000Z'
  await happen(
    { at, agent: 'a', command: '01C', target: 'publish', data: { attempt: 1, text: 'two\nlines\u2028and\u0085more' } },
    { at, type: 'queue.paused', agent: 'b', actor: 'me', target: 'default' },
  )
  await reader.until('both', (events) => events.length === 2)
  assert.match(reader.text, /^retry: \d+\nid: \d{16}\n\nid: \d{16}\nevent: delivery.started\ndata: \{.*\}\n\nid: /)
  assert.deepEqual(reader.events, [
    {
      id: id(before + 1),
      type: 'delivery.started',
      data: { at, agent: 'a', command: '01C', target: 'publish', attempt: 1, text: 'two\nlines\u2028and\u0085more' },
    },
    { id: id(before + 2), type: 'queue.paused', data: { at, agent: 'b', actor: 'me', target: 'default' } },
  ])
  assert.ok(Number(reader.retryMs) >= 500)
  // There are clients that take more for the end of a line than the standard does.
  assert.doesNotMatch(reader.text, /[\u0085\u2028\u2029\r]/)
})

test('whoever comes back goes on behind the last id, whether there was an event yet or not', async (t) => {
  const { open, happen, last } = await given(t)
  const first = await open('/events')
  await until(async () => first.lastEventId || undefined)
  assert.equal(first.lastEventId, id(await last()))
  first.close()
  await happen({ command: '1' }, { command: '2' }, { command: '3' })
  const commands = async (path: string, headers?: Record<string, string>): Promise<unknown> => {
    const reader = await open(path, headers)
    await reader.until('the third', (events) => events.some(({ data }) => data['command'] === '3'))
    reader.close()
    return reader.events.map(({ data }) => data['command'])
  }
  assert.deepEqual(await commands('/events', { 'last-event-id': first.lastEventId }), ['1', '2', '3'])
  assert.deepEqual(await commands(`/events?lastEventId=${Number(first.lastEventId) + 1}`), ['2', '3'])
  // A browser's address stays, while its header goes on.
  const both = await commands(`/events?lastEventId=0`, { 'last-event-id': id((await last()) - 1) })
  assert.deepEqual(both, ['3'])
  const all = await commands('/events?lastEventId=0', { 'last-event-id': '' })
  assert.deepEqual(all, [undefined, undefined, '1', '2', '3'])
})

test('the stream of an agent has its events alone, and goes on when the agent is deleted and made again', async (t) => {
  const { open, call, config } = await given(t)
  const reader = await open('/agent/a/events')
  const payload = { title: 'changed' }
  for (const name of ['b', 'a']) await call({ method: 'PATCH', url: `/replication/config/${name}`, payload })
  for (const name of ['b', 'a']) await call({ method: 'DELETE', url: `/replication/config/${name}` })
  await call({ method: 'POST', url: '/replication/config', payload: config('a') })
  await reader.until('three', (events) => events.length === 3)
  assert.deepEqual(
    reader.events.map(({ type, data }) => [type, data.agent, data['action']]),
    [
      ['config.changed', 'a', 'updated'],
      ['config.changed', 'a', 'deleted'],
      ['config.changed', 'a', 'created'],
    ],
  )
  // Who reads on gets the next event too.
  const { lastEventId } = reader
  await call({ method: 'DELETE', url: '/replication/config/a' })
  const again = await open('/agent/a/events', { 'last-event-id': lastEventId })
  await again.until('one', (events) => events.length === 1)
})

test('a stream may be of some types alone', async (t) => {
  const { open, happen } = await given(t)
  const one = await open('/events?type=delivery.failed')
  const two = await open('/agent/a/events?type=delivery.failed&type=queue.paused')
  await happen({ type: 'delivery.failed', agent: 'b' }, {}, { type: 'queue.paused' }, { type: 'delivery.failed' })
  await one.until('two', (events) => events.length === 2)
  await two.until('two', (events) => events.length === 2)
  assert.deepEqual(one.types, ['delivery.failed', 'delivery.failed'])
  assert.deepEqual(two.types, ['queue.paused', 'delivery.failed'])
})

test('an id that is not kept, or never was, gets a reset first, and what comes from then on', async (t) => {
  const { open, happen, last, parts } = await given(t)
  await happen({}, {}, {}, {})
  await trimEvents(parts.store, 2)
  const end = await last()
  for (const [lastEventId, reason, agent] of [
    [end - 3, 'forgotten', undefined],
    [end + 1, 'far', 'a'],
    ['9999999999999999', 'far', undefined],
  ] as const) {
    const path = agent === undefined ? '/events' : `/agent/${agent}/events`
    const reader = await open(path, { 'last-event-id': String(lastEventId) })
    await reader.until('a reset', (events) => events.length === 1)
    const { id: at, type, data } = reader.events[0] ?? assert.fail()
    assert.deepEqual([at, type, data['reason'], data.agent], [id(end), 'reset', reason, agent])
    assert.match(String(data['detail']), /read the state again/)
    // Nobody loses his id before he has heard of it.
    assert.doesNotMatch(reader.text.split('event: reset')[0] ?? '', /^id.*\n\n/m)
    reader.close()
  }
  const whole = await open('/events', { 'last-event-id': id(end - 2) })
  await whole.until('what is kept', (events) => events.length === 2)
  assert.deepEqual(whole.ids, [id(end - 1), id(end)])
})

test('what cannot be streamed is refused: other media types, bad ids, unknown types and unknown agents', async (t) => {
  const { call } = await given(t)
  const refused = async (status: number, url: string, headers: Record<string, string> = {}): Promise<void> => {
    const response = await call({ url: `/replication${url}`, headers })
    assert.equal(response.statusCode, status, `${url} ${JSON.stringify(headers)} ${response.body}`)
    assert.match(String(response.headers['content-type']), /^application\/problem\+json/)
  }
  for (const accept of ['application/json', 'text/html, image/*;q=0.5', 'text/event-stream;q=0, */*', 'text/*;q=0.0'])
    await refused(406, '/events', { accept })
  for (const lastEventId of ['abc', '-1', '1.5', '1 2', '0x10', '12345678901234567']) {
    await refused(400, '/events', { 'last-event-id': lastEventId })
    await refused(400, `/events?lastEventId=${encodeURIComponent(lastEventId)}`)
  }
  for (const query of ['type=nonsense', 'type=', 'since=1', 'limit=5']) await refused(400, `/events?${query}`)
  for (const path of ['/agent/nobody/events', '/agent/a%20b/events', '/agent/nobody/log']) await refused(404, path)
  await refused(404, '/agent/nobody/events', { 'last-event-id': '0' })
})

test('HEAD answers with the headers of a stream, and opens none', async (t) => {
  const { call, openStreams } = await given(t)
  for (const path of ['/events', '/agent/a/events']) {
    const response = await call({ method: 'HEAD', url: `/replication${path}` })
    assert.equal(response.statusCode, 200)
    assert.equal(response.headers['content-type'], 'text/event-stream')
    assert.equal(response.body, '')
  }
  assert.equal((await call({ method: 'HEAD', url: '/replication/agent/nobody/events' })).statusCode, 404)
  const accept = 'application/json'
  assert.equal((await call({ method: 'HEAD', url: '/replication/events', headers: { accept } })).statusCode, 406)
  assert.equal(await openStreams(), 0)
})

test('accepting anything, or nothing in particular, is accepting events', async (t) => {
  const { open } = await given(t)
  for (const accept of ['*/*', 'text/*', 'application/json, text/event-stream;q=0.1', '']) {
    const reader = await open('/events', { accept })
    assert.equal(reader.response.headers['content-type'], 'text/event-stream')
    reader.close()
    await once(reader.response, 'close')
  }
})

test('there are so many streams at most, under all prefixes, and each that is left makes room at once', async (t) => {
  const { app, call, open, openStreams } = await given(t)
  const { port } = app.server.address() as AddressInfo
  const readers = [await open('/events'), await open('/agent/a/events')]
  readers.push(await EventReader.open(`http://127.0.0.1:${port}/system/replication/events`))
  assert.equal(readers.length, maxEventStreams)
  const refused = await call('/replication/events')
  assert.equal(refused.statusCode, 503)
  assert.equal(refused.headers['retry-after'], '5')
  readers[1]?.close()
  await until(async () => (await openStreams()) === maxEventStreams - 1 || undefined)
  await open('/events')
})

test('a server that closes ends its streams in order, and says when to come back', async (t) => {
  const { happen, open, openStreams, shut } = await given(t)
  const reader = await open('/events')
  await happen({})
  await reader.until('one', (events) => events.length === 1)
  shut()
  assert.equal(await reader.ended, 'end')
  assert.match(reader.text, /\n\nretry: \d+\n\n$/)
  assert.equal(await openStreams(), 0)
  const late = await open('/events')
  assert.equal(await late.ended, 'end')
})
