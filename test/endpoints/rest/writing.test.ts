import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { rootPath, parsePath } from '../../../src/resources/path.ts'
import { HalService, refused } from '../../interop/hal-service.ts'
import { applyTo, documentsIn, sourceOf, sync, targetOf, treeOf } from '../../interop/syncing.ts'
import { deletes, puts } from '../deliveries.ts'

const foo = (id: string, more: object = {}): Record<string, unknown> => ({
  id,
  ...more,
  _links: { self: { href: `/api/foo/${id}` } },
})
const many = (count: number, more: object = {}): Record<string, Record<string, unknown>> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`foo/${i}`, foo(String(i), more)]))

suite('rest, writing to a HAL service', () => {
  for (const count of [3, 60])
    test(`${count} documents are created, found unchanged, updated and found unchanged`, async (t) => {
      const service = await HalService.start(t)
      const target = targetOf(t, { url: service.origin })
      const first = await applyTo(t, target, many(count))
      assert.equal(first.error, undefined)
      assert.deepEqual(new Set(Object.values(first.outcomes)), new Set(['created']))
      assert.equal(service.documents.size, count)
      service.forget()
      const again = await applyTo(t, target, many(count))
      assert.deepEqual(new Set(Object.values(again.outcomes)), new Set(['unchanged']))
      assert.equal(service.writes.length, 0)
      // A collection is read when that is cheaper.
      assert.equal(service.asked.length, count < 20 ? count : 1)
      const changed = { ...many(count), 'foo/1': foo('1', { changed: true }) }
      const update = await applyTo(t, target, changed)
      assert.equal(update.outcomes['/foo/1'], 'updated')
      assert.equal(Object.values(update.outcomes).filter((outcome) => outcome === 'unchanged').length, count - 1)
      assert.ok(service.writes.every(({ path, headers }) => path === '/api/foo/1' && headers['if-match'] !== undefined))
      service.forget()
      await applyTo(t, target, changed)
      assert.equal(service.writes.length, 0)
    })

  test('from one service into another nothing is lost, and a second time nothing is written', async (t) => {
    const [one, other] = [await HalService.start(t, { pageSize: 7 }), await HalService.start(t)]
    for (let i = 0; i < 30; i++) one.add('foo', `é ${i}`.normalize(), { text: `${i}`, deep: { list: ['a', null] } })
    const from = sourceOf(t, { url: `${one.origin}/api/foo` })
    const to = targetOf(t, { url: `${other.origin}/api/foo` })
    await sync(t, from, to)
    assert.deepEqual(await documentsIn(sourceOf(t, { url: `${other.origin}/api/foo` })), await documentsIn(from))
    other.forget()
    assert.deepEqual(new Set(Object.values(await sync(t, from, to))), new Set(['unchanged']))
    assert.equal(other.writes.length, 0)
  })

  test('parents are written before their children, and deleted after them', async (t) => {
    const service = await HalService.start(t)
    const child = (id: string, parent: string): Record<string, unknown> => {
      return {
        id,
        _links: {
          self: { href: `http://origin.example/api/a/${id}` },
          'parent:b': { href: `http://origin.example/api/${parent}` },
        },
      }
    }
    const documents = {
      'a/1': child('1', 'a/2'),
      'a/2': child('2', 'z/3'),
      'z/3': { id: '3', _links: { self: { href: '/api/z/3' } } },
    }
    const rewrite = [{ from: 'http://origin.example', to: service.origin }]
    const target = targetOf(t, { url: `${service.origin}/api/`, follow: 'all', rewrite })
    const { error } = await applyTo(t, target, documents)
    assert.equal(error, undefined)
    assert.deepEqual(
      service.writes.map(({ path }) => path),
      ['/api/z/3', '/api/a/2', '/api/a/1'],
    )
    service.forget()
    const gone = await applyTo(t, target, [deletes('/')])
    assert.deepEqual(gone.outcomes, { '/a/1': 'deleted', '/a/2': 'deleted', '/z/3': 'deleted' })
    assert.deepEqual(
      service.writes.map(({ method, path }) => `${method} ${path}`),
      ['DELETE /api/a/1', 'DELETE /api/a/2', 'DELETE /api/z/3'],
    )
  })

  test('what fails takes its dependants with it, and is named; the rest is written when asked to go on', async (t) => {
    const service = await HalService.start(t)
    service.fault = ({ method, path }) =>
      method === 'PUT' && path === '/api/foo/1' ? refused(422, 'not so', { retryable: false }) : undefined
    const after = (id: string, parent: string): Record<string, unknown> => {
      return { id, _links: { self: { href: `/api/foo/${id}` }, 'parent:foo': { href: `/api/foo/${parent}` } } }
    }
    const documents = { 'foo/1': foo('1'), 'foo/2': after('2', '1'), 'foo/3': after('3', '2'), 'foo/4': foo('4') }
    const target = targetOf(t, { url: service.origin, concurrency: 1 })
    const gone = await applyTo(t, target, documents, { onFailure: 'go-on' })
    assert.deepEqual(gone.outcomes, {
      '/foo/1': 'failed',
      '/foo/2': 'skipped',
      '/foo/3': 'skipped',
      '/foo/4': 'created',
    })
    assert.match(
      String(gone.error),
      /1 of 4 could not be written: "\/foo\/1": PUT .*\/api\/foo\/1 was answered with 422: not so; 2 were skipped/,
    )
    service.documents.clear()
    const stopped = await applyTo(t, target, documents)
    assert.deepEqual(stopped.outcomes, {
      '/foo/1': 'failed',
      '/foo/2': 'skipped',
      '/foo/3': 'skipped',
      '/foo/4': 'skipped',
    })
    assert.equal(service.documents.size, 0)
  })

  test('a cycle is named, and nothing is written', async (t) => {
    const service = await HalService.start(t)
    const after = (id: string, parent: string): Record<string, unknown> => {
      return { id, _links: { self: { href: `/api/foo/${id}` }, 'parent:foo': { href: `/api/foo/${parent}` } } }
    }
    const documents = {
      'foo/1': after('1', '2'),
      'foo/2': after('2', '1'),
      'foo/3': after('3', '2'),
      'foo/4': foo('4'),
    }
    const target = targetOf(t, { url: service.origin })
    const { outcomes, error } = await applyTo(t, target, documents)
    assert.deepEqual(outcomes, { '/foo/1': 'failed', '/foo/2': 'failed', '/foo/3': 'skipped', '/foo/4': 'skipped' })
    assert.match(String(error), /\/foo\/1 after \/foo\/2 after \/foo\/1/)
    assert.equal(service.asked.length, 0)
    const { outcomes: more } = await applyTo(t, target, documents, { onFailure: 'go-on' })
    assert.equal(more['/foo/4'], 'created')
  })

  test('many go in batches where the collection takes them; it is asked once', async (t) => {
    const service = await HalService.start(t)
    const target = targetOf(t, { url: service.origin, batchSize: 25 })
    const { outcomes, error } = await applyTo(t, target, many(60))
    assert.equal(error, undefined)
    assert.deepEqual(new Set(Object.values(outcomes)), new Set(['created']))
    assert.deepEqual(
      service.writes.map(({ method, path }) => `${method} ${path}`),
      Array.from({ length: 3 }, () => 'PATCH /api/foo'),
    )
    await applyTo(t, target, many(60, { changed: true }))
    assert.equal(service.asked.filter(({ method }) => method === 'OPTIONS').length, 1)
    assert.equal(service.writes.length, 6)
    assert.equal(service.documents.size, 60)
  })

  test('the culprit of a batch that is refused is found, and all others are written', async (t) => {
    const service = await HalService.start(t, { culprits: ['11', '37'] })
    service.fault = ({ method, path }) =>
      method === 'PUT' && path === '/api/foo/37' ? refused(422, 'not this one') : undefined
    const target = targetOf(t, { url: service.origin, batchSize: 50 })
    const { outcomes, error } = await applyTo(t, target, many(60), { onFailure: 'go-on' })
    assert.match(String(error), /"\/foo\/37": .* 422: not this one$/)
    assert.equal(outcomes['/foo/11'], 'created')
    assert.equal(service.documents.size, 59)
  })

  test('a mirror deletes what is not in the package, within its guard', async (t) => {
    const service = await HalService.start(t)
    for (let i = 0; i < 10; i++) service.add('foo', String(i))
    const target = targetOf(t, { url: `${service.origin}/api/foo` })
    const header = { mode: 'mirror', roots: [rootPath] } as const
    const eight = puts({ '/': null, '/foo': null, ...treeOf(many(8)) })
    const refusal = await applyTo(t, target, eight, { header, deletes: { maxPercent: 10, maxCount: 10 } })
    assert.match(String(refusal.error), /2 of the 11 resources/)
    assert.equal(service.documents.size, 10)
    const { outcomes } = await applyTo(t, target, eight, { header })
    assert.equal(outcomes['/foo/9'], 'deleted')
    assert.equal(outcomes['/foo/1'], 'unchanged')
    assert.equal(service.documents.size, 8)
  })

  test('a mirror of a listing that fails changes nothing', async (t) => {
    const service = await HalService.start(t, { pageSize: 5 })
    for (let i = 0; i < 10; i++) service.add('foo', String(i))
    service.fault = ({ path }) => (path.includes('offset=5') ? { status: 404 } : undefined)
    const target = targetOf(t, { url: `${service.origin}/api/foo` })
    const header = { mode: 'mirror', roots: [rootPath] } as const
    const { error } = await applyTo(t, target, puts({ '/': null, '/foo': null, ...treeOf(many(9)) }), { header })
    assert.match(String(error), /404/)
    assert.equal(service.writes.length, 0)
  })

  test('what the service makes by itself is kept when it is written, and not compared', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1', { _rev: '7', of: 'before' })
    const target = targetOf(t, { url: service.origin, ignore: ['/_rev'] })
    const { outcomes } = await applyTo(t, target, {
      'foo/1': foo('1', { of: 'after' }),
      'foo/2': foo('2', { _rev: 'theirs' }),
    })
    assert.deepEqual(outcomes, { '/foo/1': 'updated', '/foo/2': 'created' })
    assert.equal(service.documents.get('/api/foo/1')?.['_rev'], '7')
    assert.equal(Object.hasOwn(service.documents.get('/api/foo/2') ?? {}, '_rev'), false)
    const again = await applyTo(t, target, { 'foo/1': foo('1', { of: 'after' }) })
    assert.deepEqual(again.outcomes, { '/foo/1': 'unchanged' })
  })

  test('links are rewritten on the way in and back on the way out', async (t) => {
    const service = await HalService.start(t, { links: 'http://here.example' })
    const options = {
      url: `${service.origin}/api/foo`,
      rewrite: [{ from: 'http://there.example', to: 'http://here.example' }],
    }
    const document = {
      id: '1',
      href: 'http://there.example/as/it/is',
      _links: { self: { href: 'http://there.example/api/foo/1' } },
    }
    const { error } = await applyTo(t, targetOf(t, options), { 'foo/1': document })
    assert.equal(error, undefined)
    assert.match(
      JSON.stringify(service.documents.get('/api/foo/1')),
      /"self":{"href":"http:\/\/here\.example\/api\/foo\/1"}/,
    )
    assert.equal((await documentsIn(sourceOf(t, options)))['/foo/1'], treeOf({ 'foo/1': document })['/foo/1'])
    const double = { id: '2', _links: { self: { href: '/api/foo/2' }, x: { href: 'http://here.example/x' } } }
    const { error: refusal } = await applyTo(t, targetOf(t, options), { 'foo/2': double })
    assert.match(String(refusal), /\/_links\/x\/href begins as those that `rewrite` makes/)
  })

  test('documents without a URI go below the url, and a base path goes before theirs', async (t) => {
    const service = await HalService.start(t)
    await applyTo(t, targetOf(t, { url: `${service.origin}/api` }), { 'foo/x y': { id: 'x y' } })
    await applyTo(t, targetOf(t, { url: `${service.origin}/api/bar` }), { 'bar/1': { id: 1 } })
    await applyTo(t, targetOf(t, { url: service.origin, basePath: '/api' }), {
      'baz/1': { id: '1', _links: { self: { href: '/baz/1' } } },
      'baz/2': { id: '2', _links: { self: { href: '/api/baz/2' } } },
    })
    assert.deepEqual([...service.documents.keys()].toSorted(), [
      '/api/bar/1',
      '/api/baz/1',
      '/api/baz/2',
      '/api/foo/x%20y',
    ])
  })

  test('what is no document, or another than its path says, is refused, and nothing is written', async (t) => {
    const service = await HalService.start(t)
    const target = targetOf(t, { url: service.origin })
    for (const [tree, why] of [
      [{ '/foo/1': 'no document' }, /"\/foo\/1" cannot be held as a document: this is no JSON/],
      [{ '/foo': '{"id": "foo"}' }, /"\/foo" .*two segments/],
      [{ '/foo/bar/1': '{"id": "1"}' }, /"\/foo\/bar\/1" .*two segments/],
      [{ '/foo/1': '{"name": "1"}' }, /"\/foo\/1" .*it says no id/],
      [{ '/foo/1': '{"id": "2"}' }, /says that it is "foo\/2"/],
      [{ '/foo/1': '{"id": 1, "_links": {"self": {"href": "/api/bar/1"}}}' }, /says that it is "bar\/1"/],
      [{ '/foo/1': Buffer.from([0xff]) }, /not in UTF-8/],
    ] as const) {
      const { error } = await applyTo(t, target, puts({ ...treeOf({ 'foo/0': foo('0') }), ...tree }))
      assert.match(String(error), why)
      assert.equal((error as { code?: string }).code, 'invalid')
    }
    assert.equal(service.asked.length, 0)
  })

  test('documents that still name where they came from are deleted where they are', async (t) => {
    const service = await HalService.start(t, { links: 'http://origin.example' })
    for (let i = 0; i < 3; i++) service.add('foo', String(i))
    const target = targetOf(t, { url: `${service.origin}/api/foo` })
    const { outcomes } = await applyTo(t, target, [deletes('/foo/1'), deletes('/foo/9')])
    assert.deepEqual(outcomes, { '/foo/1': 'deleted' })
    assert.equal(service.documents.size, 2)
  })

  test('with paths, only what lies within them is written', async (t) => {
    const service = await HalService.start(t)
    const target = targetOf(t, { url: service.origin })
    await applyTo(t, target, many(5), { paths: [parsePath('/foo/3')] })
    assert.deepEqual([...service.documents.keys()], ['/api/foo/3'])
  })
})
