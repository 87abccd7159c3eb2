import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { suite, test } from 'node:test'
import { HalService, refused } from '../../interop/hal-service.ts'
import { applyTo, documentsIn, sourceOf, targetOf } from '../../interop/syncing.ts'
import { deletes, deliveryOf, pack, puts } from '../deliveries.ts'
import { never } from '../trees.ts'
import { treeOf } from '../../interop/syncing.ts'

const foo = (id: string, more: object = {}): Record<string, unknown> => ({
  id,
  ...more,
  _links: { self: { href: `/api/foo/${id}` } },
})

suite('rest, in trouble', () => {
  test('what fails for a reason that may pass is tried again, reading and writing', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1')
    for (const status of [408, 425, 429, 500, 502, 503, 504]) {
      service.forget()
      service.documents.delete('/api/foo/2')
      service.fault = (_, times) => (times < 3 ? { status } : undefined)
      assert.equal(Object.keys(await documentsIn(sourceOf(t, { url: `${service.origin}/api/foo` }))).length, 1)
      const { error } = await applyTo(t, targetOf(t, { url: service.origin }), {
        'foo/2': foo('2', { status: String(status) }),
      })
      assert.equal(error, undefined)
      assert.equal(service.writes.length, 3)
    }
  })

  test('after so many attempts it fails, and says how long the service asked to wait', async (t) => {
    const service = await HalService.start(t)
    service.fault = () => ({ ...refused(429, 'slowly'), headers: { 'retry-after': '3600' } })
    const source = sourceOf(t, { url: `${service.origin}/api/foo` })
    await assert.rejects(documentsIn(source), {
      code: 'busy',
      transient: true,
      retryAfterMs: 3_600_000,
      message: /429: slowly/,
    })
    // An hour is not waited for here.
    assert.equal(service.asked.length, 1)
    service.forget()
    service.fault = () => ({ status: 503, headers: { 'retry-after': new Date(Date.now() - 1000).toUTCString() } })
    await assert.rejects(documentsIn(source), { code: 'unavailable', transient: true })
    assert.equal(service.asked.length, 3)
  })

  test('a service that says that it is not retryable is believed', async (t) => {
    const service = await HalService.start(t)
    service.fault = () => refused(503, 'never', { retryable: false })
    await assert.rejects(documentsIn(sourceOf(t, { url: `${service.origin}/api/foo` })), {
      code: 'unavailable',
      transient: false,
    })
    assert.equal(service.asked.length, 1)
  })

  test('a connection that breaks off, and an answer that does not come, are tried again', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1')
    service.fault = async (_, times) => {
      if (times === 1) return { status: 200, body: '{"items": [', breaks: true }
      return times === 2 ? new Promise(() => undefined) : undefined
    }
    const source = sourceOf(t, { url: `${service.origin}/api/foo`, timeoutMs: 300 })
    assert.equal(Object.keys(await documentsIn(source)).length, 1)
    assert.equal(service.asked.length, 3)
    service.forget()
    service.fault = (asked, times) =>
      asked.method === 'PUT' && times < 3 ? { status: 200, body: '', breaks: true } : undefined
    const { error } = await applyTo(t, targetOf(t, { url: service.origin }), { 'foo/2': foo('2') })
    assert.equal(error, undefined)
    assert.equal(service.writes.length, 3)
  })

  test('a service that is not there is unavailable', async (t) => {
    const source = sourceOf(t, { url: 'http://127.0.0.1:1/api', attempts: 2 })
    await assert.rejects(documentsIn(source), { code: 'unavailable', message: /ECONNREFUSED/ })
  })

  test('a POST that may have been done is not done twice', async (t) => {
    const service = await HalService.start(t)
    service.fault = ({ method, path, body }) => {
      if (method === 'PUT') return refused(404, 'no such thing')
      if (method !== 'POST') return undefined
      assert.equal(path, '/api/foo')
      service.documents.set('/api/foo/1', JSON.parse(body) as never)
      return { status: 502 }
    }
    const { outcomes, error } = await applyTo(t, targetOf(t, { url: service.origin }), { 'foo/1': foo('1') })
    assert.equal(error, undefined)
    assert.deepEqual(outcomes, { '/foo/1': 'created' })
    assert.equal(service.writes.filter(({ method }) => method === 'POST').length, 1)
  })

  test('redirects of reading are followed at home; of writing only those that keep it a write', async (t) => {
    const [service, elsewhere] = [await HalService.start(t), await HalService.start(t)]
    service.add('foo', '1')
    elsewhere.add('foo', '1')
    const moved =
      (status: number, to: string) =>
      ({ path }: { path: string }) => {
        return path.startsWith('/old') ? { status, headers: { location: to + path.replace('/old', '') } } : undefined
      }
    const source = sourceOf(t, { url: `${service.origin}/old/api/foo` })
    for (const status of [301, 302, 303, 307, 308]) {
      service.fault = moved(status, '')
      assert.equal(Object.keys(await documentsIn(source)).length, 1)
      service.fault = moved(status, elsewhere.origin)
      await assert.rejects(documentsIn(source), { code: 'rejected', message: /a redirect to http/ })
    }
    const document = { 'foo/2': { id: '2', _links: { self: { href: '/old/api/foo/2' } } } }
    for (const status of [301, 302, 303, 307, 308]) {
      service.documents.clear()
      service.fault = (asked) => (asked.method === 'PUT' ? moved(status, '')(asked) : undefined)
      const { outcomes, error } = await applyTo(t, targetOf(t, { url: service.origin }), document)
      assert.equal(outcomes['/foo/2'], status < 307 ? 'failed' : 'created', String(error))
      assert.equal(service.documents.size, status < 307 ? 0 : 1)
      service.fault = (asked) => (asked.method === 'PUT' ? moved(status, elsewhere.origin)(asked) : undefined)
      const { error: refusal } = await applyTo(t, targetOf(t, { url: service.origin }), document)
      assert.match(String(refusal), status < 307 ? /nothing would have been written/ : /a redirect to http/)
    }
    service.fault = () => ({ status: 302, headers: { location: '/round/and/round' } })
    await assert.rejects(documentsIn(source), { code: 'rejected', message: /without end/ })
    assert.equal(elsewhere.asked.length, 0)
  })

  test('credentials go to their own service, and to others only when those are named', async (t) => {
    const authorization = `Basic ${Buffer.from('me:päss').toString('base64')}`
    const [service, elsewhere] = [await HalService.start(t, { authorization }), await HalService.start(t)]
    service.add('foo', '1', {}, { 'child:x': { href: `${elsewhere.origin}/api/bar/1` } })
    elsewhere.add('bar', '1')
    const options = {
      url: `${service.origin}/api/foo`,
      follow: 'all' as const,
      headers: { 'X-Key': 'secret' },
      auth: { basic: { username: 'me', password: 'päss' } },
    }
    assert.deepEqual(Object.keys(await documentsIn(sourceOf(t, options))), ['/bar/1', '/foo/1'])
    assert.equal(service.asked[0]?.headers['x-key'], 'secret')
    assert.equal(elsewhere.asked[0]?.headers['authorization'], undefined)
    assert.equal(elsewhere.asked[0]?.headers['x-key'], undefined)
    await documentsIn(sourceOf(t, { ...options, origins: [elsewhere.origin] }))
    assert.equal(elsewhere.asked[1]?.headers['authorization'], authorization)
    const { auth: _, ...without } = options
    await assert.rejects(documentsIn(sourceOf(t, without)), { code: 'unauthenticated', message: /401: who are you\?/ })
  })

  test('a bearer token and a header of its own say who asks; batches are asked for with them too', async (t) => {
    const service = await HalService.start(t, { authorization: 'Bearer token' })
    const target = targetOf(t, { url: service.origin, batchSize: 10, auth: { bearer: 'token' } })
    const { error } = await applyTo(t, target, { 'foo/1': foo('1'), 'foo/2': foo('2') })
    assert.equal(error, undefined)
    assert.deepEqual(
      service.writes.map(({ method }) => method),
      ['PATCH'],
    )
    await documentsIn(
      sourceOf(t, {
        url: `${service.origin}/api/foo`,
        auth: { header: { name: 'Authorization', value: 'Bearer token' } },
      }),
    )
  })

  test('there are no more requests at a time than admitted, and no more in a second', async (t) => {
    let [now, most] = [0, 0]
    const service = await HalService.start(t)
    service.fault = async () => {
      most = Math.max(most, ++now)
      await new Promise((resolve) => setTimeout(resolve, 5))
      now--
      return undefined
    }
    const documents = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`foo/${i}`, foo(String(i))]))
    await applyTo(t, targetOf(t, { url: service.origin, concurrency: 4 }), documents)
    assert.ok(most <= 4 && most > 1, `${most} at a time`)
    service.forget()
    const startedAt = performance.now()
    await applyTo(t, targetOf(t, { url: service.origin, rateLimit: 100 }), documents)
    const leastMs = (service.asked.length - 1) * 10
    assert.ok(performance.now() - startedAt >= leastMs - 5, `${service.asked.length} requests`)
  })

  test('what reads back as something else than was written is an error that says where', async (t) => {
    const service = await HalService.start(t, { tags: 'none' })
    service.fault = ({ method }) => {
      for (const [path, document] of service.documents)
        if (method === 'GET') service.documents.set(path, { ...document, updatedAt: 'now' })
      return undefined
    }
    const { error } = await applyTo(t, targetOf(t, { url: service.origin }), {
      'foo/1': foo('1', { deep: { is: 'kept' } }),
    })
    // Its answer to the PUT was right.
    assert.equal(error, undefined)
    service.documents.clear()
    service.fault = ({ method, body }) => {
      if (method !== 'PUT') return undefined
      service.documents.set('/api/foo/1', { ...(JSON.parse(body) as object), deep: { is: 'lost' }, updatedAt: 'now' })
      return { status: 204 }
    }
    const { outcomes, error: refusal } = await applyTo(t, targetOf(t, { url: service.origin }), {
      'foo/1': foo('1', { deep: { is: 'kept' } }),
    })
    assert.deepEqual(outcomes, { '/foo/1': 'failed' })
    assert.match(
      String(refusal),
      /holds something else, at \/deep\/is, \/updatedAt, after it was written; name in `ignore`/,
    )
  })

  test('whether preconditions count is asked once, by a write; where they do not, what was written is read back', async (t) => {
    for (const honours of [true, false]) {
      const service = await HalService.start(t, { honours })
      for (let i = 0; i < 3; i++) service.add('foo', String(i))
      service.fault = undefined
      const target = targetOf(t, { url: service.origin, concurrency: 1 })
      const documents = Object.fromEntries([0, 1, 2].map((i) => [`foo/${i}`, foo(String(i), { changed: true })]))
      const { outcomes } = await applyTo(t, target, documents)
      assert.deepEqual(new Set(Object.values(outcomes)), new Set(['updated']))
      assert.equal(service.writes.length, honours ? 4 : 3)
      assert.equal(service.writes.filter(({ headers }) => headers['if-match'] !== undefined).length, honours ? 4 : 1)
    }
  })

  test('what changes while it is written is looked at again', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1')
    service.fault = ({ method }, times) => {
      if (method === 'PUT' && times === 2) service.add('foo', '1', { by: 'somebody else' })
      return undefined
    }
    const { outcomes } = await applyTo(t, targetOf(t, { url: service.origin }), { 'foo/1': foo('1', { by: 'us' }) })
    assert.deepEqual(outcomes, { '/foo/1': 'updated' })
    assert.equal(service.documents.get('/api/foo/1')?.['by'], 'us')
  })

  test('a repeat of a delivery does nothing; an older epoch is refused', async (t) => {
    const service = await HalService.start(t)
    const target = targetOf(t, { url: service.origin })
    const delivery = deliveryOf(await pack(t, puts(treeOf({ 'foo/1': foo('1') }))), { epoch: 4 })
    const receipt = await target.apply(delivery, never)
    service.forget()
    assert.deepEqual(await target.apply({ ...delivery, epoch: 5 }, never), receipt)
    assert.equal(service.asked.length, 0)
    await assert.rejects(target.apply({ ...delivery, id: 'another' }, never), { code: 'conflict' })
  })

  test('a deletion that is refused is told, and what cannot be listed is deleted by its name', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1')
    service.fault = ({ method, path }) =>
      path === '/'
        ? { status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' }
        : method === 'DELETE' && path === '/foo/2'
          ? refused(403, 'no')
          : undefined
    const target = targetOf(t, { url: `${service.origin}/`, basePath: '/api' })
    const { outcomes, error } = await applyTo(t, target, [deletes('/foo/2')])
    assert.deepEqual(outcomes, { '/foo/2': 'failed' })
    assert.match(String(error), /403: no/)
    const { error: unlisted } = await applyTo(t, target, [deletes('/foo')])
    assert.match(String(unlisted), /neither JSON nor YAML/)
  })

  test('a test says step by step what is wrong, and changes nothing', async (t) => {
    const service = await HalService.start(t, { authorization: 'Bearer it' })
    const stepsOf = async (options: object): Promise<string[]> => {
      const steps: string[] = []
      for await (const { step, ok } of targetOf(t, { url: `${service.origin}/api/`, attempts: 1, ...options }).test(
        never,
      ))
        steps.push(`${step} ${ok}`)
      return steps
    }
    assert.deepEqual(await stepsOf({ auth: { bearer: 'it' } }), [
      ...['name true', 'connect true', 'answer true'],
      ...['auth true', 'read true', 'write true'],
    ])
    assert.deepEqual(await stepsOf({}), ['name true', 'connect true', 'answer true', 'auth false'])
    assert.deepEqual(await stepsOf({ url: 'http://127.0.0.1:1' }), ['name true', 'connect false'])
    assert.deepEqual(await stepsOf({ url: 'http://nowhere.invalid' }), ['name false'])
    const web = createServer((_, response) => response.setHeader('content-type', 'text/html').end('<p>'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    t.after(() => web.close())
    const url = `http://127.0.0.1:${(web.address() as AddressInfo).port}`
    assert.deepEqual((await stepsOf({ url })).slice(2), ['answer true', 'auth true', 'read false'])
    assert.equal(service.writes.length, 0)
  })
})
