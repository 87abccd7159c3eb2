/** Where agents may reach on the network, by every way to write an address and every way to be led there. */
import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { Agent, fetch, request } from 'undici'
import { connectWithin } from '../../src/endpoints/bounded-connect.ts'
import { HostBounds } from '../../src/endpoints/bounds/hosts.ts'
import type { EndpointKind, Source, TestStep } from '../../src/endpoints/endpoint.ts'
import { post } from '../../src/endpoints/http-post.ts'
import { kinds } from '../../src/endpoints/kinds.ts'
import { rootPath } from '../../src/resources/path.ts'
import { givenBounds } from '../endpoints/given-bounds.ts'

const isProtected = async (): Promise<boolean> => true
const isOpen = async (): Promise<boolean> => false
const refused = { code: 'forbidden', message: /ALLOWED_HOSTS/, transient: false }

async function admits(bounds: HostBounds, url: string): Promise<boolean> {
  return bounds.demand(new URL(url).hostname).then(
    () => true,
    (error: unknown) => {
      assert.equal((error as { code?: unknown }).code, 'forbidden', String(error))
      return false
    },
  )
}

/** What is asked for at an address of this machine, and answers so. */
async function given(
  t: TestContext,
  host: string,
  answer: (request: IncomingMessage, response: ServerResponse) => void = (_, response) => response.end('{}'),
): Promise<{ origin: string; port: number; asked: string[] }> {
  const asked: string[] = []
  const server = createServer((asking, response) => {
    asked.push(asking.url ?? '')
    answer(asking, response)
  })
  server.listen(0, host)
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const { port } = server.address() as AddressInfo
  return { origin: `http://${host}:${port}`, port, asked }
}

function sourceWithin(hosts: HostBounds, options: object): Source {
  const kind = kinds.find(({ name }) => name === 'rest')
  assert.ok(kind?.source)
  return kind.source({ attempts: 1, ...options }, { installation: 'here', bounds: givenBounds({ hosts }) })
}

async function readAll(source: Source): Promise<void> {
  try {
    for await (const _ of source.read(rootPath, { deep: true, signal: AbortSignal.timeout(20_000) }));
  } finally {
    await source.close?.()
  }
}

/** Refuses what a list of texts forbids, as many do. */
function naiveAdmits(url: string): boolean {
  return !/^https?:\/\/(localhost|127\.|10\.|192\.168\.|169\.254\.|0\.0\.0\.0|\[::1?\])/.test(url)
}

const loopback = [
  ...['http://2130706433/', 'http://0x7f000001/', 'http://0x7f.1/', 'http://017700000001/', 'http://0177.0.0.1/'],
  ...['http://[::ffff:127.0.0.1]/', 'http://[::ffff:7f00:1]/', 'http://[0:0:0:0:0:0:0:1]/', 'http://LOCALHOST./'],
  ...['http://[::7f00:1]/', 'http://[64:ff9b::7f00:1]/', 'http://[2002:7f00:1::]/', 'http://a.localhost/'],
  ...['http://%31%32%37.0.0.1/', 'http://①②⑦.⓪.⓪.①/'],
]

test('ssrf by notation: loopback is refused however it is written', async () => {
  const bounds = new HostBounds(undefined, isProtected)
  for (const url of [...loopback, 'http://127.1/', 'http://127.0.0.1/', 'http://localhost/', 'http://[::1]/'])
    assert.equal(await admits(bounds, url), false, url)
  for (const url of loopback) assert.ok(naiveAdmits(url), `${url} is no attack`)
})

test('ssrf by notation: private and special addresses are refused however they are written', async () => {
  const bounds = new HostBounds(undefined, isProtected)
  const written = [
    ...['http://167772161/', 'http://0xa.1/', 'http://012.0.0.1/', 'http://[::ffff:10.0.0.1]/', 'http://[::a00:1]/'],
    ...['http://[64:ff9b::10.0.0.1]/', 'http://[64:ff9b:1::1]/', 'http://[2002:a00:1::1]/', 'http://[fd00::1]/'],
    ...['http://172.31.255.254/', 'http://100.64.0.1/', 'http://198.18.0.1/', 'http://192.0.2.1/', 'http://240.0.0.1/'],
    ...['http://[fec0::1]/', 'http://[100::1]/', 'http://[2001:db8::1]/', 'http://[3fff::1]/', 'http://[5f00::1]/'],
    ...['http://[2001::1]/', 'http://[4000::1]/', 'http://[::ffff:0:8.8.8.8]/', 'http://192.88.99.1/'],
  ]
  for (const url of written) {
    assert.equal(await admits(bounds, url), false, url)
    assert.ok(naiveAdmits(url), `${url} is no attack`)
  }
  for (const url of [
    'http://8.8.8.8/',
    'http://[2606:4700::1111]/',
    'http://[64:ff9b::8.8.8.8]/',
    'http://example.com/',
  ])
    assert.equal(await admits(bounds, url), true, url)
})

test('ssrf to metadata: what clouds answer, links and nowhere are refused although a range covers them', async () => {
  const all = new HostBounds('0.0.0.0/0,::/0,public', isOpen)
  const everywhere = [
    ...[
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.254.43518',
      '[::ffff:169.254.169.254]',
    ],
    ...['[64:ff9b::169.254.169.254]', '[2002:a9fe:a9fe::]', '[::a9fe:a9fe]', '[fd00:ec2::254]', '100.100.100.200'],
    ...['168.63.129.16', '[fd20:ce::254]', '192.0.0.192', '[fe80::1]', '0.0.0.0', '0', '[::]', '[::ffff:0.0.0.0]'],
    ...['224.0.0.1', '255.255.255.255', '[ff02::1]', '0.1.2.3', '[2001:0:a9fe:a9fe::1]', '[2001::5601:5601]'],
  ]
  for (const host of everywhere) assert.equal(await admits(all, `http://${host}/`), false, host)
  for (const host of ['10.1.2.3', '127.0.0.1', '[fd00::1]', '8.8.8.8'])
    assert.ok(await admits(all, `http://${host}/`), host)
  const byName = new HostBounds('metadata.internal', isOpen, async () => [{ address: '169.254.169.254', family: 4 }])
  await assert.rejects(byName.addressesOf('metadata.internal'), refused)
})

test('ssrf to the machine itself: loopback is admitted while there are no credentials, and no longer once there are', async () => {
  let isAsked = false
  const bounds = new HostBounds(undefined, async () => isAsked)
  for (const url of ['http://127.0.0.1/', 'http://[::1]/', 'http://localhost/'])
    assert.ok(await admits(bounds, url), url)
  assert.equal(await admits(bounds, 'http://10.0.0.1/'), false)
  isAsked = true
  for (const url of ['http://127.0.0.1/', 'http://[::1]/', 'http://localhost/'])
    assert.equal(await admits(bounds, url), false, url)
})

test('ssrf by likeness: what is listed is admitted, and nothing else', async () => {
  const bounds = new HostBounds(
    ' one.example , *.two.example,.three.example,10.1.0.0/16, 192.168.7.7,fd00:1::/32',
    isOpen,
  )
  const admitted = [
    'ONE.example',
    'one.example.',
    'a.two.example',
    'a.b.three.example',
    '10.1.255.1',
    '192.168.7.7',
    '[fd00:1::5]',
  ]
  for (const host of [...admitted, '[::ffff:10.1.0.9]', '[64:ff9b::a01:9]'])
    assert.ok(await admits(bounds, `http://${host}/`), host)
  for (const host of ['10.2.0.1', '8.8.8.8', '192.168.7.8', '127.0.0.1', '[fd00:2::1]'])
    assert.equal(await admits(bounds, `http://${host}/`), false, host)
  const names = new HostBounds('one.example,*.two.example', isOpen)
  for (const host of ['two.example', 'evil-one.example', 'one.example.evil', 'atwo.example', 'localhost', '8.8.8.8'])
    assert.equal(await admits(names, `http://${host}/`), false, host)
  const also = new HostBounds('public,10.0.0.0/8', isOpen)
  assert.ok(await admits(also, 'http://8.8.8.8/'))
  assert.equal(await admits(also, 'http://192.168.0.1/'), false)
  for (const wrong of [
    'http://one.example',
    '10.0.0.0/33',
    'one.example:80',
    '*',
    '10.1',
    '0x7f.1',
    '010.0.0.1',
    'a b',
    '*.1.2',
  ])
    assert.throws(() => new HostBounds(wrong, isOpen), { code: 'invalid', message: /ALLOWED_HOSTS/ }, wrong)
})

test('ssrf by name: one that is listed admits the private addresses that it means; one that is not, only those that are admitted', async () => {
  const answers: LookupAddress[] = [
    { address: '10.0.0.1', family: 4 },
    { address: '8.8.8.8', family: 4 },
    { address: 'fe80::1', family: 6 },
  ]
  const listed = new HostBounds('db.example', isProtected, async () => answers)
  assert.deepEqual(await listed.addressesOf('db.example'), answers.slice(0, 2))
  const unlisted = new HostBounds(undefined, isProtected, async () => answers)
  assert.deepEqual(await unlisted.addressesOf('db.example'), answers.slice(1, 2))
})

/** Looks what the name means, and goes there by its name. */
async function naiveGet(url: string, ask: () => Promise<LookupAddress[]>, isAdmitted: (address: string) => boolean) {
  const [meant] = await ask()
  if (meant === undefined || !isAdmitted(meant.address)) throw new Error('refused')
  const lookup = (_host: string, _options: object, done: (error: null, found: LookupAddress[]) => void): void =>
    void ask().then((found) => done(null, found))
  const dispatcher = new Agent({ connect: { lookup: lookup as never } })
  try {
    return await request(url, { dispatcher })
  } finally {
    await dispatcher.destroy()
  }
}

test('rebinding: a connection is made to the address that was judged, whatever the name means a moment later', async (t) => {
  const secret = await given(t, '127.0.0.1')
  const hostile = (): { ask: () => Promise<LookupAddress[]>; count: () => number } => {
    let count = 0
    return { ask: async () => [{ address: ++count === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }], count: () => count }
  }
  const url = `http://rebinding.example:${secret.port}/`
  await naiveGet(url, hostile().ask, (address) => address === '127.0.0.2')
  assert.equal(secret.asked.length, 1, 'that is no attack')
  const { ask, count } = hostile()
  const bounds = new HostBounds('127.0.0.2', isProtected, ask)
  const dispatcher = new Agent({ connect: connectWithin(bounds, {}) })
  t.after(() => dispatcher.destroy())
  await assert.rejects(request(url, { dispatcher }), { code: 'ECONNREFUSED' })
  assert.equal(count(), 1)
  await assert.rejects(request(url, { dispatcher }), refused)
  assert.equal(secret.asked.length, 1)
})

test('ssrf by redirect: a redirect leads nowhere that the URL itself may not lead', async (t) => {
  const secret = await given(t, '127.0.0.2')
  const door = await given(t, '127.0.0.1', (_, response) => response.writeHead(307, { location: secret.origin }).end())
  await (await fetch(door.origin)).text()
  assert.equal(secret.asked.length, 1, 'that is no attack')
  const options = { url: `${door.origin}/`, origins: [secret.origin] }
  await assert.rejects(readAll(sourceWithin(new HostBounds('127.0.0.1', isOpen), options)), refused)
  assert.equal(secret.asked.length, 1)
})

test('ssrf by link: the next page and what it links to lie where the first may lie', async (t) => {
  const secret = await given(t, '127.0.0.2')
  const page = { _links: { self: { href: '/' }, next: { href: `${secret.origin}/` } }, _embedded: {} }
  const door = await given(t, '127.0.0.1', (_, response) => {
    response.setHeader('content-type', 'application/hal+json')
    response.end(JSON.stringify(page))
  })
  await readAll(sourceWithin(new HostBounds('127.0.0.0/8', isOpen), { url: `${door.origin}/` })).catch(() => undefined)
  assert.ok(secret.asked.length > 0, 'that is no attack')
  const before = secret.asked.length
  await assert.rejects(readAll(sourceWithin(new HostBounds('127.0.0.1', isOpen), { url: `${door.origin}/` })), refused)
  assert.equal(secret.asked.length, before)
})

test('ssrf by kind: no kind of endpoint, and no hook, asks where it may not', async (t) => {
  const secret = await given(t, '127.0.0.1')
  const hosts = new HostBounds(undefined, isProtected)
  const context = { installation: 'here', bounds: givenBounds({ hosts }) }
  const signal = AbortSignal.timeout(20_000)
  const url = secret.origin
  const kindNamed = (name: string): EndpointKind => kinds.find((one) => one.name === name) ?? assert.fail(name)
  await assert.rejects(
    readAll(kindNamed('openapi').source?.({ url: `${url}/a.json`, attempts: 1 }, context) ?? assert.fail()),
    refused,
  )
  await assert.rejects(
    async () => kindNamed('pull').puller?.({ url, agent: 'a', queue: 'q' }, context).next(signal),
    refused,
  )
  const remote = kindNamed('remote').target?.({ url, agent: 'a' }, context)
  await assert.rejects(async () => {
    for await (const _ of remote?.holdings?.read(rootPath, { deep: true, signal }) ?? []);
  }, refused)
  const steps: TestStep[] = []
  for await (const step of remote?.test(signal) ?? []) steps.push(step)
  assert.deepEqual(
    steps.map(({ step, ok }) => ({ step, ok })),
    [{ step: 'name', ok: false }],
  )
  await assert.rejects(post(url, { headers: {}, deadlineMs: 10_000, signal, hosts }), refused)
  assert.deepEqual(secret.asked, [])
  // With nothing in its way it asks.
  await post(url, { headers: {}, deadlineMs: 10_000, signal })
  assert.equal(secret.asked.length, 1)
})
