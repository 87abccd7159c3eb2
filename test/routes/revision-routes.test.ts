import assert from 'node:assert/strict'
import { test } from 'node:test'
import { givenApp, type GivenApp } from './given-app.ts'

const config = '/replication/config'

async function create({ call, config: valid }: GivenApp, name: string, more: object = {}): Promise<string> {
  const response = await call({ method: 'POST', url: config, payload: { ...valid(name), ...more } })
  assert.equal(response.statusCode, 201, response.body)
  return String(response.headers.etag)
}

test('secrets are write-only', async (t) => {
  const given = await givenApp(t)
  const far = { name: 'far', kind: 'remote', url: 'https://b.example', agent: 'in', token: 's3cret' }
  await create(given, 'a', { targets: [far] })
  const shown = (await given.call(`${config}/a`)).json()
  assert.deepEqual(shown.targets[0].token, { secret: 'set' })
  const kept = await given.call({ method: 'PUT', url: `${config}/a`, payload: shown })
  assert.deepEqual(kept.json().targets[0].token, { secret: 'set' })
  assert.equal((await given.parts.configs.load('a')).config.targets[0]?.['token'], 's3cret')
  const moved = { targets: [{ ...shown.targets[0], url: 'https://c.example' }] }
  const dropped = await given.call({ method: 'PATCH', url: `${config}/a`, payload: moved })
  assert.equal(dropped.json().targets[0].token, undefined)
  const revisions = await given.call(`${config}/a/revisions`)
  assert.doesNotMatch(revisions.body + JSON.stringify(given.lines), /s3cret/)
})

test('revisions say number, time, who and what; one can be restored as a new one', async (t) => {
  const given = await givenApp(t)
  const etag = await create(given, 'a', { title: 'one' })
  await given.call({ method: 'PATCH', url: `${config}/a`, payload: { title: 'two' } })
  const restored = await given.call({ method: 'POST', url: `${config}/a/revisions/1/restore` })
  assert.equal(restored.statusCode, 200, restored.body)
  assert.equal(restored.json().title, 'one')
  assert.notEqual(restored.headers.etag, etag)
  const { items, next } = (await given.call(`${config}/a/revisions?limit=2`)).json()
  assert.deepEqual(
    items.map((item: { number: number }) => item.number),
    [3, 2],
  )
  assert.deepEqual(items[1].changes, [{ pointer: '/title', before: 'one', after: 'two' }])
  assert.equal(items[0].restored, 1)
  const rest = (await given.call(`${config}/a/revisions?limit=2&cursor=${next}`)).json()
  assert.deepEqual([rest.items.length, rest.next], [1, undefined])
  for (const number of ['9', '0', 'x', '1.5', '-1'])
    assert.equal((await given.call({ method: 'POST', url: `${config}/a/revisions/${number}/restore` })).statusCode, 404)
  assert.equal((await given.call(`${config}/b/revisions`)).statusCode, 404)
})

test('a revision says what it left, without secrets, and what restoring it would change now', async (t) => {
  const given = await givenApp(t)
  const far = { name: 'far', kind: 'remote', url: 'https://b.example', agent: 'in', token: 's3cret' }
  await create(given, 'a', { title: 'one', targets: [far] })
  await given.call({ method: 'PATCH', url: `${config}/a`, payload: { title: 'two' } })
  const now = await given.call({ method: 'PATCH', url: `${config}/a`, payload: { title: 'three' } })
  const first = (await given.call(`${config}/a/revisions/1`)).json()
  assert.deepEqual([first.number, first.action, first.config.title], [1, 'created', 'one'])
  assert.deepEqual(first.config.targets[0].token, { secret: 'set' })
  assert.deepEqual(first.restoring, [{ pointer: '/title', before: 'three', after: 'one' }])
  assert.equal(first.etag, now.headers.etag)
  assert.deepEqual((await given.call(`${config}/a/revisions/3`)).json().restoring, [])
  await given.call({ method: 'DELETE', url: `${config}/a` })
  const deleted = (await given.call(`${config}/a/revisions/4`)).json()
  assert.deepEqual([deleted.action, deleted.config, deleted.restoring, deleted.etag], ['deleted', ...Array(3)])
  const gone = (await given.call(`${config}/a/revisions/1`)).json()
  assert.deepEqual(
    gone.restoring.map(({ pointer }: { pointer: string }) => pointer),
    [''],
  )
  assert.doesNotMatch(JSON.stringify([first, gone]), /s3cret/)
  assert.equal((await given.call(`${config}/a/revisions/9`)).statusCode, 404)
})

test('the kinds of endpoints come with their schemas and what they can be', async (t) => {
  const { call } = await givenApp(t)
  const { items } = (await call('/replication/endpoint-kinds')).json()
  const remote = items.find((item: { kind: string }) => item.kind === 'remote')
  assert.deepEqual(
    [remote.source, remote.target, remote.secrets],
    [false, true, ['token', 'tls/ca', 'tls/cert', 'tls/key']],
  )
  assert.deepEqual(remote.schema.required, ['kind', 'url', 'agent'])
  const directory = items.find((item: { kind: string }) => item.kind === 'directory')
  assert.deepEqual([directory.source, directory.target], [true, true])
})

test('the other two prefixes serve the same, and link to themselves', async (t) => {
  const { call, config: valid } = await givenApp(t)
  for (const [name, prefix] of [
    ['a', '/libs/sling/replication'],
    ['b', '/system/replication'],
  ] as const) {
    const response = await call({ method: 'POST', url: `${prefix}/config`, payload: valid(name) })
    assert.equal(response.statusCode, 201)
    assert.equal(response.headers.location, `${prefix}/config/${name}`)
  }
  assert.equal((await call('/replication/config')).json().items.length, 2)
  assert.equal((await call('/config')).statusCode, 404)
})
