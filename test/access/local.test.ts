import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, whyNotLocal, type Facts } from '../../src/access/local.ts'

const own: Facts = {
  ...{ address: '127.0.0.1', host: 'localhost:8080', origin: undefined, authorization: undefined },
  isForwarded: false,
}

test('a call is local by its connection, the name that it used and the page that it comes from', () => {
  for (const host of ['localhost', 'LOCALHOST:1', '127.0.0.1:8080', '127.9.9.9', '[::1]:8080', '[::1]'])
    assert.equal(whyNotLocal({ ...own, host }), undefined, host)
  for (const address of ['127.0.0.1', '127.3.2.1', '::1', '::ffff:127.0.0.1'])
    assert.equal(whyNotLocal({ ...own, address }), undefined, address)
  assert.equal(whyNotLocal({ ...own, origin: 'http://localhost:8080' }), undefined)
  assert.equal(whyNotLocal({ ...own, origin: 'https://LOCALHOST:8080' }), undefined)
})

test('another machine is none of ours, whatever it says', () => {
  for (const address of ['10.0.0.1', '::ffff:10.0.0.1', 'fe80::1', '2001:db8::1', '1127.0.0.1', ''])
    assert.match(whyNotLocal({ ...own, address }) ?? '', /another machine/, address)
})

test('DNS rebinding: a name that leads here is not the machine’s own, however like it', () => {
  const hosts = [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'localhost:80:80',
    '[::2]',
    'a@localhost',
  ]
  for (const host of [...hosts, '', 'localhost/', '0.0.0.0:8080', undefined])
    assert.match(whyNotLocal({ ...own, host }) ?? '', /Host/, host)
})

test('CSRF: a page of another origin, or of none, is refused, and so is another port of the same machine', () => {
  for (const origin of [
    'https://evil.example',
    'null',
    '',
    'http://localhost',
    'http://localhost:8081',
    'http://127.0.0.1:8080',
  ])
    assert.match(whyNotLocal({ ...own, origin }) ?? '', /origin/, origin)
})

test('what a proxy on this machine passes on is not local', () => {
  assert.match(whyNotLocal({ ...own, isForwarded: true }) ?? '', /proxy/)
})

test('HOST is the machine’s own only where nobody else reaches it', () => {
  for (const host of ['127.0.0.1', '127.0.0.2', 'localhost', '::1']) assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '192.168.0.1', 'example.com', '127.0.0.1.nip.io'])
    assert.ok(!isLoopback(host), host)
})
