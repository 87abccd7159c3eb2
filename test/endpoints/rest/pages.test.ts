import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import type { RestOptions } from '../../../src/endpoints/rest/options.ts'
import { HalService, type Answer, type Asked } from '../../interop/hal-service.ts'
import { documentsIn, sourceOf } from '../../interop/syncing.ts'

const json = (body: unknown, headers: Record<string, string> = {}): Answer => ({
  status: 200,
  headers,
  body: JSON.stringify(body),
})

/** A service that answers whatever is wanted, and what is read from it. */
async function reading(
  t: TestContext,
  answer: (asked: Asked, url: URL) => Answer,
  options: Partial<RestOptions> = {},
  path = '/posts',
): Promise<{ service: HalService; read: () => Promise<string[]> }> {
  const service = await HalService.start(t)
  service.fault = (asked) => answer(asked, new URL(asked.path, service.origin))
  const source = sourceOf(t, { url: service.origin + path, attempts: 1, ...options })
  return { service, read: async () => Object.keys(await documentsIn(source)) }
}

const numbered = (from: number, to: number): { id: string }[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => ({ id: String(from + i) }))

suite('rest, pages of every form', () => {
  test('an array is a page, whose address names the type', async (t) => {
    const { read } = await reading(t, () => json([{ id: 1 }, { id: 'two' }]))
    assert.deepEqual(await read(), ['/posts/1', '/posts/two'])
  })

  test('links in headers lead to the next page', async (t) => {
    const { service, read } = await reading(t, (_, url) => {
      const page = Number(url.searchParams.get('_page') ?? 1)
      const link =
        page < 3
          ? `<${url.pathname}?_page=${page + 1}>; rel="next", <${url.pathname}?_page=1>; rel=first`
          : '</posts?_page=1>; rel="first"'
      return json(numbered(page * 10, page * 10 + 4), { link, 'x-total-count': '12' })
    })
    assert.equal((await read()).length, 12)
    assert.equal(service.asked.length, 3)
  })

  for (const [what, isWhole] of [
    ['a count in the page', true],
    ['a count in a header', false],
  ] as const)
    test(`${what} leads to the next offset`, async (t) => {
      const { service, read } = await reading(t, (_, url) => {
        const offset = Number(url.searchParams.get('offset') ?? 0)
        const items = numbered(offset, Math.min(offset + 10, 35))
        return isWhole ? json({ offset, limit: 10, count: 35, items }) : json(items, { 'x-total-count': '35' })
      })
      assert.equal((await read()).length, 35)
      assert.equal(service.asked.length, 4)
    })

  test('a cursor leads to the next page, and so does the URI of it', async (t) => {
    const { read } = await reading(t, (_, url) => {
      const cursor = url.searchParams.get('cursor')
      if (cursor === 'a b') return json({ items: numbered(10, 20), next: '/posts?more' })
      return url.search === '?more=' || url.search === '?more'
        ? json({ items: numbered(20, 25), next: null })
        : json({ items: numbered(0, 10), nextCursor: 'a b' })
    })
    assert.equal((await read()).length, 25)
  })

  test('a listing that has less than it counts fails, instead of ending early', async (t) => {
    const short = await reading(t, (_, url) =>
      json(url.search === '' ? numbered(0, 10) : [], { 'x-total-count': '20' }),
    )
    await assert.rejects(short.read(), { code: 'unavailable' })
    const same = await reading(t, () => json(numbered(0, 10), { 'x-total-count': '20' }))
    await assert.rejects(same.read(), { code: 'unavailable' })
  })

  test('any media type of JSON or YAML is read, with parameters; others are refused by name', async (t) => {
    const types = [
      'application/json; charset=utf-8',
      'application/hal+json;charset="UTF-8"',
      'TEXT/JSON',
      'application/vnd.api+json; version=1',
    ]
    for (const type of types) {
      const { read } = await reading(t, () => json([{ id: 1 }], { 'content-type': type }))
      assert.deepEqual(await read(), ['/posts/1'])
    }
    for (const type of ['application/yaml', 'text/x-yaml; charset=utf-8', 'application/x+yaml', 'text/vnd.yaml']) {
      const { read } = await reading(t, () => ({
        status: 200,
        headers: { 'content-type': type },
        body: '- id: 1\n- {id: 2020-01-01}\n',
      }))
      assert.deepEqual(await read(), ['/posts/1', '/posts/2020-01-01'])
    }
    const { read } = await reading(t, () => ({ status: 200, headers: { 'content-type': 'text/html' }, body: '<p>' }))
    await assert.rejects(read(), { code: 'invalid', message: /text\/html, which is neither JSON nor YAML/ })
  })

  test('text in another charset is read, and bytes that are none are refused', async (t) => {
    const service = await HalService.start(t)
    service.fault = () => json([{ id: 'é' }], { 'content-type': 'application/json; charset=iso-8859-1' })
    const latin = sourceOf(t, { url: `${service.origin}/posts` })
    // In UTF-8 it is two bytes, which are two characters there.
    assert.deepEqual(Object.keys(await documentsIn(latin)), ['/posts/Ã©'])
  })

  test('simple documents, and those with pointers of their own, are read', async (t) => {
    const one = {
      id: 1,
      type: 'a',
      uri: '/x/a/1',
      links: [{ rel: 'next', href: '/second' }],
      embedded: [{ id: 2, type: 'b' }],
    }
    const simple = await reading(t, (_, url) => (url.pathname === '/second' ? json({ id: 3, type: 'c' }) : json(one)), {
      schema: 'simple',
    })
    assert.deepEqual(await simple.read(), ['/a/1', '/b/2', '/c/3'])
    const rows = { rows: [{ doc: { _id: 'a', kind: 'k' } }, { doc: { _id: 'b', kind: 'k' } }, { deleted: true }] }
    const pointing = await reading(t, () => json(rows), {
      schema: { id: '/_id', type: '/kind', embedded: '/rows', document: '/doc' },
    })
    assert.deepEqual(await pointing.read(), ['/k/a', '/k/b'])
  })

  test('collections that are named are where reading begins', async (t) => {
    const { service, read } = await reading(
      t,
      () => json([{ id: 1 }]),
      { collections: { posts: 'posts', pets: 'v2/all?x=y' } },
      '',
    )
    assert.deepEqual(await read(), ['/pets/1', '/posts/1'])
    assert.deepEqual(service.asked.map(({ path }) => path).toSorted(), ['/posts', '/v2/all?x=y'])
  })

  test('an array that is longer than what is held at a time is read while it comes', async (t) => {
    const long = 'x'.repeat(100_000)
    const { read } = await reading(t, () =>
      json(Array.from({ length: 200 }, (_, id) => ({ id, text: `${long}"]},{[\\` }))),
    )
    assert.equal((await read()).length, 200)
    const broken = await reading(t, () => ({
      status: 200,
      body: `[${Array.from({ length: 100 }, (_, id) => JSON.stringify({ id, long })).join()}`,
    }))
    await assert.rejects(broken.read(), { code: 'invalid', message: /it ends in the middle/ })
    const off = await reading(t, () => ({
      ...json(Array.from({ length: 100 }, (_, id) => ({ id, long }))),
      breaks: true,
    }))
    await assert.rejects(off.read(), { code: 'unavailable' })
  })

  test('two documents of one name that say different things are a conflict', async (t) => {
    const { read } = await reading(t, () =>
      json([{ id: 1 }, { id: 1, other: true, _links: { self: { href: '/elsewhere/posts/1' } } }]),
    )
    await assert.rejects(read(), { code: 'conflict', message: /posts\/1/ })
  })
})
