/** What happens, as clients hear of it, over restarts and crashes. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventReader } from '../event-reader.ts'
import { until } from './client.ts'
import { Follower } from './follower.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Page } from './views.ts'

interface Line {
  readonly level: string
  readonly message: string
  readonly command?: string
}

const folder = scratch()
const server = await Server.start()
const { client } = server
const api = `${client.origin}/replication`

async function agent(name: string, targets: readonly string[] = ['default']): Promise<string> {
  const source = join(folder, name, 'source')
  plant(source, { 'content/page.html': 'hello' })
  await client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: targets.map((target) => ({ name: target, kind: 'directory', path: join(folder, name, target) })),
  })
  return source
}

test('each step of a command is heard of in the order in which it happens, and is in the log of its agent', async () => {
  const all = await EventReader.open(`${api}/events`)
  await agent('told')
  const own = await EventReader.open(`${api}/agent/told/events`)
  await client.post('/agent/told/queues/default/pause')
  const id = await client.send('told', { paths: ['/content'] })
  await own.until('the package', (events) => events.find(({ type }) => type === 'package.ready'))
  await client.post('/agent/told/queues/default/resume')
  await own.finished(id)
  const types = [
    ...['queue.paused', 'command.accepted', 'package.ready', 'queue.resumed'],
    ...['delivery.started', 'delivery.delivered', 'command.finished'],
  ]
  // On a machine that is busy either may take so long that its progress is told.
  const steps = (reader: EventReader): string[] => reader.types.filter((type) => !type.endsWith('.progress'))
  assert.deepEqual(steps(own), types)
  await all.finished(id)
  assert.deepEqual(steps(all), ['config.changed', ...types])
  assert.deepEqual(all.ids.slice(1), own.ids)
  for (const { data } of own.events) assert.ok(data.agent === 'told' && Date.parse(data.at) > 0)
  all.close()
  own.close()

  const { body } = await client.get<Page<Line>>('/agent/told/log')
  assert.deepEqual(
    body.items.map(({ message }) => message),
    ['delivery applied', 'queue resumed', 'package ready', 'queue paused', 'config changed'],
  )
  // The same event has the same words in the log of the process.
  for (const message of ['delivery applied', 'package ready', 'queue paused', 'queue resumed'])
    await until(`the line ${message}`, async () => server.output.includes(`"msg":"${message}"`))
  const pages: string[] = []
  for (let query: Record<string, string> = {}; ;) {
    const page = await client.get<Page<Line>>('/agent/told/log', { query: { limit: 3, ...query } })
    pages.push(...page.body.items.map(({ message }) => message))
    if (page.body.next === undefined) break
    query = { cursor: page.body.next }
  }
  assert.deepEqual(
    pages,
    body.items.map(({ message }) => message),
  )
  assert.equal((await client.get('/agent/told/log', { query: { cursor: 'nonsense' } })).status, 400)
})

test('over restarts, crashes and cuts a follower hears of everything once, in order', async () => {
  const source = await agent('followed')
  const follower = await Follower.open([client.origin])
  const ids: string[] = []
  for (let round = 0; round < 6; round++) {
    for (let n = 0; n < 5; n++) {
      plant(source, { 'content/page.html': `v${round}.${n}` })
      ids.push(await client.send('followed', { paths: ['/content'] }))
    }
    if (round % 4 === 0) await server.crash()
    else if (round % 4 === 2) await server.end()
    else follower.cut()
    if (round % 2 === 0) await server.launch()
  }
  for (const id of ids) await follower.finished(id)
  await follower.close()
  follower.check()
  assert.ok(follower.returns >= 6, `it came back ${follower.returns} times`)
  const count = (type: string): number => follower.events.filter((event) => event.type === type).length
  for (const type of ['command.accepted', 'package.ready', 'delivery.delivered', 'command.finished'])
    assert.equal(count(type), ids.length, type)
})

test('an id of another installation is told so, and the stream goes on from now', async () => {
  const reader = await EventReader.open(`${api}/events`, { 'last-event-id': '9999999999' })
  const id = await client.send('told', { paths: ['/content'] })
  await reader.finished(id)
  assert.deepEqual(reader.types.slice(0, 2), ['reset', 'command.accepted'])
  reader.close()
})

test('a server that ends tells its readers so, and waits for none who does not read', async () => {
  const silent = Array.from({ length: 16 }, () => {
    const socket = connect(server.port, '127.0.0.1').on('error', () => undefined)
    socket.pause()
    socket.write('GET /replication/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 1\r\n\r\n')
    return socket
  })
  const good = await EventReader.open(`${api}/agent/told/events`)
  await until('all of them to be open', async () => {
    const metrics = await (await fetch(`${client.origin}/metrics`)).text()
    return metrics.includes(`\ntrebuchet_event_streams ${silent.length + 1}\n`)
  })
  await good.finished(await client.send('told', { paths: ['/content'] }))
  await server.end()
  assert.equal(await good.ended, 'end')
  for (const socket of silent) socket.destroy()
  await server.launch()
})
