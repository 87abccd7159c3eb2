/** Event streams whose readers do not read, or are told nothing for long. */
import assert from 'node:assert/strict'
import type { Server } from 'node:http'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { getDefaultHighWaterMark } from 'node:stream'
import { test, type TestContext } from 'node:test'
import { Registry } from 'prom-client'
import { eventsLog, eventWrites } from '../../src/agents/events/events.ts'
import { EventStreams } from '../../src/routes/event-streams.ts'
import { until } from '../agents/until.ts'
import { EventReader } from '../event-reader.ts'
import { givenApp, type GivenApp } from './given-app.ts'

interface Given extends Pick<GivenApp, 'lines' | 'parts'> {
  readonly server: Server
  /** As the server does when it is told to end. */
  shut(): void
  readonly url: string
  /**
   * A connection that asks for a stream, and does not read it until it is told to. It is a Unix socket, of which the system
   * buffers little and everywhere the same; for one over TCP it may be tens of megabytes, as it likes.
   */
  silent(lastEventId?: number): Promise<Socket>
  /** So many events, each of about ten kilobytes. */
  happen(count: number): Promise<void>
  metric(name: string): Promise<number | undefined>
}

async function given(t: TestContext, times: { heartbeatMs?: number; stalledMs?: number }): Promise<Given> {
  const closing = new AbortController()
  const shut = (): void => closing.abort()
  t.after(shut)
  const { app, parts, lines, folder } = await givenApp(t, { closing: closing.signal })
  const { store, events } = parts
  const registry = new Registry()
  Object.assign(parts, { eventStreams: new EventStreams({ store, events, registry }, 10, times) })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const path = join(folder, 'silent')
  const door = createServer((socket) => {
    // It has no address of its own, and only who is on this machine may read.
    Object.defineProperty(socket, 'remoteAddress', { value: '127.0.0.1' })
    app.server.emit('connection', socket)
  }).listen(path)
  t.after(() => door.close())
  const metric = async (name: string): Promise<number | undefined> =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value
  return {
    ...{ lines, parts, metric, shut, server: app.server, url: `http://127.0.0.1:${port}/replication/events` },
    silent: async (lastEventId) => {
      const open = (await metric('trebuchet_event_streams')) ?? 0
      const socket = connect(path)
      const last = lastEventId === undefined ? '' : `Last-Event-ID: ${lastEventId}\r\n`
      socket.pause()
      socket.write(`GET /replication/events HTTP/1.1\r\nHost: localhost\r\n${last}\r\n`)
      await until(async () => ((await metric('trebuchet_event_streams')) ?? 0) > open || undefined)
      return socket
    },
    happen: async (count) => {
      const at = new Date().toISOString()
      const data = { detail: 'x'.repeat(10_000) }
      for (let left = count; left > 0; left -= 100) {
        const some = Array.from({ length: Math.min(left, 100) }, () =>
          eventWrites({ type: 'delivery.started', at, agent: 'a', data }),
        )
        await store.commit({ writes: some.flat() })
      }
    },
  }
}

function saysDropped({ lines }: Pick<Given, 'lines'>): boolean {
  return lines.some(({ msg }) => msg === 'event stream dropped: its reader is too slow')
}

test('a reader who does not read is dropped when the newest events pass him by, and nobody else is', async (t) => {
  const g = await given(t, {})
  const good = await EventReader.open(g.url)
  const socket = await g.silent()
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => undefined)
  for (let n = 0; n < 40 && (await g.metric('trebuchet_event_streams')) === 2; n++) {
    await g.happen(100)
    await good.until('each of them', (events) => events.length === 100 * (n + 1))
  }
  assert.equal(await g.metric('trebuchet_event_streams'), 1)
  assert.equal(await g.metric('trebuchet_event_streams_dropped_total'), 1)
  assert.ok(saysDropped(g))
  // What the system's buffers have is still read; then there is an end.
  socket.resume()
  await closed
  await g.happen(1)
  const count = good.events.length
  await good.until('one more', (events) => events.length > count)
  assert.deepEqual(good.ids, good.ids.toSorted())
  assert.equal(new Set(good.ids).size, good.ids.length)
})

test('a reader who catches up is not dropped while he reads, and is when he stands still for too long', async (t) => {
  const g = await given(t, { stalledMs: 300 })
  const { store } = g.parts
  const start = await store.last(eventsLog)
  await g.happen(2000)
  const last = await store.last(eventsLog)
  const reader = await EventReader.open(g.url, { 'last-event-id': String(start) })
  const pauses = setInterval(() => {
    reader.response.pause()
    setTimeout(() => reader.response.resume(), 30)
  }, 60)
  await reader.until('all', (events) => events.length === last - start)
  clearInterval(pauses)
  assert.equal(await g.metric('trebuchet_event_streams_dropped_total'), 0)
  const socket = await g.silent(start)
  await until(async () => (await g.metric('trebuchet_event_streams')) === 1 || undefined)
  assert.ok(saysDropped(g))
  socket.destroy()
})

test('of readers who do not read each has a page held for it at most, however much happens', async (t) => {
  const g = await given(t, {})
  const start = await g.parts.store.last(eventsLog)
  await g.happen(1000)
  const readers = 8
  const sockets = await Promise.all(Array.from({ length: readers }, () => g.silent(start)))
  await until(async () => (await g.metric('trebuchet_event_streams')) === readers || undefined)
  const waiting = async (): Promise<number> => (await g.metric('trebuchet_event_streams_waiting_bytes')) ?? 0
  // For a stream that waits, more is held than one takes before it says that it is enough.
  await until(async () => (await waiting()) > readers * getDefaultHighWaterMark(false) || undefined)
  let most = await waiting()
  while ((await g.metric('trebuchet_event_streams')) !== 0) {
    await g.happen(100)
    most = Math.max(most, await waiting())
  }
  // A page has 64 events; what happened is more than ten times as much.
  assert.ok(most < readers * 64 * 11_000, `${most} bytes waited`)
  assert.equal(await g.metric('trebuchet_event_streams_dropped_total'), readers)
  for (const socket of sockets) socket.destroy()
})

test('a server that closes does not wait for a reader who does not read', async (t) => {
  const g = await given(t, {})
  await g.happen(2000)
  await Promise.all([g.silent(0), g.silent(0), g.silent()])
  g.shut()
  const open = (): Promise<number> => new Promise((resolve) => g.server.getConnections((_, count) => resolve(count)))
  await until(async () => (await open()) === 0 || undefined)
})

test('silence is broken by comments, which move the place of a reader to whose taste nothing was', async (t) => {
  const g = await given(t, { heartbeatMs: 20 })
  const start = await g.parts.store.last(eventsLog)
  const reader = await EventReader.open(`${g.url}?type=queue.paused`)
  await until(async () => reader.comments.length > 2 || undefined)
  assert.deepEqual(new Set(reader.comments), new Set(['heartbeat']))
  assert.doesNotMatch(reader.text, /heartbeat\nid/)
  assert.equal(Number(reader.lastEventId), start)
  await g.happen(3)
  await until(async () => Number(reader.lastEventId) === start + 3 || undefined)
  assert.deepEqual(reader.events, [])
  assert.equal(reader.text.match(/heartbeat\nid/g)?.length, 1)
})
