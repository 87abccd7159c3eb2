/** Bodies, queries and addresses that would cost a naive server its memory, its time, or what its callers may not have. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { gzipSync } from 'node:zlib'
import { after, test } from 'node:test'
import { Caller } from '../../src/access/rights.ts'
import { packageKey } from '../../src/agents/commands/records.ts'
import { mergePatch } from '../../src/agents/config/merge-patch.ts'
import { globOf } from '../../src/resources/glob.ts'
import type { ResourcePath } from '../../src/resources/path.ts'
import { load as loadYaml } from 'js-yaml'
import { parseYaml } from '../../src/documents/yaml.ts'
import { givenApp } from '../routes/given-app.ts'

const { call, app, parts, config } = await givenApp({ after: (fn) => after(fn) })
await parts.configs.create(config('site'), { actor: 'test' })
const json = { 'content-type': 'application/json' }
const form = (boundary = '; boundary=B') => ({ 'content-type': `multipart/form-data${boundary}` })

test('broken form: what says that it is a form and is none is the fault of its sender, not of the server', async () => {
  const broken = {
    'no end': '--B\r\n',
    'no form': '[[[[',
    'no boundary': 'x',
    empty: '',
    'half a header': '--B\r\ncontent-disposition',
  }
  for (const [what, payload] of Object.entries(broken))
    for (const url of ['/replication/all/import', '/replication/agent/site/import', '/replication/agent/site']) {
      const headers = form(what === 'no boundary' ? '' : undefined)
      const { statusCode, body } = await call({ method: 'POST', url, headers, payload })
      assert.equal(statusCode, 400, `${what}, ${url}: ${body}`)
    }
})

test('flood of parts: a form of a thousand thousand parts, or with a name of a megabyte, is refused on the way', async () => {
  const part = (name: string): string => `--B\r\ncontent-disposition: form-data; name="${name}"\r\n\r\ny\r\n`
  for (const payload of [`${part('x').repeat(20_000)}--B--\r\n`, `${part('x'.repeat(1_000_000))}--B--\r\n`]) {
    const { statusCode } = await call({
      method: 'POST',
      url: '/replication/agent/site/import',
      headers: form(),
      payload,
    })
    assert.ok([400, 413].includes(statusCode), `${statusCode}`)
  }
})

test('deep nesting: a document of a hundred thousand levels is refused before it is read', async () => {
  const depth = 100_000
  const naiveDepth = (value: unknown): number => (Array.isArray(value) ? 1 + naiveDepth(value[0]) : 0)
  assert.throws(() => naiveDepth(JSON.parse('['.repeat(depth) + ']'.repeat(depth))), RangeError)
  for (const payload of ['['.repeat(depth) + ']'.repeat(depth), '{"a":'.repeat(40_000) + '1' + '}'.repeat(40_000)])
    for (const url of ['/replication/config', '/replication/agent/site/replicate']) {
      const { statusCode, body } = await call({ method: 'POST', url, headers: json, payload })
      assert.equal(statusCode, 400)
      assert.match(body, /nested more than 64 levels/)
    }
})

test('bomb: a body that is compressed is not unpacked', async () => {
  const payload = gzipSync(Buffer.alloc(10_000_000, ' '))
  const headers = { ...json, 'content-encoding': 'gzip' }
  const { statusCode } = await call({ method: 'POST', url: '/replication/agent/site/replicate', headers, payload })
  assert.equal(statusCode, 415)
})

test('bomb: a YAML document whose aliases stand for more than anybody has is refused before it is written out', () => {
  const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(', ')}]`)
  const bomb = `l0: &l0 x\n${levels.join('\n')}\n`
  assert.ok(bomb.length < 1000)
  // The reader by itself answers at once, and whoever walks what it has read never ends.
  const naive = loadYaml(bomb) as Record<string, unknown[]>
  assert.equal(naive['l12']?.length, 10)
  assert.throws(() => parseYaml(bomb), { code: 'invalid' })
})

type Tree = { [name: string]: unknown }
function naiveMerge(into: Tree, patch: Tree): Tree {
  for (const [name, value] of Object.entries(patch))
    if (typeof value === 'object' && value !== null) into[name] = naiveMerge((into[name] ?? {}) as Tree, value as Tree)
    else into[name] = value
  return into
}

test('prototype pollution: a merge patch changes no prototype', () => {
  const patch = JSON.parse('{"__proto__":{"polluted":true}}') as Tree
  naiveMerge({}, patch)
  const isPolluted = 'polluted' in {}
  delete (Object.prototype as Tree)['polluted']
  assert.ok(isPolluted)
  const merged = mergePatch({ a: 1 }, patch) as Tree
  assert.ok(!('polluted' in {}) && Object.getPrototypeOf(merged) === Object.prototype && !('polluted' in merged))
})

test('prototype pollution: no body, form or query can name a prototype', async () => {
  const send = async (type: string, payload: string, method: 'POST' | 'PATCH', url: string): Promise<number> => {
    const headers = { 'content-type': type, 'if-match': '*' }
    return (await call({ method, url, headers, payload })).statusCode
  }
  for (const name of ['__proto__', 'constructor', 'prototype']) {
    const text = `{"${name}":{"prototype":{"polluted":1},"polluted":1}}`
    assert.equal(await send('application/json', text, 'POST', '/replication/agent/site/replicate'), 400, name)
    assert.equal(await send('application/merge-patch+json', text, 'PATCH', '/replication/config/site'), 400, name)
    const pairs = `${name}=1&${name}[polluted]=1&action=test`
    assert.equal(await send('application/x-www-form-urlencoded', pairs, 'POST', '/replication/agent/site'), 400, name)
    assert.equal((await call(`/replication/agent?${name}=1`)).statusCode, 400, name)
    assert.equal((await call(`/replication/agent?${name}[polluted]=1`)).statusCode, 400, name)
  }
  assert.ok(!('polluted' in {}))
})

test('mass assignment: what a server says of its records cannot be sent to it', async () => {
  const naive = { ...{ revision: 1, actor: 'somebody' }, ...(JSON.parse('{"name":"x","actor":"admin"}') as object) }
  assert.equal(naive.actor, 'admin')
  const fields = {
    revision: 99,
    createdAt: '2000-01-01T00:00:00Z',
    actor: 'admin',
    caller: 'admin',
    rights: [],
    secret: 'x',
  }
  for (const [field, value] of Object.entries({ ...fields, id: '01ARZ3NDEKTSV4RRFFQ69G5FAV', lastUsedAt: null }))
    for (const [url, body] of [
      ['/replication/config', config('other')],
      ['/replication/agent/site/replicate', { paths: ['/content'] }],
      ['/replication/agent/site/pause', {}],
      ['/replication/tokens', { name: 'other', rights: [{ agents: ['*'], can: ['read'] }] }],
    ] as const) {
      if (url.endsWith('tokens') && field === 'rights') continue
      const { statusCode } = await call({
        method: 'POST',
        url,
        headers: json,
        payload: JSON.stringify({ ...body, [field]: value }),
      })
      assert.equal(statusCode, 400, `${field} to ${url}`)
    }
})

test('huge list: no page is larger than 500, whatever is asked for', async () => {
  for (const limit of ['501', '1e9', '9007199254740993', '-1', '0', '1.5', 'Infinity', '-Infinity', '1e999'])
    assert.equal((await call(`/replication/commands?limit=${limit}`)).statusCode, 400, limit)
})

test('ReDoS: patterns of globs and rights are matched in steps that their length bounds', () => {
  const stars = '*a'.repeat(30)
  const name = 'a'.repeat(60)
  const naive = `/^${stars.replaceAll('*', '.*')}b$/.test('${name}')`
  const { signal } = spawnSync(process.execPath, ['-e', naive], { timeout: 1500, killSignal: 'SIGKILL' })
  assert.equal(signal, 'SIGKILL', 'a naive translation does not come to an end')
  assert.equal(globOf(`/${stars}b`)(`/${name}` as ResourcePath), false)
  assert.equal(globOf(`${'/**/a'.repeat(150)}/b`)('/a'.repeat(500) as ResourcePath), false)
  const caller = new Caller({ id: 'x', name: 'x', grants: [{ agents: [`${'*a'.repeat(31)}b`], can: ['read'] }] })
  assert.equal(caller.sees(name), false)
})

test('ReDoS: long headers and cursors are read in one go', async () => {
  const long = {
    accept: `${'a/b;'.repeat(3000)}q=x`,
    'if-none-match': '"a",'.repeat(3000),
    range: `bytes=${'1-2,'.repeat(3000)}`,
  }
  for (const [name, value] of Object.entries(long))
    assert.equal((await call({ url: '/replication/agent', headers: { [name]: value } })).statusCode, 200, name)
  for (const cursor of ['a'.repeat(7000), Buffer.from(`{"after":${'['.repeat(5000)}`).toString('base64url')])
    assert.equal((await call(`/replication/commands?cursor=${cursor}`)).statusCode, 400)
})

test('path confusion: no other spelling of an address leads to a route', async () => {
  const known = '/replication/config/site'
  assert.equal((await call(known)).statusCode, 200)
  const others = [
    ...[
      '//replication/config/site',
      '/replication//config/site',
      '/replication/config/site/',
      '/replication/config/%2fsite',
    ],
    ...['/replication/config/..%2fconfig%2fsite', '/Replication/config/site'],
    ...[
      '/replication/config/site%00',
      '/replication/config/%73ite%20',
      '/replication/config/SITE',
      '/replication;x/config/site',
    ],
    // Fullwidth letters, a dotless i, and a letter with its accent apart, which some file systems and databases take for the same.
    ...['ｓｉｔｅ', 's\u0131te', 'si\u0307te', 'site\u200b', 'si\u00adte'].map(
      (name) => `/replication/config/${encodeURIComponent(name)}`,
    ),
  ]
  for (const url of others) {
    const { statusCode } = await app.inject({ url })
    assert.ok([404, 400].includes(statusCode), `${url}: ${statusCode}`)
  }
  assert.equal('ｓｉｔｅ'.normalize('NFKC'), 'site', 'a naive comparison takes them for the same')
})

test('IDOR: with a package that both have taken, nobody hears of the other’s agent', async () => {
  const id = `sha256-${'c'.repeat(64)}`
  const record = {
    id,
    agent: 'theirs',
    command: '01ARZ3NDEKTSV4RRFFQ69G5FAV',
    agents: ['mine'],
    action: 'add',
    mode: 'update',
    roots: ['/'],
    entries: 1,
    bytes: 1,
    zipBytes: 1,
    createdAt: '2026-01-01T00:00:00Z',
  }
  await parts.store.commit({ writes: [{ put: packageKey(id as never), value: record }] })
  const { tokens } = parts.access
  const secrets = new Map<string, string>()
  for (const name of ['mine', 'theirs'])
    secrets.set(name, (await tokens.create({ name, rights: [{ agents: [name], can: ['admin'] }], by: 'test' })).secret)
  const seen = async (name: string, url: string): Promise<string> =>
    (await call({ url, headers: { authorization: `Bearer ${secrets.get(name)}` } })).body
  assert.match(JSON.stringify(record), /theirs/, 'what is kept of it names both')
  for (const url of [`/replication/packages/${id}`, '/replication/packages']) {
    assert.match(await seen('mine', url), new RegExp(id))
    assert.doesNotMatch(await seen('mine', url), /theirs|01ARZ3NDEKTSV4RRFFQ69G5FAV/)
    assert.match(await seen('theirs', url), /"agent":"theirs"/)
  }
})
