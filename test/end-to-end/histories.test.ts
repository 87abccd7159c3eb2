/** What is told of what was done. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { AgentView, Command, HistoryEntry, Item, Page, Queue } from './views.ts'

const folder = scratch()
plant(folder, { 'source/content/a/x.txt': 'x', 'source/content/ab/y.txt': 'y', 'source/other/z.txt': 'z' })

const server = await Server.start()
const { client } = server
await client.agent({
  name: 'publish',
  source: { kind: 'directory', path: join(folder, 'source') },
  targets: [{ name: 'default', kind: 'directory', path: join(folder, 'target') }],
  queue: { attempts: 1 },
})

const first = await client.deliver('publish', { paths: ['/content/a'] })
const second = await client.deliver('publish', { paths: ['/content/ab', '/other'] })
await pause(5)
const between = new Date().toISOString()
await pause(5)
const third = await client.replicate('publish', { paths: ['/content/missing'] })
const fourth = await client.deliver('publish', { action: 'delete', paths: ['/content/a/x.txt'] })
const exported = await client.replicate('publish', { paths: ['/content'] }, 'export')
const { body: accepted } = await client.post<Command>('/agent/publish/import', {
  json: { package: first.agents[0]?.package },
  headers: { prefer: 'wait=30' },
})

async function history(
  query: Readonly<Record<string, string | number>> = {},
  kind = 'replicate',
): Promise<Page<HistoryEntry>> {
  const { status, body, text } = await client.get<Page<HistoryEntry>>(`/agent/publish/${kind}/history`, { query })
  assert.equal(status, 200, text)
  return body
}

async function ids(query?: Readonly<Record<string, string | number>>, kind?: string): Promise<string[]> {
  return (await history(query, kind)).items.map(({ command }) => command)
}

test('each kind has its own history, newest first', async () => {
  assert.deepEqual(await ids(), [fourth.id, third.id, second.id, first.id])
  assert.deepEqual(await ids({}, 'export'), [exported.id])
  assert.deepEqual(await ids({}, 'import'), [accepted.id])
})

test('an entry tells what was done, when, by whom and what came of it', async () => {
  const [entry] = (await history({ path: '/content/a', status: 'succeeded', until: between })).items
  assert.ok(entry)
  const { action, paths, status, entries, bytes } = entry
  assert.deepEqual(
    { action, paths, status, entries, bytes },
    {
      action: 'add',
      paths: ['/content/a'],
      status: 'succeeded',
      entries: 2,
      bytes: 1,
    },
  )
  assert.equal(entry.package, first.agents[0]?.package)
  assert.equal(typeof entry.actor, 'string')
  assert.equal(entry.durationMs, Date.parse(entry.finishedAt ?? '') - Date.parse(entry.createdAt))
  const [target] = entry.targets
  assert.deepEqual([target?.target, target?.state, target?.attempts], ['default', 'delivered', 1])
  assert.equal(target?.receipt?.package, entry.package)
})

test('a failed entry tells why', async () => {
  const [entry] = (await history({ status: 'failed' })).items
  assert.equal(entry?.command, third.id)
  assert.equal(entry?.error?.code, 'missing')
  assert.match(entry?.error?.detail ?? '', /\/content\/missing/)
})

test('histories are filtered by status, time and path, by segments', async () => {
  assert.deepEqual(await ids({ status: 'succeeded' }), [fourth.id, second.id, first.id])
  assert.deepEqual(await ids({ since: between }), [fourth.id, third.id])
  assert.deepEqual(await ids({ until: between }), [second.id, first.id])
  assert.deepEqual(await ids({ path: '/content/a' }), [fourth.id, first.id])
  assert.deepEqual(await ids({ path: '/other' }), [second.id])
  assert.deepEqual(await ids({ path: '/content', status: 'failed' }), [third.id])
  assert.deepEqual(await ids({ path: '/nowhere' }), [])
})

test('cursors go through a history without gap or repeat, also while it grows', async () => {
  const found: string[] = []
  let page = await history({ limit: 1 })
  for (;;) {
    found.push(...page.items.map(({ command }) => command))
    if (page.next === undefined) break
    if (found.length === 2) await client.replicate('publish', { paths: ['/content/missing'] })
    page = await history({ limit: 1, cursor: page.next })
  }
  assert.deepEqual(found, [fourth.id, third.id, second.id, first.id])
})

test('commands are listed newest first and filtered', async () => {
  const list = async (query: Readonly<Record<string, string>>): Promise<string[]> => {
    const { status, body, text } = await client.get<Page<Command>>('/commands', { query })
    assert.equal(status, 200, text)
    return body.items.map(({ id }) => id)
  }
  assert.deepEqual(await list({ kind: 'export' }), [exported.id])
  assert.deepEqual(await list({ kind: 'import', agent: 'publish' }), [accepted.id])
  assert.deepEqual(await list({ agent: 'nobody' }), [])
  assert.deepEqual(await list({ path: '/other' }), [second.id])
  assert.deepEqual(await list({ until: between }), [second.id, first.id])
  assert.ok((await list({ state: 'failed' })).includes(third.id))
  const all = await list({})
  assert.deepEqual(all, all.toSorted().toReversed())
})

test('an agent shows its state, its queues and its last command', async () => {
  const { body } = await client.get<AgentView>('/agent/publish')
  assert.deepEqual([body.name, body.enabled, body.state], ['publish', true, 'idle'])
  assert.deepEqual(
    body.queues.map(({ name, state, size }) => [name, state, size]),
    [['default', 'idle', 0]],
  )
  assert.match(body.lastCommand?.id ?? '', /^[0-9A-Z]{26}$/)
  const { body: all } = await client.get<Page<AgentView>>('/agent')
  assert.deepEqual(
    all.items.map(({ name }) => name),
    ['publish'],
  )
})

test('an agent whose target refuses its address has failed, and says why', async () => {
  await client.agent({
    name: 'misdirected',
    source: { kind: 'directory', path: join(folder, 'source') },
    targets: [{ name: 'default', kind: 'remote', url: client.origin, agent: 'nobody' }],
  })
  const id = await client.send('misdirected', { paths: ['/content'] })
  const agent = await until('the failure', async () => {
    const { body } = await client.get<AgentView & { reason?: string }>('/agent/misdirected')
    return body.state === 'failed' && body
  })
  assert.match(agent.reason ?? '', /nobody/)
  assert.equal(agent.queues[0]?.blockedBy?.item, id)
  await client.post(`/commands/${id}/cancel`)
})

test('a target is tested step by step, changing nothing', async () => {
  interface Steps {
    readonly ok: boolean
    readonly steps: readonly { readonly step: string; readonly ok: boolean; readonly detail?: string }[]
  }
  const { status, body } = await client.post<Steps>('/agent/publish/targets/default/test')
  assert.deepEqual([status, body.ok], [200, true])
  assert.deepEqual(
    body.steps.map(({ step }) => step),
    ['folder', 'write', 'space'],
  )
  assert.match(body.steps.at(-1)?.detail ?? '', /^\d+ bytes are free$/)
  const bad = await client.post<Steps>('/agent/misdirected/targets/default/test')
  assert.deepEqual([bad.status, bad.body.ok], [200, false])
  assert.match(bad.body.steps.at(-1)?.detail ?? '', /nobody/)
  const said = bad.body.steps.map(({ step, ok, detail = '' }) => `${step} ${ok} ${detail}`)
  const [name, connect, answer, auth, version, write] = said
  assert.deepEqual([name, answer, auth], ['name true 127.0.0.1', 'answer true ', 'auth true '])
  assert.equal(connect, `connect true 127.0.0.1 port ${new URL(client.origin).port}`)
  assert.match(version ?? '', /^version true Trebuchet \d+\.\d+\.\d+/)
  assert.ok(write?.startsWith('write false') && said.length === 6)
  assert.equal((await client.post('/agent/publish/targets/nowhere/test')).status, 404)
})

test('a disabled agent says so, refuses commands and keeps what it holds', async () => {
  const patch = async (enabled: boolean): Promise<void> => {
    const { status, text } = await client.call('PATCH', '/replication/config/publish', {
      body: JSON.stringify({ enabled }),
      headers: { 'content-type': 'application/merge-patch+json' },
    })
    assert.equal(status, 200, text)
  }
  await client.post('/agent/publish/pause')
  const id = await client.send('publish', { paths: ['/content'] })
  await patch(false)
  await client.post('/agent/publish/resume')
  const { body } = await client.get<AgentView>('/agent/publish')
  assert.deepEqual([body.enabled, body.state], [false, 'disabled'])
  assert.equal((await client.post('/agent/publish/replicate', { json: { paths: ['/content'] } })).status, 409)
  assert.notEqual((await client.command(id)).state, 'succeeded')
  await patch(true)
  assert.equal((await client.finished(id)).state, 'succeeded')
})

test('the items of a queue come in the order in which they will go, paged', async () => {
  await client.post('/agent/publish/queues/default/pause')
  const sent: string[] = []
  for (let n = 0; n < 5; n++) sent.push(await client.send('publish', { paths: ['/content'] }))
  for (const id of sent) {
    const { body } = await client.get<Item>(`/agent/publish/queues/default/items/${id}`)
    assert.deepEqual([body.id, body.paths, body.pathCount, body.action], [id, ['/content'], 1, 'add'])
  }
  const found: string[] = []
  let cursor: string | undefined
  do {
    const query = { limit: 2, ...(cursor !== undefined && { cursor }) }
    const { body } = await client.get<Queue & Page<Item>>('/agent/publish/queues/default', { query })
    assert.equal(body.size, 5)
    found.push(...body.items.map(({ id }) => id))
    cursor = body.next
  } while (cursor !== undefined)
  assert.deepEqual(found, sent)
  const { body: queues } = await client.get<Page<Queue>>('/agent/publish/queues')
  assert.deepEqual(
    queues.items.map(({ name, state, size }) => [name, state, size]),
    [['default', 'paused', 5]],
  )
  await client.post('/agent/publish/queues/default/resume')
  for (const id of sent) assert.equal((await client.finished(id)).state, 'succeeded')
})

test('everything told outlives a crash', async () => {
  const before = await history({ limit: 500 })
  await server.crash()
  await server.launch()
  assert.deepEqual(await history({ limit: 500 }), before)
  const { targets } = (await client.command(first.id)).agents[0] ?? {}
  assert.deepEqual(targets, first.agents[0]?.targets)
})
