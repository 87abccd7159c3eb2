/** Requests that two readers could take for two different ones, or that are only there to keep a server busy. */
import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { createServer, type ServerOptions } from 'node:http'
import { connect, type Socket } from 'node:net'
import { after, test } from 'node:test'
import { givenApp } from '../routes/given-app.ts'
import { headersOfAll } from '../../src/routes/headers.ts'
import { throttleOf } from '../../src/routes/throttle.ts'
import { Rates } from '../../src/access/rates.ts'
import { exchange, portOf, statusesIn } from './raw.ts'

const everything = { after: (fn: () => Promise<void>) => after(fn) }
const closing: (() => void)[] = []
// First, so that nobody who still has a connection is waited for.
after(() => closing.forEach((close) => close()))
const pace = { everyMs: 150, minBytes: 1000 }
const given = await givenApp(everything, { pace })
await given.app.listen({ host: '127.0.0.1', port: 0 })
const port = portOf(given.app.server)
const sockets = new Set<Socket>()
given.app.server.on('connection', (socket: Socket) => sockets.add(socket))
closing.push(() => sockets.forEach((socket) => socket.destroy()))

/** A server that takes whatever it can make something of; it answers what it took each request for. */
async function naiveServer(options: ServerOptions): Promise<number> {
  const server = createServer(options, (request, response) => {
    request.resume().on('end', () => response.end(`<${request.method} ${request.url}>`))
  })
  server.keepAliveTimeout = 300
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => server.close().closeAllConnections())
  return portOf(server)
}
const naive = await naiveServer({ insecureHTTPParser: true, requireHostHeader: false })

const hidden = 'GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n'
const smuggled = {
  'a length and chunks at once': `POST /openapi.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'a length with a sign': `POST /openapi.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: +0\r\n\r\n${hidden}`,
  'two lengths': `POST /openapi.json HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n${hidden}`,
  'a space before the colon': `POST /openapi.json HTTP/1.1\r\nHost: localhost\r\nContent-Length : 44\r\n\r\n${hidden}`,
  'chunks under another coding': `POST /openapi.json HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'chunks over HTTP/1.0': `POST /openapi.json HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
  'a header that goes on in the next line': `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c: d\r\n\r\n${hidden}`,
  'lines that end with a bare CR': `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-A: b\rX-C: d\r\n\r\n${hidden}`,
  'a NUL in a header': `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-A: b\0c\r\n\r\n${hidden}`,
  'two hosts': `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\nConnection: close\r\n\r\n`,
  'another host in the address': `GET http://evil.example/openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
  'no host': `GET /openapi.json HTTP/1.1\r\nConnection: close\r\n\r\n`,
}
for (const [what, bytes] of Object.entries(smuggled))
  test(`header smuggling: ${what} is refused, and nothing behind it is taken for a request`, async () => {
    const answer = await exchange(port, bytes)
    assert.equal(statusesIn(answer)[0], 400, answer.slice(0, 300))
    assert.ok(!answer.includes('/hidden'), answer)
    assert.match(answer, /"code":"invalid"/)
  })

test('header smuggling: a naive server takes what is hidden in a body for a request of its own', async () => {
  const seen = await exchange(naive, smuggled['a length and chunks at once'])
  assert.match(seen, /<GET \/hidden>/)
  for (const what of ['two hosts', 'another host in the address', 'no host'] as const)
    assert.match(await exchange(naive, smuggled[what]), /<GET .*\/openapi.json>/, what)
})

test('oversized chunk: the size of a chunk that no number holds is refused, and so is one with endless extensions', async () => {
  const head =
    'POST /replication/config HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  const sizes = {
    overflowing: 'f'.repeat(20),
    negative: '-1',
    'no number': '0x10',
    extended: `1;${'a=b;'.repeat(20_000)}`,
  }
  for (const [what, size] of Object.entries(sizes)) {
    const answer = await exchange(port, `${head}${size}\r\n{}`)
    assert.match(String(statusesIn(answer)[0]), /^4(?:00|13)$/, `${what}: ${answer.slice(0, 200)}`)
  }
})

test('oversized chunk: a document that comes in chunks may be as large as one that says its length, and no larger', async () => {
  const head =
    'POST /replication/config HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`
  const answer = await exchange(port, head + chunk.repeat(17))
  assert.equal(statusesIn(answer)[0], 413)
})

test('oversized header: more bytes or headers than admitted are 431, and none is left out unseen', async () => {
  const many = (count: number): string => Array.from({ length: count }, (_, i) => `a${i}: b\r\n`).join('')
  const asking = (more: string): string =>
    `GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${more}\r\n`
  for (const more of [`x: ${'y'.repeat(20_000)}\r\n`, many(150), 'a:b\r\n'.repeat(2100)])
    assert.deepEqual(statusesIn(await exchange(port, asking(more))), [431])
  const dropping = createServer((request, response) => response.end(String('x-forwarded-for' in request.headers)))
  await new Promise<void>((resolve) => dropping.listen(0, '127.0.0.1', resolve))
  const seen = await exchange(portOf(dropping), asking(`${'a:b\r\n'.repeat(2100)}X-Forwarded-For: 1.2.3.4\r\n`))
  dropping.close().closeAllConnections()
  // Newer lines of Node.js refuse it by themselves.
  assert.match(seen, /^HTTP\/1\.1 431 |false$/, 'a naive server does not see what the proxy has added')
})

/** Sends one byte after the other, for as long as it is let. Answers what came, once the other side has closed. */
async function dribble(head: string, naivePort?: number): Promise<string> {
  const socket = connect(naivePort ?? port, '127.0.0.1')
  socket.write(head)
  const timer = setInterval(() => socket.write(' '), 20)
  const giveUp = naivePort === undefined ? 20_000 : 1500
  const limit = setTimeout(() => socket.destroy(new Error('nobody has cut it off')), giveUp)
  let answer = ''
  try {
    for await (const chunk of socket) answer += (chunk as Buffer).toString()
  } catch (error) {
    return `${answer}${(error as Error).message}`
  } finally {
    clearInterval(timer)
    clearTimeout(limit)
  }
  return answer
}
const slowBody =
  'POST /replication/config HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n'

test('slowloris: a body that comes byte by byte is cut off', async () => {
  assert.match(await dribble(slowBody, naive), /nobody has cut it off/)
  const answer = await dribble(slowBody)
  assert.match(answer, /^HTTP\/1\.1 408 [^]*"requestId":"/)
})

test('slowloris: a body is cut off too when the answer has been given without it', async () => {
  const wantless = slowBody.replace(/^\S+ \S+/, 'GET /health/live')
  const answer = await dribble(wantless)
  assert.deepEqual(statusesIn(answer), [200])
  assert.doesNotMatch(answer, /nobody has cut it off/)
})

test('slowloris: headers that never end are cut off once their time is up', async () => {
  const { server } = given.app
  assert.deepEqual([server.headersTimeout, server.requestTimeout], [20_000, 0])
  const endless = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\nX-Endless: '
  assert.match(await dribble(endless, naive), /nobody has cut it off/)
  server.headersTimeout = 500
  try {
    assert.match(await dribble(endless), /^HTTP\/1\.1 408 /)
  } finally {
    server.headersTimeout = 20_000
  }
})

test('slowloris: a body that comes slowly and steadily is taken, however long it takes', async () => {
  const socket = connect(port, '127.0.0.1')
  const text = JSON.stringify({ ...given.config('slow'), description: ' '.repeat(20_000) })
  socket.write(slowBody.replace('100000', String(text.length)))
  let [at, answer] = [0, '']
  const timer = setInterval(() => {
    socket.write(text.slice(at, (at += 700)))
    if (at >= text.length) clearInterval(timer)
  }, 40)
  for await (const chunk of socket) {
    answer += (chunk as Buffer).toString()
    if (answer.includes('\r\n\r\n')) break
  }
  clearInterval(timer)
  socket.destroy()
  assert.match(answer, /^HTTP\/1\.1 (?:201|400) /)
})

test('slow reading: an answer that nobody takes is cut off', async () => {
  const socket = connect(port, '127.0.0.1')
  const ask = 'GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n'
  socket.on('error', () => undefined)
  socket.write(ask.repeat(200))
  socket.pause()
  const taken = given.app.server
  await new Promise<void>((resolve) => setTimeout(resolve, 100))
  for (let left = 200; left > 0 && (await connections(taken)) > 0; left--)
    await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(await connections(taken), 0)
  socket.destroy()
})

function connections(server: typeof given.app.server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
  )
}

test('every answer has the headers that keep browsers from making more of it', async () => {
  const answers: Record<string, string> = {}
  for (const path of ['/replication/agent', '/nothing', '/health/live', '/replication/agent/%zz', '/', '/openapi.json'])
    answers[path] = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  answers['another method'] = await exchange(
    port,
    'DELETE /openapi.json HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
  )
  answers['TRACE'] = await exchange(port, 'TRACE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
  answers['an odd Expect'] = await exchange(
    port,
    'GET / HTTP/1.1\r\nHost: localhost\r\nExpect: cake\r\nConnection: close\r\n\r\n',
  )
  answers['garbage'] = await exchange(port, '\0\r\n\r\n')
  answers['a stranger'] = await exchange(port, 'GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
  for (const [what, answer] of Object.entries(answers)) {
    const [head = ''] = answer.toLowerCase().split('\r\n\r\n')
    assert.match(head, /^x-request-id: /m, what)
    for (const [name, value] of Object.entries(headersOfAll)) {
      const line = head.split('\r\n').find((one) => one.startsWith(`${name}: `))
      const expected = what === '/' && ['content-security-policy', 'cache-control'].includes(name) ? '' : value
      assert.ok(line?.slice(name.length + 2).startsWith(expected.toLowerCase()), `${what}: ${name}: ${line}\n${answer}`)
    }
    assert.doesNotMatch(head, /^(?:server|x-powered-by): /m, what)
  }
  assert.deepEqual(statusesIn(answers['an odd Expect'] ?? ''), [417])
  assert.match(answers['TRACE'] ?? '', /^HTTP\/1\.1 40[45] /, 'what was sent is not echoed')
})

test('path confusion: what a proxy may take for another address is none of ours', async () => {
  for (const path of [
    '/./openapi.json',
    '/x/../openapi.json',
    '//openapi.json',
    '/%2e/openapi.json',
    '/openapi.json/',
    '\\openapi.json',
  ]) {
    const answer = await exchange(port, `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    assert.match(String(statusesIn(answer)[0]), /^40[04]$/, path)
  }
  assert.equal(
    new URL('/x/../openapi.json', 'http://localhost').pathname,
    '/openapi.json',
    'a naive server resolves it',
  )
})

test('CONNECT and upgrades lead nowhere', async () => {
  assert.equal(await exchange(port, 'CONNECT evil.example:80 HTTP/1.1\r\nHost: evil.example:80\r\n\r\n'), '')
  const upgrading =
    'GET /replication/agent HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n'
  assert.deepEqual(statusesIn(await exchange(port, upgrading)), [200])
})

test('flood: who asks too often is told when to come again, and nobody else is', () => {
  const rates = new Rates(10)
  let admitted = 0
  while (rates.take('one', 5000) === 0) admitted++
  assert.equal(admitted, 100, 'ten seconds’ worth at once')
  assert.equal(rates.take('another', 5000), 0)
  assert.equal(Math.round(rates.take('one', 5000)), 100)
  assert.equal(rates.take('one', 5101), 0)
  assert.ok(rates.take('one', 5101) > 0)
})

test('flood: who has a network of addresses is one caller', () => {
  const throttle = throttleOf(1)
  const call = (ip: string): void => {
    const request = { caller: { id: 'nobody' }, ip, routeOptions: { config: { streams: true } } }
    throttle(request as never, {} as never)
  }
  for (let i = 0; i < 10; i++) call(`2001:db8::${i.toString(16)}`)
  assert.throws(() => call('2001:db8::ffff:1'), { code: 'busy' })
  call('2001:db8:0:1::1')
})

test('flood: calls of one caller at the same time are bounded, and counted down as they end', () => {
  const throttle = throttleOf(0, 2)
  const responses: EventEmitter[] = []
  const call = (id: string, streams = false): void => {
    const response = new EventEmitter()
    throttle(
      {
        caller: { id },
        ip: '::1',
        raw: { socket: new EventEmitter() },
        routeOptions: { config: { streams } },
      } as never,
      { raw: response } as never,
    )
    responses.push(response)
  }
  call('a')
  call('a')
  assert.throws(() => call('a'), { code: 'busy', retryAfterMs: 1000 })
  call('a', true)
  call('b')
  responses[0]?.emit('close')
  call('a')
  assert.throws(() => call('a'), { code: 'busy' })
})
