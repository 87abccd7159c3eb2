import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { enqueue } from '../../src/queues/lanes.ts'
import { givenApp, type GivenApp } from './given-app.ts'

const config = '/replication/config'
const shared = await givenApp({ after })
const merge = { 'content-type': 'application/merge-patch+json' }

async function create({ call, config: valid }: GivenApp, name: string, more: object = {}): Promise<string> {
  const response = await call({ method: 'POST', url: config, payload: { ...valid(name), ...more } })
  assert.equal(response.statusCode, 201, response.body)
  return String(response.headers.etag)
}

async function queueOne({ parts }: GivenApp, agent: string): Promise<void> {
  const item = { command: 'c1', target: 'default', enqueuedAt: new Date().toISOString() }
  await parts.store.commit({ writes: enqueue({ agent, queue: 'default' }, item) })
}

test('POST creates: 201 with Location, ETag and the config', async (t) => {
  const { call, config: valid, folder } = await givenApp(t)
  const response = await call({ method: 'POST', url: config, payload: { ...valid('a'), title: 'A' } })
  assert.equal(response.statusCode, 201)
  assert.equal(response.headers.location, '/replication/config/a')
  assert.match(String(response.headers.etag), /^"[^"]+"$/)
  const body = response.json()
  assert.equal(body.title, 'A')
  assert.deepEqual(body.targets, [{ name: 'default', kind: 'directory', path: join(folder, 'a') }])
  assert.equal(body.queue.onFailure, 'block')
})

test('POST of a name that is taken is 409', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a')
  const response = await given.call({ method: 'POST', url: config, payload: given.config('a') })
  assert.equal(response.statusCode, 409)
  assert.equal(response.json().code, 'conflict')
})

test('GET reads with ETag, 304 for who has it already, 404 for what is not there', async (t) => {
  const given = await givenApp(t)
  const etag = await create(given, 'a')
  const response = await given.call(`${config}/a`)
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers.etag, etag)
  for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
    const same = await given.call({ url: `${config}/a`, headers: { 'if-none-match': tag } })
    assert.equal(same.statusCode, 304)
    assert.equal(same.headers.etag, etag)
    assert.equal(same.body, '')
  }
  assert.equal((await given.call({ url: `${config}/a`, headers: { 'if-none-match': '"x"' } })).statusCode, 200)
  assert.equal((await given.call(`${config}/b`)).statusCode, 404)
})

test('PUT creates with 201 and replaces with 200', async (t) => {
  const { call, config: valid } = await givenApp(t)
  const first = await call({ method: 'PUT', url: `${config}/a`, payload: { ...valid('a'), title: 'A' } })
  assert.equal(first.statusCode, 201)
  assert.equal(first.headers.location, '/replication/config/a')
  const second = await call({ method: 'PUT', url: `${config}/a`, payload: valid('a') })
  assert.equal(second.statusCode, 200)
  assert.equal(second.json().title, undefined)
  assert.notEqual(second.headers.etag, first.headers.etag)
})

test('what a GET answers can be PUT back', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a')
  const before = (await given.call(`${config}/a`)).json()
  const response = await given.call({ method: 'PUT', url: `${config}/a`, payload: before })
  assert.equal(response.statusCode, 200, response.body)
  assert.deepEqual(response.json(), before)
})

test('PUT of a body with another name than the path is 400', async (t) => {
  const { call, config: valid } = await givenApp(t)
  const response = await call({ method: 'PUT', url: `${config}/b`, payload: valid('a') })
  assert.equal(response.statusCode, 400)
  assert.deepEqual(response.json().errors, [{ pointer: '/name', message: 'must be b, the name in the path' }])
})

test('PATCH merges, with either media type, and removes what is null', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a', { title: 'A', description: 'D', queue: { limit: 5 } })
  const patch = { title: null, queue: { attempts: 3 } }
  const first = await given.call({
    method: 'PATCH',
    url: `${config}/a`,
    headers: merge,
    payload: JSON.stringify(patch),
  })
  assert.equal(first.statusCode, 200, first.body)
  assert.equal(first.json().title, undefined)
  assert.equal(first.json().description, 'D')
  assert.deepEqual([first.json().queue.limit, first.json().queue.attempts], [5, 3])
  const second = await given.call({ method: 'PATCH', url: `${config}/a`, payload: { queue: null } })
  assert.equal(second.json().queue.limit, 10_000)
})

test('PATCH cannot rename, and what it leads to is checked whole', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a')
  const patches: readonly (readonly [unknown, string])[] = [
    [{ name: 'b' }, '/name'],
    [{ targets: null, enabled: 'no' }, '/enabled'],
    [{ nope: 1 }, '/nope'],
    [[], ''],
  ]
  for (const [patch, pointer] of patches) {
    const response = await given.call({
      method: 'PATCH',
      url: `${config}/a`,
      headers: merge,
      payload: JSON.stringify(patch),
    })
    assert.equal(response.statusCode, 400)
    assert.deepEqual(
      response.json().errors.map((fault: { pointer: string }) => fault.pointer),
      [pointer],
    )
  }
  assert.equal((await given.call({ method: 'PATCH', url: `${config}/b`, payload: {} })).statusCode, 404)
})

test('DELETE deletes, and so does a form, plain or multipart', async (t) => {
  const given = await givenApp(t)
  const url = `${config}/a`
  const multipart = '--x\r\ncontent-disposition: form-data; name=":operation"\r\n\r\ndelete\r\n--x--\r\n'
  for (const request of [
    { method: 'DELETE', url },
    {
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: ':operation=delete',
    },
    { method: 'POST', url, headers: { 'content-type': 'multipart/form-data; boundary=x' }, payload: multipart },
  ] as const) {
    await create(given, 'a')
    const response = await given.call(request)
    assert.equal(response.statusCode, 204, response.body)
    assert.equal((await given.call(url)).statusCode, 404)
    assert.equal((await given.call(request)).statusCode, 404)
  }
})

test('a form that asks for anything else is 400, JSON there is 415', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a')
  const headers = { 'content-type': 'application/x-www-form-urlencoded' }
  for (const payload of ['', ':operation=copy', ':operation=delete&x=1', 'x=1']) {
    const response = await given.call({ method: 'POST', url: `${config}/a`, headers, payload })
    assert.equal(response.statusCode, 400, payload)
  }
  assert.equal((await given.call({ method: 'POST', url: `${config}/a`, payload: {} })).statusCode, 415)
  assert.equal((await given.call(`${config}/a`)).statusCode, 200)
})

test('an agent whose queues hold items is 409 to delete and to strip of its target, unless forced', async (t) => {
  const given = await givenApp(t)
  await create(given, 'a')
  await queueOne(given, 'a')
  const patch = { method: 'PATCH', url: `${config}/a`, payload: { targets: [] } } as const
  for (const request of [{ method: 'DELETE', url: `${config}/a` } as const, patch]) {
    const response = await given.call(request)
    assert.equal(response.statusCode, 409)
    assert.match(response.json().detail, /default/)
  }
  assert.equal((await given.call({ ...patch, url: `${config}/a?force=true` })).statusCode, 200)
  assert.equal((await given.call({ method: 'DELETE', url: `${config}/a?force=perhaps` })).statusCode, 400)
  assert.equal((await given.call({ method: 'DELETE', url: `${config}/a?force=true` })).statusCode, 204)
})

test('If-Match and If-None-Match are honoured on every write with 412', async (t) => {
  const given = await givenApp(t)
  const etag = await create(given, 'a')
  const payload = given.config('a')
  const requests = [
    { method: 'POST', url: config, payload },
    { method: 'PUT', url: `${config}/a`, payload },
    { method: 'PATCH', url: `${config}/a`, payload: {} },
    { method: 'DELETE', url: `${config}/a` },
    { method: 'POST', url: `${config}/a/revisions/1/restore` },
  ] as const
  for (const request of requests)
    for (const headers of [{ 'if-match': '"other"' }, { 'if-none-match': '*' }]) {
      const response = await given.call({ ...request, headers })
      assert.equal(response.statusCode, 412, JSON.stringify({ ...request, headers }))
      assert.equal(response.json().code, 'stale')
    }
  const held = await given.call({
    method: 'PATCH',
    url: `${config}/a`,
    payload: { title: 'A' },
    headers: { 'if-match': etag },
  })
  assert.equal(held.statusCode, 200)
  const late = await given.call({
    method: 'PATCH',
    url: `${config}/a`,
    payload: { title: 'B' },
    headers: { 'if-match': etag },
  })
  assert.equal(late.statusCode, 412)
})

test('the list is by name, in pages with a link to the next', async (t) => {
  const given = await givenApp(t)
  for (const name of ['c', 'a', 'b']) await create(given, name)
  const names: string[] = []
  let url: string | undefined = `${config}?limit=2`
  while (url !== undefined) {
    const response = await given.call(url)
    const { items, next } = response.json() as { items: { name: string }[]; next?: string }
    names.push(...items.map((item) => item.name))
    const link: string | undefined = /^<([^>]+)>; rel="next"$/.exec(String(response.headers.link ?? ''))?.[1]
    assert.equal(link === undefined, next === undefined)
    if (next !== undefined) assert.equal(link, `${config}?limit=2&cursor=${next}`)
    url = link
  }
  assert.deepEqual(names, ['a', 'b', 'c'])
})

for (const query of [
  'limit=0',
  'limit=501',
  'limit=x',
  'limit=1&limit=2',
  'cursor=',
  'cursor=x',
  'cursor=e30',
  'cursor=eyJhZnRlciI6Ii4uIn0',
  'limt=5',
])
  test(`the list with ${query} is 400, with the parameter named`, async () => {
    const response = await shared.call(`${config}?${query}`)
    assert.equal(response.statusCode, 400)
    assert.deepEqual(
      response.json().errors.map((fault: { pointer: string }) => fault.pointer),
      [`/${query.split('=', 1)[0]}`],
    )
  })

test('validate says what is wrong, stores nothing, and is not a name', async (t) => {
  const given = await givenApp(t)
  const url = `${config}/validate`
  const good = await given.call({ method: 'POST', url, payload: given.config('a') })
  const { changes, ...verdict } = good.json()
  assert.deepEqual([good.statusCode, verdict], [200, { valid: true, errors: [], warnings: [] }])
  assert.deepEqual(
    changes.map(({ pointer, after }: { pointer: string; after: { name: string } }) => [pointer, after.name]),
    [['', 'a']],
  )
  const bad = await given.call({ method: 'POST', url, payload: { name: 'a', source: { kind: 'ftp' } } })
  assert.equal(bad.statusCode, 200)
  assert.equal(bad.json().valid, false)
  assert.deepEqual(
    bad.json().errors.map((fault: { pointer: string }) => fault.pointer),
    ['/source/kind'],
  )
  const doubtful = await given.call({ method: 'POST', url, payload: { name: 'a' } })
  assert.equal(doubtful.json().valid, true)
  assert.equal(doubtful.json().warnings[0].pointer, '/targets')
  assert.equal((await given.call(`${config}/a`)).statusCode, 404)
  assert.equal((await given.call(`${config}/validate`)).statusCode, 404)
  assert.equal((await given.call({ method: 'PUT', url, payload: given.config('validate') })).statusCode, 400)
})

test('validate says what a PUT would change, and shows no secret', async (t) => {
  const given = await givenApp(t)
  const target = { name: 'far', kind: 'remote', url: 'https://far.example', agent: 'b', token: 'old-secret' }
  const before = { ...given.config('a'), title: 'One', targets: [target] }
  const { headers } = await given.call({ method: 'PUT', url: `${config}/a`, payload: before })
  const ask = async (payload: object) =>
    (await given.call({ method: 'POST', url: `${config}/validate`, payload })).json()
  const same = await ask(before)
  assert.deepEqual([same.changes, same.etag], [[], headers['etag']])
  const other = await ask({ ...before, title: 'Two', targets: [{ ...target, token: 'new-secret' }] })
  assert.deepEqual(
    other.changes.toSorted((one: { pointer: string }, two: { pointer: string }) =>
      one.pointer < two.pointer ? -1 : 1,
    ),
    [
      { pointer: '/targets/0/token', before: { secret: 'set' }, after: { secret: 'set' } },
      { pointer: '/title', before: 'One', after: 'Two' },
    ],
  )
})
