/** What a delivery to another server says of itself on its way; all else is in test/end-to-end/remote-conformance.test.ts. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import type { Pace, Receipt, TargetDelivery } from '../../src/endpoints/endpoint.ts'
import { remote } from '../../src/endpoints/remote.ts'
import type { PackageFile } from '../../src/packages/manifest.ts'
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

interface FarServer {
  readonly url: string
  /** The tokens that zips came with, in order. */
  readonly uploads: readonly string[]
}

/** One that keeps packages, and answers a zip as `answer` says; nobody is told that it has one before `asking` have asked for it. */
async function farServer(
  t: TestContext,
  asking: number,
  answer: (uploads: number) => Promise<number> | number = () => 202,
): Promise<FarServer> {
  const uploads: string[] = []
  const asked = new Set<string>()
  let allAsked = (): void => undefined
  const all = new Promise<void>((resolve) => (allAsked = resolve))
  let isHere = false
  const handle = async (request: IncomingMessage): Promise<[number, object]> => {
    const { method, headers } = request
    const delivery = String(headers['package-delivery'])
    await once(request.resume(), 'end')
    const id = '01J9ZZZZZZZZZZZZZZZZZZZZZZ'
    if (method === 'GET') return [200, { id, state: 'succeeded', delivery: 'd', agents: [{ package: 'p' }] }]
    if (headers['content-type'] === 'application/json') {
      asked.add(delivery)
      if (asked.size === asking) allAsked()
      return isHere ? [202, { id }] : [404, { code: 'missing', detail: 'it is not here' }]
    }
    uploads.push(headers.authorization ?? '')
    await all
    const status = await answer(uploads.length)
    isHere ||= status === 202
    return [status, status === 202 ? { id } : { code: 'unavailable', detail: 'not now' }]
  }
  const server = createServer((request, response) => {
    void handle(request).then(([status, body]) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    )
  })
  return { url: await listening(t, server), uploads }
}

const lanes = ['one', 'two', 'three', 'four', 'five']

async function deliver(
  to: { readonly url: string; readonly agent: string; readonly token?: string },
  pkg: PackageFile,
  { signal = never, ...options }: Partial<TargetDelivery> & { readonly signal?: AbortSignal } = {},
): Promise<Receipt | undefined> {
  return remote.target?.(to, { installation: 'test' }).apply(deliveryOf(pkg, options), signal)
}

test('what several lanes send to one server is sent once, and then named', async (t) => {
  const { url, uploads } = await farServer(t, lanes.length)
  const pkg = await pack(t, puts({ '/a': randomBytes(100_000) }))
  const receipts = await Promise.all(lanes.map((agent) => deliver({ url, agent }, pkg)))
  assert.ok(receipts.every((receipt) => receipt !== undefined))
  assert.equal(uploads.length, 1)
})

test('whoever waited for the upload of another lane that failed sends for himself', async (t) => {
  const { url, uploads } = await farServer(t, lanes.length, (nth) => (nth === 1 ? 503 : 202))
  const pkg = await pack(t, puts({ '/a': randomBytes(100_000) }))
  const receipts = await Promise.allSettled(lanes.map((agent) => deliver({ url, agent }, pkg)))
  assert.deepEqual(receipts.map(({ status }) => status).toSorted(), [...Array<string>(4).fill('fulfilled'), 'rejected'])
  assert.ok(uploads.length > 1)
})

test('whoever waits for the upload of another lane leaves when he is stopped', async (t) => {
  let [came, goOn] = [(): void => undefined, (): void => undefined]
  const underWay = new Promise<void>((resolve) => (came = resolve))
  const { url, uploads } = await farServer(t, 1, async () => {
    came()
    await new Promise<void>((resolve) => (goOn = resolve))
    return 202
  })
  const pkg = await pack(t, puts({ '/a': randomBytes(100_000) }))
  const abort = new AbortController()
  const sending = deliver({ url, agent: 'one' }, pkg)
  await underWay
  const waiting = deliver({ url, agent: 'two' }, pkg, { signal: abort.signal })
  setTimeout(() => abort.abort(new Error('stopped')), 200)
  await assert.rejects(waiting, /stopped/)
  goOn()
  await sending
  assert.equal(uploads.length, 1)
})

test('nobody waits for what another caller sends, nor for what is sent no faster than it may', async (t) => {
  const pkg = await pack(t, puts({ '/a': randomBytes(100_000) }))
  const bothCome = (): ((nth: number) => Promise<number>) => {
    let second = (): void => undefined
    const came = new Promise<void>((resolve) => (second = resolve))
    return async (nth) => {
      if (nth === 2) second()
      await came
      return 202
    }
  }
  const callers = await farServer(t, 2, bothCome())
  await Promise.all(['a', 'b'].map((token) => deliver({ url: callers.url, agent: 'import', token }, pkg)))
  assert.deepEqual(callers.uploads.toSorted(), ['Bearer a', 'Bearer b'])
  const { url, uploads } = await farServer(t, 2, bothCome())
  const pace: Pace = { isLimited: true, take: async (wanted) => wanted }
  await Promise.all(['one', 'two'].map((agent) => deliver({ url, agent }, pkg, { pace })))
  assert.equal(uploads.length, 2)
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
