/** How far things are, while they take their time. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { EventReader } from '../event-reader.ts'
import { PlainService } from '../interop/plain-service.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { AgentView, Command } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface Progress {
  readonly phase: string
  readonly entries: number
  readonly bytes: number
  readonly totalEntries?: number
  readonly totalBytes?: number
  readonly startedAt: string
  readonly at: string
}

interface Hour {
  readonly at: string
  readonly delivered: number
  readonly failed: number
  readonly entries: number
  readonly bytes: number
}

function progressOf(command: Command): Progress | undefined {
  return (command.agents[0]?.targets[0] as { progress?: Progress } | undefined)?.progress
}

test('a bar moves while a service takes its time, here and at whoever sent the package', async (t) => {
  const service = await PlainService.start(t)
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  let taken = 0
  service.hold = (method) => (method === 'PUT' && ++taken > 3 ? opened : undefined)
  const source = join(folder, 'source')
  const documents = Object.fromEntries(
    Array.from({ length: 10 }, (_, i) => [
      `page/${i}.json`,
      JSON.stringify({ type: 'page', id: String(i), text: 'x'.repeat(1000) }),
    ]),
  )
  plant(source, documents)
  await client.agent({
    name: 'far',
    targets: [{ name: 'default', kind: 'rest', url: service.origin, schema: 'simple' }],
  })
  await client.agent({
    name: 'near',
    source: { kind: 'directory', path: source, view: 'resources', schema: 'simple' },
    targets: [{ name: 'default', kind: 'remote', url: client.origin, agent: 'far' }],
  })
  const events = await EventReader.open(`${client.origin}/replication/events?type=delivery.progress`)
  const id = await client.send('near', { paths: ['/'] })
  const far = await until('the far agent to say', async () => {
    const { body } = await client.get<{ items: Command[] }>('/commands', { query: { agent: 'far' } })
    const [command] = body.items
    return command !== undefined && (progressOf(command)?.entries ?? 0) >= 3 && progressOf(command)
  })
  const near = await until('the near agent to say', async () => {
    const progress = progressOf(await client.command(id))
    return (progress?.entries ?? 0) >= 3 && progress
  })
  for (const { phase, entries, totalEntries, bytes, totalBytes = 0, startedAt, at } of [far, near]) {
    assert.equal(phase, 'applying')
    assert.ok(entries === 3 && bytes > 3000 && bytes < 3300, `${entries} entries, ${bytes} bytes`)
    assert.ok(totalEntries !== undefined && totalEntries >= 10 && totalBytes > 10_000)
    assert.ok(startedAt <= at)
  }
  const event = await events.until('the event', (all) =>
    all.find(({ data }) => data['command'] === id && data['entries'] === 3),
  )
  assert.deepEqual({ ...near, agent: 'near', target: 'default', command: id }, { ...event.data, at: near.at })
  open()
  const command = await client.finished(id)
  assert.equal(command.state, 'succeeded')
  assert.equal(progressOf(command), undefined)
  events.close()
})

test('what was delivered in the last hours is shown beside the agent, and by the hour', async () => {
  const source = join(folder, 'hours')
  plant(source, { 'content/page.html': 'hello' })
  const target = { kind: 'directory', path: join(folder, 'hours-target') }
  await client.agent({ name: 'hours', source: { kind: 'directory', path: source }, targets: [target] })
  await client.deliver('hours', { paths: ['/content'] })
  const { body } = await client.get<AgentView>('/agent/hours')
  assert.equal(body.throughput.length, 12)
  assert.equal((body.throughput[10] ?? 0) + (body.throughput[11] ?? 0), 1)
  const { body: day } = await client.get<{ items: readonly Hour[] }>('/agent/hours/throughput')
  assert.equal(day.items.length, 24)
  const hour = day.items.find(({ delivered }) => delivered > 0)
  assert.deepEqual(hour, { at: hour?.at, delivered: 1, failed: 0, entries: 2, bytes: 5 })
  const { body: two } = await client.get<{ items: readonly Hour[] }>('/agent/hours/throughput?hours=2')
  assert.equal(two.items.length, 2)
  for (const hours of ['0', '169', 'x'])
    assert.equal((await client.get(`/agent/hours/throughput?hours=${hours}`)).status, 400)
  assert.equal((await client.get('/agent/nobody/throughput')).status, 404)
})
