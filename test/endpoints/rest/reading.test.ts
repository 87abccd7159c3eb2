import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { numberOf } from '../../../src/documents/value.ts'
import { rootPath } from '../../../src/resources/path.ts'
import { HalService } from '../../interop/hal-service.ts'
import { documentsIn, sourceOf } from '../../interop/syncing.ts'
import { never, pathsIn } from '../trees.ts'

suite('rest, reading a HAL service', () => {
  test('a collection is read page by page, and no page twice', async (t) => {
    const service = await HalService.start(t, { pageSize: 10 })
    for (let i = 0; i < 25; i++) service.add('foo', String(i))
    const source = sourceOf(t, { url: `${service.origin}/api/foo`, limit: 10 })
    assert.equal(Object.keys(await documentsIn(source)).length, 25)
    assert.deepEqual(
      service.asked.map(({ path }) => path),
      ['/api/foo', '/api/foo?offset=10&limit=10', '/api/foo?offset=20&limit=10'],
    )
    assert.ok(service.asked.every(({ headers }) => headers['x-request-limit'] === '10'))
  })

  test('reading that begins in the middle finds what is before and behind it, also by a negative offset', async (t) => {
    const service = await HalService.start(t)
    for (let i = 0; i < 25; i++) service.add('foo', String(i))
    const source = sourceOf(t, { url: `${service.origin}/api/foo?offset=5&limit=10` })
    assert.equal(Object.keys(await documentsIn(source)).length, 25)
  })

  test('a discovery document leads to every collection with all, and to none with page', async (t) => {
    const service = await HalService.start(t)
    for (const type of ['foo', 'bar']) for (let i = 0; i < 3; i++) service.add(type, String(i))
    const url = `${service.origin}/api/`
    assert.deepEqual(await pathsIn(sourceOf(t, { url, follow: 'all' })), [
      '/',
      ...['/bar', '/bar/0', '/bar/1', '/bar/2'],
      ...['/foo', '/foo/0', '/foo/1', '/foo/2'],
    ])
    assert.deepEqual(await pathsIn(sourceOf(t, { url })), ['/'])
  })

  test('child links are followed with child and all, other links with all, none with none', async (t) => {
    const service = await HalService.start(t, { pageSize: 1 })
    const links = {
      'child:bar': { href: '/api/bar/1' },
      other: [{ href: '../baz/1' }, { href: '/api/{x}', templated: true }],
    }
    service.add('foo', '1', {}, links)
    service.add('foo', '2')
    for (const type of ['bar', 'baz']) service.add(type, '1')
    const found = async (follow: 'all' | 'child' | 'page' | 'none'): Promise<string[]> => {
      const paths = await pathsIn(sourceOf(t, { url: `${service.origin}/api/foo`, follow }))
      return paths.filter((path) => path.split('/').length === 3)
    }
    assert.deepEqual(await found('none'), ['/foo/1'])
    assert.deepEqual(await found('page'), ['/foo/1', '/foo/2'])
    assert.deepEqual(await found('child'), ['/bar/1', '/foo/1', '/foo/2'])
    service.fault = ({ path }) => (path.startsWith('/api/api') ? { status: 500 } : undefined)
    assert.deepEqual(await found('all'), ['/bar/1', '/foo/1', '/foo/2'])
  })

  test('links that go round in a circle end', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1', {}, { 'child:next': { href: '/api/foo/2' } })
    service.add('foo', '2', {}, { 'child:next': { href: '/api/foo/1' } })
    const source = sourceOf(t, { url: `${service.origin}/api/foo/1`, follow: 'child' })
    assert.deepEqual(await pathsIn(source), ['/', '/foo', '/foo/1', '/foo/2'])
    assert.equal(service.asked.length, 2)
  })

  test('what a page says of a document comes before what the document says of itself', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1', { of: 'the document' }, { 'child:self': { href: '/api/foo/1' } })
    service.fault = ({ path }) =>
      path === '/api/foo'
        ? {
            status: 200,
            body: JSON.stringify({
              _links: { self: { href: '/api/foo' }, 'child:one': { href: '/api/foo/1' } },
              _embedded: { foos: [{ id: '1', of: 'the page', _links: { self: { href: '/api/foo/1' } } }] },
            }),
          }
        : undefined
    const source = sourceOf(t, { url: `${service.origin}/api/foo`, follow: 'all' })
    assert.match((await documentsIn(source))['/foo/1'] ?? '', /"of": "the page"/)
  })

  test('a page with an id is a document too, without its members; a list of what has no ids stays', async (t) => {
    const service = await HalService.start(t)
    const member = { id: 'm', _links: { self: { href: '/api/bar/m' } } }
    service.fault = () => ({
      status: 200,
      body: JSON.stringify({ id: '1', of: 'it', items: [member], _links: { self: { href: '/api/foo/1' } } }),
    })
    const url = `${service.origin}/api/foo/1`
    const found = await documentsIn(sourceOf(t, { url }))
    assert.deepEqual(Object.keys(found), ['/bar/m', '/foo/1'])
    assert.doesNotMatch(found['/foo/1'] ?? '', /items/)
    service.fault = () => ({ status: 200, body: JSON.stringify({ id: '1', items: [{ of: 'its own' }], _links: {} }) })
    assert.match((await documentsIn(sourceOf(t, { url })))['/foo/1'] ?? '', /"items": \[\{"of": "its own"\}\]/)
  })

  test('digits, and texts that look like dates, come as they are', async (t) => {
    const service = await HalService.start(t)
    service.add('foo', '1', { big: numberOf('12345678901234567890'), exact: numberOf('1.0'), date: '2020-01-01' })
    const text = (await documentsIn(sourceOf(t, { url: `${service.origin}/api/foo` })))['/foo/1'] ?? ''
    assert.match(text, /"big": 12345678901234567890, "date": "2020-01-01", "exact": 1\.0/)
  })

  test('what is ignored is not read, and links of the other environment are put back', async (t) => {
    const service = await HalService.start(t, { links: 'http://here.example' })
    service.add('foo', '1', { updatedAt: 'now', deep: { of: 'mine', rev: '1' } })
    const source = sourceOf(t, {
      url: `${service.origin}/api/foo`,
      ignore: ['/updatedAt', '/deep/rev', '/none/at/all'],
      rewrite: [{ from: 'https://there.example/v1', to: 'http://here.example' }],
    })
    assert.deepEqual(await documentsIn(source), {
      '/foo/1':
        '{"_links": {"self": {"href": "https://there.example/v1/api/foo/1"}}, "deep": {"of": "mine"}, "id": "1"}\n',
    })
  })

  test('the order is that of paths, and a folder can be read alone', async (t) => {
    const service = await HalService.start(t)
    for (const id of ['b', 'a', 'C', 'a/b', '..'])
      service.documents.set(`/api/foo/${encodeURIComponent(id)}`, { id, _links: {} })
    service.add('bar', 'x')
    const all = sourceOf(t, { url: `${service.origin}/api/`, follow: 'all' })
    const foo = ['/foo', '/foo/%2E.', '/foo/C', '/foo/a', '/foo/a%2Fb', '/foo/b']
    assert.deepEqual(await pathsIn(all, '/foo' as typeof rootPath), foo)
    await assert.rejects(pathsIn(all, '/none' as typeof rootPath), { code: 'missing' })
    assert.deepEqual(await pathsIn(all, rootPath, { deep: false }), ['/'])
  })

  test('a broken link is noted, a broken page fails the whole', async (t) => {
    const service = await HalService.start(t, { pageSize: 2 })
    for (let i = 0; i < 6; i++) service.add('foo', String(i), {}, { 'child:x': { href: `/api/gone/${i}` } })
    const notes: string[] = []
    const source = sourceOf(t, { url: `${service.origin}/api/foo`, follow: 'child', attempts: 1 })
    assert.equal((await pathsIn(source, rootPath, { note: (note) => notes.push(note) })).length, 8)
    assert.equal(notes.length, 6)
    assert.match(notes[0] ?? '', /\/api\/gone\/\d was passed over: it was answered with 404/)
    for (const status of [404, 500, 401, 403, 302]) {
      service.fault = ({ path }) => (path.includes('offset=4') ? { status } : undefined)
      const read: string[] = []
      await assert.rejects(
        async () => {
          for await (const { path } of source.read(rootPath, { deep: true, signal: never })) read.push(path)
        },
        { name: 'ReplicationError' },
      )
      assert.deepEqual(read, [])
    }
    service.fault = ({ path }) => (path === '/api/gone/3' ? { status: 500 } : undefined)
    await assert.rejects(pathsIn(source), { code: 'unavailable' })
  })
})
