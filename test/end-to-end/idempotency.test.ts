/** The same request sent twice, because its first answer was lost. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Answer, Call } from './client.ts'
import { multipart } from './multipart.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Accepted, AgentView, Command, HistoryEntry, Page, Problem } from './views.ts'

const folder = scratch()
plant(folder, { 'source/page.html': 'page' })

const server = await Server.start()
const { client } = server
await client.agent({
  name: 'publish',
  source: { kind: 'directory', path: join(folder, 'source') },
  targets: [{ name: 'default', kind: 'directory', path: join(folder, 'target') }],
})

const replicate = '/agent/publish/replicate'
const json = { paths: ['/page.html'] }

async function commands(): Promise<number> {
  const { body } = await client.get<Page<HistoryEntry>>('/commands', { query: { limit: 500 } })
  return body.items.length
}

function assertReplayed(first: Answer<Accepted>, second: Answer<Accepted>): void {
  assert.equal(first.headers.get('idempotent-replayed'), null)
  assert.equal(second.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual([second.status, second.body], [first.status, first.body])
  assert.equal(second.headers.get('location'), first.headers.get('location'))
}

test('the same key and body get the first answer again, and one command', async () => {
  const call = { json, headers: { 'idempotency-key': 'once' } }
  const before = await commands()
  const first = await client.post<Accepted>(replicate, call)
  assert.equal(first.status, 202, first.text)
  assertReplayed(first, await client.post<Accepted>(replicate, call))
  await client.finished(first.body.id)
  assertReplayed(first, await client.post<Accepted>(replicate, call))
  assert.equal(await commands(), before + 1)
})

test('the order of fields does not make another body', async () => {
  const headers = { 'idempotency-key': 'order' }
  const first = await client.post<Accepted>(replicate, { json: { paths: ['/page.html'], deep: true }, headers })
  assertReplayed(
    first,
    await client.post<Accepted>(replicate, { json: { deep: true, paths: ['/page.html'] }, headers }),
  )
})

test('the same key with another body is 422', async () => {
  const headers = { 'idempotency-key': 'other' }
  assert.equal((await client.post(replicate, { json, headers })).status, 202)
  const { status, body } = await client.post<Problem>(replicate, { json: { paths: ['/other.html'] }, headers })
  assert.deepEqual([status, body.code], [422, 'corrupt'])
})

test('a key belongs to its path', async () => {
  const call = { json, headers: { 'idempotency-key': 'path' } }
  const first = await client.post<Accepted>(replicate, call)
  const second = await client.post<Accepted>('/agent/publish/export', call)
  assert.equal(second.status, 202, second.text)
  assert.notEqual(second.body.id, first.body.id)
})

test('of requests at the same time one is handled, the others get its answer or 409', async () => {
  const before = await commands()
  const call = { json, headers: { 'idempotency-key': 'together' } }
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.post<Accepted>(replicate, call)))
  const ids = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.id))
  assert.equal(ids.size, 1)
  assert.ok(answers.every(({ status }) => status === 202 || status === 409))
  assert.equal(await commands(), before + 1)
})

test('a refusal is not kept: the mended request may have the same key', async () => {
  const headers = { 'idempotency-key': 'refused' }
  assert.equal((await client.post(replicate, { json: { paths: [] }, headers })).status, 400)
  assert.equal((await client.post(replicate, { json, headers })).status, 202)
})

test('an upload repeated with its key is recognised', async () => {
  const response = await client.fetch('POST', '/replication/agent/publish/export', {
    json,
    headers: { accept: 'application/zip' },
  })
  const content = new Uint8Array(await response.arrayBuffer())
  const raw = { body: content, headers: { 'content-type': 'application/zip', 'idempotency-key': 'upload' } }
  const first = await client.post<Accepted>('/agent/publish/import', raw)
  assert.equal(first.status, 202, first.text)
  assertReplayed(first, await client.post<Accepted>('/agent/publish/import', raw))

  const form = (): Call => {
    const { body, headers } = multipart({ name: 'package', content, filename: 'p.zip', type: 'application/zip' })
    return { body, headers: { ...headers, 'idempotency-key': 'form' } }
  }
  const once = await client.post<Accepted>('/agent/publish/import', form())
  assert.equal(once.status, 202, once.text)
  assertReplayed(once, await client.post<Accepted>('/agent/publish/import', form()))
})

test('keys outlive a crash of the server', async () => {
  const call = { json, headers: { 'idempotency-key': 'crash' } }
  const first = await client.post<Accepted>(replicate, call)
  assert.equal(first.status, 202)
  await server.crash()
  await server.launch()
  const before = await commands()
  assertReplayed(first, await client.post<Accepted>(replicate, call))
  assert.equal(await commands(), before)
  const other = await client.post<Problem>(replicate, { ...call, json: { paths: ['/x'] } })
  assert.equal(other.status, 422)
  const command: Command = await client.finished(first.body.id)
  assert.equal(command.state, 'succeeded')
})

test('what is asked of configs, agents and queues with a key is done once too, also over a crash', async () => {
  const reason = 'maintenance'
  const pause = { json: { reason }, headers: { 'idempotency-key': 'pause' } }
  const first = await client.post('/agent/publish/pause', pause)
  assert.equal(first.status, 200, first.text)
  const create = { json: { name: 'another', targets: [] }, headers: { 'idempotency-key': 'create' } }
  const created = await client.post('/config', create)
  assert.equal(created.status, 201, created.text)
  await server.crash()
  await server.launch()
  assert.equal((await client.post('/agent/publish/resume')).status, 200)
  const again = await client.post('/agent/publish/pause', pause)
  assert.deepEqual([again.status, again.body], [200, first.body])
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.equal((await client.get<AgentView>('/agent/publish')).body.state, 'idle')
  assert.equal((await client.post('/agent/publish/pause', { ...pause, json: { reason: 'other' } })).status, 422)
  const same = await client.post('/config', create)
  assert.deepEqual([same.status, same.body], [201, created.body])
  for (const name of ['location', 'etag']) assert.equal(same.headers.get(name), created.headers.get(name))
  const taken = { ...create, headers: { 'idempotency-key': 'taken' } }
  assert.equal((await client.post('/config', taken)).status, 409)
  await client.call('DELETE', '/replication/config/another')
  assert.equal((await client.post('/config', taken)).status, 201)
  assert.equal((await client.call('DELETE', '/replication/config/another')).status, 204)
  const remove = { body: ':operation=delete', headers: { 'content-type': 'application/x-www-form-urlencoded' } }
  await client.post('/config', { json: { name: 'gone', targets: [] } })
  for (const _ of ['once', 'again']) {
    const headers = { ...remove.headers, 'idempotency-key': 'remove' }
    assert.equal((await client.post('/config/gone', { ...remove, headers })).status, 204)
  }
})

test('of verbs with the same key at the same time one acts', async () => {
  const call = { json: { reason: 'once' }, headers: { 'idempotency-key': 'together' } }
  const answers = await Promise.all(Array.from({ length: 8 }, () => client.post('/agent/publish/pause', call)))
  assert.ok(answers.every(({ status }) => status === 200 || status === 409))
  const done = answers.filter(({ status }) => status === 200)
  assert.equal(done.filter(({ headers }) => headers.get('idempotent-replayed') === null).length, 1)
  await client.post('/agent/publish/resume')
})

test('a key of no characters or too many is refused', async () => {
  const { status } = await client.post(replicate, { json, headers: { 'idempotency-key': 'x'.repeat(256) } })
  assert.equal(status, 400)
})
