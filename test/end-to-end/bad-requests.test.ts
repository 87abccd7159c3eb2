/** Requests that cannot be done: a clear problem for each, and nothing else happens. */
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterEach, test } from 'node:test'
import type { Call } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant, treeOf } from './trees.ts'
import type { Command, Page, Problem } from './views.ts'

const folder = scratch()
const [source, target] = [join(folder, 'source'), join(folder, 'target')]
plant(source, { 'content/a/x.txt': 'x', 'content/abc/y.txt': 'y' })

const server = await Server.start()
const { client } = server
await client.agent({
  name: 'publish',
  source: { kind: 'directory', path: source },
  targets: [{ name: 'default', kind: 'directory', path: target }],
  roots: ['/content/a'],
})

afterEach(async () => {
  assert.ok(await server.isAlive(), server.output)
})
async function assertProblem(method: string, path: string, call: Call, status: number, code: string): Promise<Problem> {
  const answer = await client.call<Problem>(method, path, call)
  assert.deepEqual([answer.status, answer.body.code], [status, code], answer.text)
  return answer.body
}

const replicate = '/replication/agent/publish/replicate'

test('malformed JSON is invalid', async () => {
  for (const body of ['{ "paths": [', '', 'null', '[]', '"text"', '{"paths":["/content/a"]}}', '\0'])
    await assertProblem('POST', replicate, { body, headers: { 'content-type': 'application/json' } }, 400, 'invalid')
})

test('a media type that a call does not know is refused', async () => {
  for (const type of ['text/plain', 'application/xml', 'image/png', 'application/zip']) {
    const { status, body } = await client.call<Problem>('POST', replicate, {
      body: '{"paths":["/content/a"]}',
      headers: { 'content-type': type },
    })
    assert.ok(status === 400 || status === 415, `${type}: ${status}`)
    assert.equal(body.code, 'invalid')
  }
})

const unknown = {
  'an unknown field': [{ paths: ['/content/a'], colour: 'red' }, '/colour'],
  'a wrong type': [{ paths: '/content/a' }, '/paths'],
  'a path that is no text': [{ paths: ['/content/a', 7] }, '/paths/1'],
  'no path': [{ paths: [] }, '/paths'],
  'paths missing': [{}, '/paths'],
  'an action that nobody knows': [{ paths: ['/content/a'], action: 'explode' }, '/action'],
  'a mode that nobody knows': [{ paths: ['/content/a'], mode: 'sideways' }, '/mode'],
  'deep as text': [{ paths: ['/content/a'], deep: 'yes' }, '/deep'],
  'agents where one is addressed': [{ paths: ['/content/a'], agents: ['publish'] }, '/agents'],
} as const
for (const [what, [json, pointer]] of Object.entries(unknown))
  test(`${what} is invalid, and the fault is pointed at`, async () => {
    const problem = await assertProblem('POST', replicate, { json }, 400, 'invalid')
    const pointers = problem.errors?.map((fault) => fault.pointer) ?? []
    assert.ok(pointers.includes(pointer), `${JSON.stringify(problem.errors)} does not point at ${pointer}`)
  })

test('a property that would be a prototype is an unknown field', async () => {
  for (const name of ['__proto__', 'constructor'])
    await assertProblem(
      'POST',
      replicate,
      { body: `{"paths":["/content/a"],"${name}":{"deep":false}}`, headers: { 'content-type': 'application/json' } },
      400,
      'invalid',
    )
})

const paths = {
  'outside the roots': '/elsewhere',
  'beside the root, with its name at the start': '/content/abc',
  'above the root': '/content',
  'the whole tree': '/',
  'with ..': '/content/a/../abc',
  'with .. at the end': '/content/a/..',
  'with .': '/content/a/./x.txt',
  'with a NUL': '/content/a/x\0.txt',
  relative: 'content/a',
  empty: '',
  'with an empty segment': '/content/a//x.txt',
  'ending in a slash': '/content/a/',
  'too long': `/content/a/${'x'.repeat(5000)}`,
  'with half a surrogate pair': '/content/a/\ud800',
}
for (const [what, path] of Object.entries(paths))
  test(`a path ${what} is invalid`, async () => {
    const problem = await assertProblem('POST', replicate, { json: { paths: ['/content/a', path] } }, 400, 'invalid')
    assert.ok(
      problem.errors?.some(({ pointer }) => pointer === '/paths/1'),
      JSON.stringify(problem),
    )
    assert.ok(problem.detail.length < 1000, 'the path is not repeated whole')
  })

test('a path outside the roots is refused in the parameter form too', async () => {
  const query = { action: 'add', path: '/content/abc' }
  await assertProblem('POST', '/replication/agent/publish', { query }, 400, 'invalid')
  const body = new URLSearchParams({ action: 'add', path: '/content/a/../abc' })
  await assertProblem('POST', '/replication/agent/publish', { body }, 400, 'invalid')
})

test('what is not there is missing', async () => {
  const json = { paths: ['/content/a'] }
  await assertProblem('POST', '/replication/agent/nobody/replicate', { json }, 404, 'missing')
  for (const path of [
    '/replication/agent/nobody',
    '/replication/agent/%00',
    '/replication/agent/..%2f..%2fetc%2fpasswd',
    `/replication/agent/${'x'.repeat(500)}`,
    '/replication/config/nobody',
    '/replication/commands/01J00000000000000000000000',
    '/replication/commands/not-an-id',
    '/replication/packages/sha256-00',
    `/replication/packages/sha256-${'0'.repeat(64)}`,
    '/replication/packages/..%2f..%2fconfig',
    '/replication/agent/publish/queues/nowhere',
    '/replication/agent/publish/queues/default/items/nothing',
    '/replication/nonsense',
    '/nonsense',
    '/replication/../../etc/passwd',
  ])
    await assertProblem('GET', path, {}, 404, 'missing')
})

test('a path that is no URL is a problem like any other', async () => {
  const { status, body } = await client.call<Problem>('GET', '/replication/agent/%zz')
  assert.ok(status === 400 || status === 404)
  assert.ok(['invalid', 'missing'].includes(body.code))
})

test('a method that a resource does not have is a problem', async () => {
  const { status } = await client.call<Problem>('DELETE', replicate)
  assert.ok(status === 404 || status === 405, `${status}`)
})

test('an unknown or unusable query parameter is invalid', async () => {
  for (const query of [
    'colour=red',
    'limit=0',
    'limit=many',
    'limit=501',
    'since=yesterday',
    'cursor=%00',
    'status=odd',
  ])
    await assertProblem('GET', `/replication/agent/publish/replicate/history?${query}`, {}, 400, 'invalid')
})

async function exchange(request: string): Promise<string> {
  const socket = connect(server.port, '127.0.0.1')
  socket.write(request)
  let answer = ''
  for await (const chunk of socket.setEncoding('utf8')) answer += chunk
  assert.doesNotMatch(answer, /\bat .+:\d+:\d+/)
  return answer
}

test('a document of a gigabyte is too large, before it is sent', async () => {
  const head = `POST ${replicate} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n`
  const answer = await exchange(`${head}content-length: 1000000000\r\n\r\n`)
  assert.match(answer, /^HTTP\/1\.1 413 /)
  assert.match(answer, /content-type: application\/problem\+json/i)
  assert.match(answer, /"code":"too-large"/)
})

test('what is not HTTP gets a problem and ends the connection, not the server', async () => {
  const answer = await exchange('\0\x01 NONSENSE\r\n\r\n')
  assert.match(answer, /^HTTP\/1\.1 400 /)
  assert.match(answer, /content-type: application\/problem\+json/i)
})

test('X-Request-Id is echoed and stands in the problem', async () => {
  const { headers, body } = await client.get<Problem>('/agent/nobody', { headers: { 'x-request-id': 'mine-42' } })
  assert.equal(headers.get('x-request-id'), 'mine-42')
  assert.equal(body.requestId, 'mine-42')
})

const configs = {
  'no name': {},
  'a name with a slash': { name: 'a/b' },
  'a reserved name': { name: 'all' },
  'a kind that nobody knows': { name: 'bad', source: { kind: 'carrier-pigeon' } },
  'an option that its kind does not have': { name: 'bad', source: { kind: 'directory', path: source, colour: 1 } },
  'a relative root': { name: 'bad', roots: ['content'] },
  'an unknown setting': { name: 'bad', colour: 1 },
  'two targets of one name': {
    name: 'bad',
    targets: [
      { name: 'x', kind: 'memory' },
      { name: 'x', kind: 'memory' },
    ],
  },
  'a source that is its own target': {
    name: 'bad',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: source }],
  },
  'a target within its source': {
    name: 'bad',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: join(source, 'below') }],
  },
  'a source within its target': {
    name: 'bad',
    source: { kind: 'directory', path: join(source, 'content') },
    targets: [{ name: 'default', kind: 'directory', path: `${source}/./` }],
  },
}
for (const [what, json] of Object.entries(configs))
  test(`a config with ${what} is invalid, when created and when validated`, async () => {
    const problem = await assertProblem('POST', '/replication/config', { json }, 400, 'invalid')
    assert.ok((problem.errors?.length ?? 0) > 0, JSON.stringify(problem))
    const { status, body } = await client.post<{ valid: boolean; errors: unknown[] }>('/config/validate', { json })
    assert.deepEqual([status, body.valid], [200, false])
    assert.ok(body.errors.length > 0)
    assert.equal((await client.get('/config/bad')).status, 404)
  })

test('after all of that nothing was done', async () => {
  assert.equal((await client.get<Page<Command>>('/commands')).body.items.length, 0)
  assert.deepEqual(treeOf(target), new Map())
})
