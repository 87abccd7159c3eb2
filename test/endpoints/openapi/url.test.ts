/** A document that a service keeps. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { test, type TestContext } from 'node:test'
import type { EndpointContext, Source, Target } from '../../../src/endpoints/endpoint.ts'
import { openapi } from '../../../src/endpoints/openapi.ts'
import type { UrlOptions } from '../../../src/endpoints/openapi/options.ts'
import { checkerOf } from '../../../src/resources/schema.ts'
import { deliveryOf, pack, puts } from '../deliveries.ts'
import { never, pathsIn } from '../trees.ts'
import { apply, changesIn, given, listOf, sourceAt, targetAt } from './documents.ts'

const context: EndpointContext = { installation: 'test' }

interface Service {
  readonly url: string
  readonly asked: string[]
  text: string | undefined
  /** Before a PUT is looked at. */
  meanwhile?: (() => void) | undefined
  /** Instead of what was written. */
  keeps?: (text: string) => string
  etags: boolean
}

async function serviceIn(t: TestContext, text: string | undefined, path = '/api.yaml'): Promise<Service> {
  const server = createServer((request, response) => void answer(service, request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`
  const service: Service = { url, text, asked: [], etags: true }
  return service
}

function etagOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('hex')}"`
}

async function answer(service: Service, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = String(await buffer(request))
  const { 'if-match': match, 'if-none-match': none, authorization = '' } = request.headers
  service.asked.push([request.method, authorization, match && 'if-match', none].filter((one) => one).join(' '))
  if (request.method === 'OPTIONS') return void response.writeHead(204).end()
  if (request.method === 'PUT') {
    service.meanwhile?.()
    const { text } = service
    const isOther = match !== undefined && (text === undefined || match !== etagOf(text))
    if (isOther || (none === '*' && text !== undefined)) return void response.writeHead(412).end()
    service.text = service.keeps?.(body) ?? body
    return void response.writeHead(204).end()
  }
  const { text } = service
  if (text === undefined) return void response.writeHead(404).end()
  const etag = service.etags ? { etag: etagOf(text) } : { etag: `W/${etagOf(text)}` }
  response.writeHead(200, { 'content-type': 'text/plain', ...etag }).end(text)
}

function at(t: TestContext, options: UrlOptions): { source: Source; target: Target } {
  assert.deepEqual(checkerOf(openapi.options)(options), [])
  const [source, target] = [openapi.source?.(options, context), openapi.target?.(options, context)]
  assert.ok(source !== undefined && target !== undefined)
  t.after(() => source.close?.())
  t.after(() => target.close?.())
  return { source, target }
}

const text = '# by hand\nopenapi: 3.1.0\npaths:\n  /a: {summary: a} # of all\n  /b:\n    summary: b\n'

test('a document is read, written where it stands, and read back', async (t) => {
  const service = await serviceIn(t, text)
  const { source, target } = at(t, { url: service.url, auth: { bearer: 'token' }, attempts: 1 })
  assert.deepEqual(await pathsIn(source), ['/', '/a', '/b'])
  const changes = puts({ '/b': '{"components": {}, "item": {"summary": "new"}}\n' })
  service.asked.length = 0
  assert.deepEqual(await apply(t, target, changes), { '/b': 'updated' })
  assert.equal(service.text, text.replace('summary: b', 'summary: new'))
  assert.deepEqual(service.asked, ['GET Bearer token', 'PUT Bearer token if-match', 'GET Bearer token'])
  service.asked.length = 0
  assert.deepEqual(await apply(t, target, changes), { '/b': 'unchanged' })
  assert.deepEqual(service.asked, ['GET Bearer token'])
  const file = await given(t, service.text)
  assert.deepEqual(await listOf(target), await listOf(targetAt(file)))
  assert.deepEqual(await changesIn(target.holdings ?? assert.fail()).then((all) => all.length), 3)
})

test('a delivery that comes again is answered by its receipt', async (t) => {
  const service = await serviceIn(t, text)
  const { target } = at(t, { url: service.url })
  const delivery = deliveryOf(await pack(t, puts({ '/c': '{"components": {}, "item": {}}' })), { lane: service.url })
  const receipt = await target.apply(delivery, never)
  service.asked.length = 0
  assert.deepEqual(await target.apply(delivery, never), receipt)
  assert.deepEqual(service.asked, [])
  await assert.rejects(target.apply({ ...delivery, id: 'other', epoch: 0 }, never), { code: 'conflict' })
})

test('what somebody else writes meanwhile is not lost', async (t) => {
  const service = await serviceIn(t, text)
  const { target } = at(t, { url: service.url })
  service.meanwhile = () => {
    service.text = text.replace('summary: a', 'summary: theirs')
    service.meanwhile = undefined
  }
  await apply(t, target, puts({ '/b': '{"components": {}, "item": {"summary": "new"}}' }))
  assert.equal(service.text, text.replace('summary: a', 'summary: theirs').replace('summary: b', 'summary: new'))
  service.meanwhile = () => {
    service.text = `${service.text}# ${service.asked.length}\n`
  }
  const more = puts({ '/b': '{"components": {}, "item": {"summary": "newer"}}' })
  await assert.rejects(apply(t, target, more), { code: 'unavailable', message: /changed meanwhile/ })
})

test('a document that is not there yet is made, and one that is not kept as it was written is refused', async (t) => {
  const service = await serviceIn(t, undefined, '/made.json')
  const { source, target } = at(t, { url: service.url })
  await assert.rejects(pathsIn(source), { code: 'missing' })
  assert.deepEqual(await listOf(target), [])
  const from = await given(t, text)
  await apply(t, target, await changesIn(sourceAt(from)))
  assert.match(service.text ?? '', /^\{\n {2}"info": \{\n {4}"title": "made"/)
  assert.deepEqual(await listOf(target), await listOf(targetAt(from)))
  service.keeps = (one) => one.replace('newer', 'older')
  const newer = puts({ '/b': '{"components": {}, "item": {"summary": "newer"}}' })
  await assert.rejects(apply(t, target, newer), { code: 'rejected', message: /does not answer it/ })
})

test('a weak tag is none, and a test says how far it comes, changing nothing', async (t) => {
  const service = await serviceIn(t, text)
  service.etags = false
  const { target } = at(t, { url: service.url, attempts: 1 })
  await apply(t, target, puts({ '/b': '{"components": {}, "item": {"summary": "new"}}' }))
  assert.ok(service.asked.includes('PUT'))
  const steps = async (): Promise<string[]> => {
    const all: string[] = []
    for await (const { step, ok, detail } of target.test(never)) all.push(`${step} ${ok} ${detail ?? ''}`.trim())
    return all
  }
  const before = service.text
  assert.deepEqual((await steps()).slice(2), ['answer true', 'read true', 'write true'])
  assert.equal(service.text, before)
  service.text = 'swagger: "2.0"'
  assert.match((await steps()).at(-1) ?? '', /^read false .*Swagger 2.0/)
})

test('an endpoint has a path or a url, and one place', async () => {
  const check = checkerOf(openapi.options)
  assert.deepEqual(check({ path: '/a.yaml', owned: ['x-*', '/info/contact', 'x-a'] }), [])
  for (const options of [{ url: 'ftp://a' }, { path: '/a', owned: ['a'] }, { path: '/a', more: 1 }])
    assert.notDeepEqual(check(options), [], JSON.stringify(options))
  for (const options of [{}, { path: '/a', url: 'http://a/b' }])
    await assert.rejects(openapi.place(options), { code: 'invalid', message: /either a `path` or a `url`/ })
  assert.deepEqual(await openapi.place({ url: 'https://host/a/b.yaml' }), ['rest', 'https://host', 'a', 'b.yaml'])
  assert.deepEqual(await openapi.place({ path: '/nowhere/b.yaml' }), ['file', 'nowhere', 'b.yaml'])
})
