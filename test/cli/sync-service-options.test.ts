import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import type { TLSSocket } from 'node:tls'
import { certificates } from '../certificates.ts'
import { Service } from './service.ts'
import { documents, SyncRun } from './sync-run.ts'

test('what a service makes by itself is neither copied nor a difference', async (t) => {
  const [run, one, two] = [new SyncRun(t), await Service.start(t), await Service.start(t)]
  one.put('foo', '1', { _rev: 'a', meta: { seen: 1, kept: true } })
  two.put('foo', '1', { _rev: 'b', meta: { seen: 2, kept: true } })
  const ignored = ['--ignore', '/_rev', '--ignore', '/meta/seen']
  assert.match(await run.says(0, `${one.origin}/api/foo`, `${two.origin}/api/foo`, ...ignored), /1 unchanged\n$/)
  assert.match(await run.says(0, `${one.origin}/api/foo`, `${two.origin}/api/foo`, ...ignored.slice(2)), /1 updated\n$/)
  await run.ends(0, `${one.origin}/api/foo`, 'd', ...ignored)
  assert.equal(run.read('d/foo/1.yaml'), "---\n_links:\n  self:\n    href: /api/foo/1\nid: '1'\nmeta:\n  kept: true\n")
})

test('links are rewritten on their way to a service, and back on their way from it', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  const links = (from: string): object => ({ other: { href: `${from}/api/foo/2` }, self: { href: '/api/foo/1' } })
  run.write('a.json', JSON.stringify([{ id: '1', _links: links('https://author.example') }]))
  const rewrite = ['--rewrite', `https://author.example=${service.origin}`]
  assert.match(await run.says(0, 'a.json', `${service.origin}/api/foo`, ...rewrite), /1 created\n$/)
  assert.deepEqual(service.held.get('/api/foo/1')?.['_links'], links(service.origin))
  assert.match(await run.says(0, 'a.json', `${service.origin}/api/foo`, ...rewrite), /1 unchanged\n$/)
  await run.ends(0, `${service.origin}/api/foo`, 'b.yaml', ...rewrite)
  assert.match(run.read('b.yaml'), /https:\/\/author\.example\/api\/foo\/2/)
})

test('the collections of a service that does not link to them are named', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  service.put('foo', '1')
  service.put('bars', '2')
  service.put('other', '3')
  const named = ['--collection', 'foo', '--collection', 'bar=bars']
  assert.match(await run.says(0, `${service.origin}/api`, 'd', ...named), /2 created\n$/)
  assert.deepEqual(Object.keys(run.tree('d')), ['bars/2.yaml', 'foo/1.yaml'])
  const asked = new Set(service.requests.map(({ path }) => path))
  assert.deepEqual([...asked].toSorted(), ['/api/bars', '/api/foo'])
})

test('a WebDAV server is asked for its files', async (t) => {
  const [run, service] = [new SyncRun(t), await Service.start(t)]
  await run.ends(1, `${service.origin}/dav`, 'd', '--listing', 'webdav')
  assert.deepEqual(
    service.requests.map(({ method, path }) => `${method} ${path}`),
    ['PROPFIND /dav/'],
  )
})

test('a service is trusted by its own authority, and sees our certificate', async (t) => {
  const [run, files] = [new SyncRun(t), await certificates(t)]
  const [cert, key, ca] = [files.cert, files.key, files.ca].map((file) => readFileSync(file, 'utf8'))
  assert.ok(cert !== undefined && key !== undefined && ca !== undefined)
  const server = createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    const id = (request.socket as TLSSocket).getPeerCertificate().subject?.CN ?? 'nobody'
    response.setHeader('content-type', 'application/json').end(JSON.stringify([{ id }]))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/names`
  const own = ['--ca', files.ca, '--cert', files.cert, '--key', files.key]
  await run.ends(0, url, 'known', ...own)
  assert.deepEqual(Object.keys(run.tree('known')), ['names/redis.yaml'])
  await run.ends(0, url, 'unknown', ...own.slice(0, 2))
  assert.deepEqual(Object.keys(run.tree('unknown')), ['names/nobody.yaml'])
  assert.match(await run.says(1, url, 'd', '-m', '1', '--ca', files.otherCa), /nothing was written/)
})

test('certificates that can not be used are wrong usage, and so are options that say nothing', async (t) => {
  const [run, files] = [new SyncRun(t), await certificates(t)]
  run.write('no.pem', 'this is no certificate')
  const url = 'https://127.0.0.1:1/api'
  for (const [why, ...options] of [
    [/--ca gone\.pem: ENOENT/, '--ca', 'gone.pem'],
    [/--ca no\.pem: it is not in PEM/, '--ca', 'no.pem'],
    [/--cert and --key go together/, '--cert', files.cert],
    [/--cert .*ca\.pem --key .*: .*key values mismatch/, '--cert', files.ca, '--key', files.key],
    [/JSON pointer/, '--ignore', '_rev'],
    [/FROM=TO/, '--rewrite', 'https://one.example'],
    [/TYPE=PATH/, '--collection', '=foo'],
    [/pages, webdav/, '--listing', 'ftp'],
    [/lists its folders itself/, '--listing', 'webdav', '--collection', 'foo'],
  ] as const)
    assert.match(await run.says(2, url, 'd', ...options), why)
})

test('up to 64 requests are under way at a time, or as many as it is told', async (t) => {
  for (const [atOnce, ...options] of [[64], [3, '--concurrency', '3']] as const) {
    const [run, service] = [new SyncRun(t), await Service.start(t)]
    run.write('a.yaml', documents(Object.fromEntries(Array.from({ length: 2 * atOnce }, (_, i) => [`foo/${i}`, {}]))))
    let waiting: (() => void)[] = []
    let most = 0
    service.refuses = async () => {
      await new Promise<void>((resolve) => {
        waiting.push(resolve)
        most = Math.max(most, waiting.length)
        if (waiting.length < atOnce) return
        for (const go of waiting) go()
        waiting = []
      })
      return undefined
    }
    const to = `${service.origin}/api/foo`
    assert.match(await run.says(0, 'a.yaml', to, '-m', '1', '--timeout', '30', ...options), /created\n$/)
    assert.equal(most, atOnce)
  }
})
