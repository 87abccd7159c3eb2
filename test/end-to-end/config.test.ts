/** Agents as they are configured over HTTP. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { plant, textAt } from './trees.ts'
import type { Config, Endpoint, Page, Problem } from './views.ts'

const folder = scratch()
plant(folder, { 'source/content/a.txt': 'a' })
const server = await Server.start()
const { client } = server
const from = { kind: 'directory', path: join(folder, 'source') }
const to = (name: string): Endpoint & { name: string } => ({ name, kind: 'directory', path: join(folder, name) })
const mergePatch = { 'content-type': 'application/merge-patch+json' }

test('a config is created, read, replaced, patched and deleted', async () => {
  const created = await client.post<Config>('/config', { json: { name: 'crud', source: from, targets: [to('one')] } })
  assert.equal(created.status, 201, created.text)
  assert.equal(created.headers.get('location'), '/replication/config/crud')
  assert.match(created.headers.get('etag') ?? '', /^"[^"]+"$/)
  assert.equal((await client.post('/config', { json: { name: 'crud' } })).status, 409)

  const read = await client.get<Config>('/config/crud')
  assert.deepEqual([read.status, read.headers.get('etag')], [200, created.headers.get('etag')])
  assert.deepEqual(read.body, created.body)
  assert.equal(read.body['enabled'], true)
  assert.deepEqual(read.body['roots'], ['/'])

  const replaced = await client.call<Config>('PUT', '/replication/config/crud', {
    json: { name: 'crud', title: 'Two' },
  })
  assert.deepEqual([replaced.status, replaced.body['title']], [200, 'Two'])
  assert.notEqual(replaced.headers.get('etag'), read.headers.get('etag'))
  const other = await client.call<Problem>('PUT', '/replication/config/crud', { json: { name: 'other' } })
  assert.deepEqual([other.status, other.body.code], [400, 'invalid'])

  const patched = await client.call<Config>('PATCH', '/replication/config/crud', {
    body: JSON.stringify({ title: null, description: 'patched' }),
    headers: mergePatch,
  })
  assert.deepEqual([patched.status, patched.body['title'], patched.body['description']], [200, undefined, 'patched'])

  const list = await client.get<Page<Config>>('/config')
  assert.ok(list.body.items.some(({ name }) => name === 'crud'))
  assert.equal((await client.call('DELETE', '/replication/config/crud')).status, 204)
  assert.equal((await client.get('/config/crud')).status, 404)
  assert.equal((await client.call('DELETE', '/replication/config/crud')).status, 404)
})

test('PUT creates too, and a form with :operation=delete deletes', async () => {
  const made = await client.call('PUT', '/replication/config/put', { json: { name: 'put' } })
  assert.equal(made.status, 201)
  const body = new URLSearchParams({ ':operation': 'delete' })
  assert.equal((await client.call('POST', '/system/replication/config/put', { body })).status, 204)
  assert.equal((await client.get('/config/put')).status, 404)
})

test('conditions are honoured on every write', async () => {
  const at = '/replication/config/conditional'
  const first = await client.call('PUT', at, { json: { name: 'conditional' }, headers: { 'if-none-match': '*' } })
  assert.equal(first.status, 201)
  const tag = first.headers.get('etag') ?? ''
  const stale = async (method: string, headers: Record<string, string>, json?: object): Promise<void> => {
    const { status, body } = await client.call<Problem>(method, at, { headers, ...(json && { json }) })
    assert.deepEqual([method, status, body.code], [method, 412, 'stale'])
  }
  await stale('PUT', { 'if-none-match': '*' }, { name: 'conditional' })
  await stale('PUT', { 'if-match': '"other"' }, { name: 'conditional' })
  await stale('PATCH', { 'if-match': '"other"', ...mergePatch }, { title: 'x' })
  await stale('DELETE', { 'if-match': '"other"' })
  const second = await client.call('PUT', at, {
    json: { name: 'conditional', title: 'x' },
    headers: { 'if-match': tag },
  })
  assert.equal(second.status, 200)
  await stale('DELETE', { 'if-match': tag })
})

test('every write is a revision, and any can be restored', async () => {
  const at = '/replication/config/revised'
  for (const title of ['one', 'two', 'three']) await client.call('PUT', at, { json: { name: 'revised', title } })
  const { body } = await client.get<Page<{ number: number; at: string; actor: string }>>('/config/revised/revisions')
  assert.deepEqual(
    body.items.map(({ number }) => number).toSorted((a, b) => a - b),
    [1, 2, 3],
  )
  const restored = await client.call<Config>('POST', `${at}/revisions/1/restore`)
  assert.deepEqual([restored.status, restored.body['title']], [200, 'one'])
  const after = await client.get<Page<unknown>>('/config/revised/revisions')
  assert.equal(after.body.items.length, 4)
  assert.equal((await client.call('POST', `${at}/revisions/99/restore`)).status, 404)
})

test('a config is not deleted, nor a target taken from it, while its queues hold items', async () => {
  await client.agent({ name: 'held', source: from, targets: [to('kept'), to('dropped')] })
  await client.post('/agent/held/pause')
  const id = await client.send('held', { paths: ['/content'] })
  const refused = await client.call<Problem>('DELETE', '/replication/config/held')
  assert.deepEqual([refused.status, refused.body.code], [409, 'conflict'])
  const patch = { body: JSON.stringify({ targets: [to('kept')] }), headers: mergePatch }
  assert.equal((await client.call('PATCH', '/replication/config/held', patch)).status, 409)
  const forced = await client.call('PATCH', '/replication/config/held?force=true', patch)
  assert.equal(forced.status, 200, forced.text)
  await client.post('/agent/held/resume')
  const command = await client.finished(id)
  const states = command.agents[0]?.targets.map(({ target, state }) => [target, state])
  assert.deepEqual(states, [
    ['kept', 'delivered'],
    ['dropped', 'cancelled'],
  ])
  assert.equal(textAt(folder, 'kept/content/a.txt'), 'a')
})

test('a deleted agent that held items ends their commands', async () => {
  await client.agent({ name: 'forced', source: from, targets: [to('never')] })
  await client.post('/agent/forced/pause')
  const id = await client.send('forced', { paths: ['/content'] })
  assert.equal((await client.call('DELETE', '/replication/config/forced?force=true')).status, 204)
  assert.match((await client.finished(id)).state, /cancelled|failed/)
  assert.equal((await client.post('/agent/forced/replicate', { json: { paths: ['/content'] } })).status, 404)
})

test('a secret is taken, used and never shown', async () => {
  const remote = { name: 'far', kind: 'remote', url: 'http://127.0.0.1:9', agent: 'intake', token: 'hush-hush-1234' }
  await client.agent({ name: 'secretive', source: from, targets: [remote] })
  for (const path of ['/config/secretive', '/config', '/config/secretive/revisions', '/agent/secretive']) {
    const { status, text } = await client.get(path)
    assert.equal(status, 200)
    assert.doesNotMatch(text, /hush-hush/)
  }
  const shown = await client.get<Config>('/config/secretive')
  assert.deepEqual(shown.body.targets?.[0]?.['token'], { secret: 'set' })
  const back = await client.call('PUT', '/replication/config/secretive', { json: shown.body })
  assert.equal(back.status, 200, back.text)
  const { text } = await client.get('/config/secretive/revisions')
  assert.doesNotMatch(text, /hush-hush/)
  assert.ok(!server.output.includes('hush-hush'))
})

test('GET /endpoint-kinds lists the kinds and what each can be', async () => {
  const { status, body } = await client.get<Page<{ kind: string; source: boolean; target: boolean }>>('/endpoint-kinds')
  assert.equal(status, 200)
  const kinds = Object.fromEntries(body.items.map(({ kind, source, target }) => [kind, [source, target]]))
  assert.deepEqual(kinds['directory'], [true, true])
  assert.deepEqual(kinds['file'], [true, true])
  assert.deepEqual(kinds['memory'], [true, true])
  assert.deepEqual(kinds['remote'], [false, true])
})
