/** What a delivery to another server says of itself on its way; all else is in test/end-to-end/remote-conformance.test.ts. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { remote } from '../../src/endpoints/remote.ts'
import { deliveryOf, held, pack, puts } from './deliveries.ts'
import { never } from './trees.ts'

test('a package has been sent once the other server has read it, not before, and before that answers', async (t) => {
  const server = createServer()
  const url = await listening(t, server)
  const target = remote.target?.({ url, agent: 'import' }, { installation: 'test' })
  // More than the system holds of it on the way.
  const large = await pack(t, puts({ '/a': randomBytes(32 * 1024 * 1024) }))
  let told = 0
  const sent = new Promise<void>((resolve) => {
    const delivery = deliveryOf(large, {
      sent: () => {
        told++
        resolve()
      },
    })
    // Its answer, 404, fails it.
    target?.apply(delivery, never).catch(() => undefined)
  })
  const [asked, unknown] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  assert.equal(asked.headers['content-type'], 'application/json')
  unknown.writeHead(404).end()
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  await once(request, 'readable')
  assert.equal(told, 0)
  request.resume()
  await once(request, 'end')
  await sent
  assert.ok(!response.headersSent)
  response.writeHead(404).end()
})

test('a server that cannot say how much of an upload is there gets all of it', async (t) => {
  const server = createServer((request, response) => {
    request.resume()
    if (request.headers['content-type'] === 'application/json') return void response.writeHead(404).end()
    calls.push(
      `${request.method} ${String(request.headers['upload-offset'])} ${request.headers['content-length'] ?? ''}`,
    )
    request.once('end', () => response.writeHead(request.method === 'GET' ? 405 : 403).end())
  })
  const calls: string[] = []
  const url = await listening(t, server)
  const target = remote.target?.({ url, agent: 'import' }, { installation: 'test' })
  const large = await pack(t, puts({ '/a': randomBytes(2 * 1024 * 1024) }))
  const small = await pack(t, puts({ '/a': 'a' }))
  for (const pkg of [large, small])
    await assert.rejects(Promise.resolve(target?.apply(deliveryOf(pkg, { again: true }), never)), { code: 'forbidden' })
  const [largeBytes, smallBytes] = [large, small].map(({ file }) => statSync(file).size)
  // What is small is not even asked about.
  assert.deepEqual(calls, ['GET undefined ', `POST undefined ${largeBytes}`, `POST undefined ${smallBytes}`])
})

/** One that knows no deltas: what lacks a content is damaged to it, and it has none of what it is asked for. */
async function olderServer(t: TestContext): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => {
      const isAsked = request.headers['content-type'] === 'application/json'
      const problem = isAsked
        ? { status: 404, code: 'missing', detail: 'there is no package sha256-0' }
        : {
            status: 422,
            code: 'corrupt',
            detail: 'package entry META-INF/vault/properties.xml: it is not what it must be',
          }
      response.writeHead(problem.status, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem))
    })
  })
  return listening(t, server)
}

test('what an older server takes for damaged is incomplete if it was a delta, and else is damaged', async (t) => {
  const target = remote.target?.({ url: await olderServer(t), agent: 'import' }, { installation: 'test' })
  const [small, large] = [puts({ '/b': 'b' }), puts({ '/b': randomBytes(100_000) })]
  for (const put of [small, large]) {
    const delta = await pack(t, [...put, ...held({ '/a': 'a' })])
    await assert.rejects(target?.apply(deliveryOf(delta), never) ?? Promise.resolve(), {
      code: 'incomplete',
      final: true,
    })
    await assert.rejects(target?.apply(deliveryOf(await pack(t, put)), never) ?? Promise.resolve(), { code: 'corrupt' })
  }
})

/** Its address; it is closed behind the test. */
async function listening(t: TestContext, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
