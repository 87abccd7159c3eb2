import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { after, test, type TestContext } from 'node:test'
import type { LightMyRequestResponse } from 'fastify'
import { ReplicationError } from '../../src/errors.ts'
import { until } from '../agents/until.ts'
import { givenApp, type GivenApp } from './given-app.ts'

const config = '/replication/config'
/** For the tests that leave nothing behind that another could notice. */
const { call } = await givenApp({ after })
const json = { 'content-type': 'application/json' }

function assertProblem(response: LightMyRequestResponse, status: number, code: string): Record<string, unknown> {
  assert.equal(response.statusCode, status, response.body)
  assert.match(String(response.headers['content-type']), /^application\/problem\+json(;|$)/)
  const problem = response.json()
  assert.equal(problem.status, status)
  assert.equal(problem.code, code)
  assert.equal(problem.type, 'about:blank')
  assert.equal(problem.requestId, response.headers['x-request-id'])
  assert.equal(typeof problem.detail, 'string')
  assert.doesNotMatch(response.body, /node_modules|\.js:\d|\.ts:\d|FST_/)
  return problem
}

test('what is not there is a problem', async () => {
  for (const url of ['/nope', '/replication', '/replication/nope', `${config}/a/nope`]) {
    const problem = assertProblem(await call(`${url}?x=1`), 404, 'missing')
    assert.equal(problem['instance'], url)
    assert.equal(problem['title'], 'Not Found')
  }
})

for (const name of [
  'a%20b',
  '%2e%2e',
  'a%2Fb',
  '-a',
  '%C3%A4',
  '%zz',
  '%ff',
  'a'.repeat(65),
  'a'.repeat(600),
  '__proto__',
])
  test(`the malformed name ${name.slice(0, 12)} is 404 for every method`, async () => {
    const url = `${config}/${name}`
    for (const method of ['GET', 'DELETE'] as const) assertProblem(await call({ method, url }), 404, 'missing')
    for (const method of ['PUT', 'PATCH'] as const)
      assertProblem(await call({ method, url, payload: {} }), 404, 'missing')
  })

test('another method than those of an address is 405 with those in Allow', async () => {
  const response = await call({ method: 'DELETE', url: config })
  assertProblem(response, 405, 'invalid')
  assert.equal(response.headers.allow, 'GET, HEAD, POST')
  assert.equal(
    (await call({ method: 'OPTIONS', url: `${config}/a` })).headers.allow,
    'GET, HEAD, POST, PUT, PATCH, DELETE',
  )
})

test('HEAD is where GET is, with the same headers and no body', async (t) => {
  const { call, config: valid } = await givenApp(t)
  await call({ method: 'POST', url: config, payload: valid('a') })
  for (const url of [config, `${config}/a`, '/health/live', '/metrics', '/openapi.json']) {
    const [get, head] = [await call(url), await call({ method: 'HEAD', url })]
    assert.equal(head.statusCode, 200, url)
    assert.equal(head.body, '')
    assert.equal(head.headers.etag, get.headers.etag)
    assert.equal(head.headers['content-type'], get.headers['content-type'])
  }
  assert.equal((await call({ method: 'HEAD', url: `${config}/b` })).statusCode, 404)
})

const broken: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ['no JSON', '{"name":', /is not JSON/],
  ['JSON with a comment', '{} // x', /is not JSON/],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22]), /is not UTF-8/],
  ['a prototype', '{"name":"a","__proto__":{"x":1}}', /__proto__/],
  ['a constructor', '{"constructor":{"prototype":{"x":1}}}', /constructor/],
  ['a hundred thousand brackets', '['.repeat(100_000), /levels deep/],
  ['nothing at all', '', /is missing/],
]
for (const [what, payload, detail] of broken)
  test(`a body that is ${what} is 400`, async () => {
    for (const request of [
      { method: 'POST', url: config },
      { method: 'PATCH', url: `${config}/a` },
    ] as const) {
      const problem = assertProblem(await call({ ...request, headers: json, payload }), 400, 'invalid')
      assert.match(String(problem['detail']), detail)
    }
  })

test('another media type than those of a route is 415, with those in Accept', async () => {
  for (const type of [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/zip',
    'nonsense',
  ]) {
    const response = await call({
      method: 'POST',
      url: config,
      headers: { 'content-type': type },
      payload: '{"name":"a"}',
    })
    assertProblem(response, 415, 'invalid')
    assert.equal(response.headers.accept, 'application/json')
  }
  const untyped = await call({ method: 'PATCH', url: `${config}/a`, headers: { 'content-type': '' }, payload: '{}' })
  assertProblem(untyped, 415, 'invalid')
  assert.equal(untyped.headers.accept, 'application/merge-patch+json, application/json')
})

test('JSON may name its charset, in any case', async () => {
  for (const type of ['application/json; charset=utf-8', 'Application/JSON', 'application/json;charset=UTF-8'])
    assert.equal(
      (await call({ method: 'PUT', url: `${config}/a`, headers: { 'content-type': type }, payload: '{}' })).statusCode <
        300,
      true,
      type,
    )
})

test('a body that is too large is 413', async () => {
  const payload = JSON.stringify({ name: 'a', description: 'x'.repeat(300_000) })
  assertProblem(await call({ method: 'POST', url: config, headers: json, payload }), 413, 'too-large')
})

test('a body where none is taken is 400, an empty one is not', async (t) => {
  const { call, config: valid } = await givenApp(t)
  await call({ method: 'POST', url: config, payload: valid('a') })
  const url = `${config}/a/revisions/1/restore`
  assertProblem(await call({ method: 'POST', url, payload: { revision: 1 } }), 400, 'invalid')
  assert.equal((await call({ method: 'POST', url, payload: {} })).statusCode, 200)
  assert.equal((await call({ method: 'POST', url, headers: json, payload: '' })).statusCode, 200)
  assert.equal(
    (await call({ method: 'POST', url, headers: { 'content-type': 'application/x-www-form-urlencoded' } })).statusCode,
    200,
  )
})

test('an unknown field of a body is 400 with a pointer, and nothing is converted', async () => {
  const problem = assertProblem(
    await call({ method: 'POST', url: config, payload: { name: 'a', enabled: 'true', nope: 1 } }),
    400,
    'invalid',
  )
  assert.deepEqual(
    (problem['errors'] as { pointer: string }[]).map(({ pointer }) => pointer),
    ['/nope', '/enabled'],
  )
})

test('an unknown query parameter is 400 everywhere', async () => {
  for (const url of [
    config,
    `${config}/a`,
    '/replication/endpoint-kinds',
    '/health/live',
    '/metrics',
    '/openapi.json',
    '/replication/agent',
  ])
    assert.deepEqual(assertProblem(await call(`${url}?nope=1`), 400, 'invalid')['errors'], [
      {
        pointer: '/nope',
        message: `is not known here${url === config || url === '/replication/agent' ? '; known are limit, cursor' : ''}`,
      },
    ])
})

test("a caller's request id is echoed when it is harmless, and replaced when it is not", async () => {
  const idOf = async (id: string): Promise<unknown> =>
    (await call({ url: '/health/live', headers: { 'x-request-id': id } })).headers['x-request-id']
  assert.equal(await idOf('abc-1.2:3/4_5'), 'abc-1.2:3/4_5')
  for (const id of ['', 'a b', '"', 'a'.repeat(129), '<script>', 'ä']) {
    const given = String(await idOf(id))
    assert.notEqual(given, id)
    assert.match(given, /^[0-9A-Z]{26}$/)
  }
  const [one, two] = [await call('/nope'), await call('/nope')]
  assert.notEqual(one.headers['x-request-id'], two.headers['x-request-id'])
})

async function givenFailure(t: TestContext, error: unknown): Promise<GivenApp> {
  return givenApp(t, {
    ready: async () => {
      throw error
    },
  })
}

test('an error that nobody foresaw says nothing of the server, whose log says all', async (t) => {
  const { call, lines } = await givenFailure(t, new TypeError('secret at /srv/data'))
  const response = await call({ url: '/health/ready', headers: { 'x-request-id': 'r1' } })
  assertProblem(response, 503, 'unavailable')
  assert.doesNotMatch(response.body, /secret|srv/)
  const line = lines.find(({ msg }) => msg === 'request failed unexpectedly')
  assert.match(JSON.stringify(line), /"requestId":"r1".*secret at \/srv\/data/)
})

test('an error that is no Error is a problem too', async (t) => {
  const { call } = await givenFailure(t, 'what')
  assertProblem(await call('/health/ready'), 503, 'unavailable')
})

test('a wait that was asked for becomes Retry-After, in seconds', async (t) => {
  const { call } = await givenFailure(t, new ReplicationError('busy', 'later', { retryAfterMs: 1200 }))
  const response = await call('/health/ready')
  assertProblem(response, 429, 'busy')
  assert.equal(response.headers['retry-after'], '2')
})

test('bytes that are no request get a problem, and the connection is closed', async (t) => {
  const { app } = await givenApp(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.end('NONSENSE\r\n\r\n')
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\n/)
  assert.equal(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).code, 'invalid')
})

test('the rest of a body that was refused is not taken for the next request', async (t) => {
  const { app } = await givenApp(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1')
  socket.write(
    `POST ${config} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 1000000\r\n\r\nGET /health/live HTTP/1.1\r\n`,
  )
  let answer = ''
  for await (const chunk of socket) answer += String(chunk)
  assert.match(answer, /^HTTP\/1\.1 415 [^]*connection: close/i)
  assert.equal(answer.match(/HTTP\/1\.1/g)?.length, 1)
})

test('who is refused while he sends can read why, and is not read for good', async (t) => {
  const { app } = await givenApp(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true }).on('error', () => undefined)
  const closed = once(app.server, 'connection').then(([door]: Socket[]) => door && once(door, 'close'))
  socket.write(
    `POST ${config} HTTP/1.1\r\nhost: localhost\r\ncontent-type: text/plain\r\ncontent-length: 1000000000\r\n\r\n`,
  )
  const [first] = (await once(socket, 'readable')) as unknown[]
  assert.equal(first, undefined)
  // Nothing of the answer is taken before much more has been sent, in pieces: it would be gone if they came to a closed door.
  for (let sent = 0; sent < 20; sent++)
    await new Promise<void>((resolve, reject) =>
      socket.write(Buffer.alloc(65_536), (error) => (error ? reject(error) : resolve())),
    )
  assert.match(String(socket.read()), /^HTTP\/1\.1 415 /)
  await closed
})

test('a caller who leaves while he sends is no failure of the server', async (t) => {
  const { app, lines } = await givenApp(t)
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const socket = connect(Number(port), '127.0.0.1').on('error', () => undefined)
  socket.write(
    `POST ${config} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{`,
  )
  setTimeout(() => socket.resetAndDestroy(), 100)
  await until(async () => lines.some(({ msg }) => msg === 'the caller left before the answer') || undefined)
  assert.deepEqual(
    lines.filter(({ level }) => Number(level) > 30),
    [],
  )
})

test('a call is one line in the log, and what is asked every few seconds is none', async (t) => {
  const { call, lines } = await givenApp(t)
  await call({ url: config, headers: { 'x-request-id': 'r1' } })
  await call('/health/live')
  await call('/metrics')
  assert.deepEqual(
    lines.map(({ requestId, method, url, status, msg }) => ({ requestId, method, url, status, msg })),
    [{ requestId: 'r1', method: 'GET', url: config, status: 200, msg: 'request answered' }],
  )
})
