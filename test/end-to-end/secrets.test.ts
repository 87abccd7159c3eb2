/** Secrets in every place that has one, everything said at the top of its voice: none is found anywhere. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { HookReceiver } from '../hook-receiver.ts'
import { TraceReceiver } from '../trace-receiver.ts'
import { until } from './client.ts'
import { Follower } from './follower.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'

const folder = scratch()

/** Each is known by its number: what leaks says where from. */
const canaries: string[] = []
function canary(where: string): string {
  const text = `c4nary${canaries.length}${where}`
  canaries.push(text)
  return text
}

function clean(what: string, text: string): void {
  for (const secret of canaries) {
    const at = text.toLowerCase().indexOf(secret.toLowerCase())
    assert.ok(at < 0, `${what} tells ${secret}: ${text.slice(Math.max(0, at - 300), at + 60)}`)
    const coded = Buffer.from(secret).toString('base64').slice(2, -4)
    assert.ok(!text.includes(coded), `${what} tells ${secret} in base64`)
  }
}

/** Refuses everything, and quotes what it was sent. */
async function echo(t: TestContext): Promise<string> {
  const server = createServer(({ headers, url }, response) => {
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ detail: `refused: ${url} ${headers.authorization ?? ''}`, headers }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('no secret is found in the output, logs, answers, events, metrics, traces and messages of a server', async (t) => {
  const [hooks, traces] = [await HookReceiver.start(), await TraceReceiver.start()]
  t.after(() => Promise.all([hooks.close(), traces.close()]))
  const refusing = await echo(t)
  const server = await Server.start({
    env: {
      ...{ LOG_LEVEL: 'trace', ...traces.environment('canary') },
      OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canary('otlp')}`,
      NOTIFY_URL: `${hooks.url}/${canary('notifypathsegment')}?token=${canary('notifyquery')}`,
      NOTIFY_SECRET: canary('notifysecret'),
      HEARTBEAT_URL: `http://127.0.0.1:9/ping/${canary('heartbeat')}`,
      HOOK_SECRET: canary('hookenv'),
    },
  })
  const { client } = server
  const follower = await Follower.open([client.origin])
  const source = join(folder, 'source')
  plant(source, { 'content/a.txt': 'a' })
  const disk = { kind: 'directory', path: source }
  const soon = { queue: { backoff: { initialMs: 20, maxMs: 50, factor: 1, jitter: 0 }, attempts: 4 } }
  const called = (hook: object): object => ({ on: ['delivered', 'blocked', 'failed'], ...hook })
  const backoff = { initialMs: 10, maxMs: 10, factor: 1, jitter: 0 }
  await client.agent({
    ...{ name: 'fine', source: disk, targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'fine') }] },
    hooks: [
      called({
        url: hooks.url,
        secret: canary('hooksecret'),
        headers: { authorization: `Bearer ${canary('hookheader')}` },
      }),
      called({ url: 'http://127.0.0.1:9/', secret: { env: 'HOOK_SECRET' }, attempts: 2, backoff }),
    ],
  })
  const far = { kind: 'remote', agent: 'in' }
  const rest = { kind: 'rest', url: `${refusing}/api` }
  await client.agent({
    ...{ name: 'refused', source: disk, ...soon },
    targets: [
      { name: 'echo', ...far, url: refusing, token: canary('remotetoken') },
      { name: 'gone', ...far, url: 'http://127.0.0.1:9', token: canary('gonetoken') },
      { name: 'rest', ...rest, auth: { basic: { username: 'u', password: canary('restpassword') } } },
      {
        name: 'key',
        ...rest,
        url: `${await echo(t)}/api`,
        auth: { header: { name: 'x-api-key', value: canary('restheader') } },
      },
    ],
  })
  await client.agent({
    ...{ name: 'reading', ...soon, source: { ...rest, auth: { bearer: canary('sourcetoken') } } },
    targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'reading') }],
  })
  await client.deliver('fine', { paths: ['/content'] })
  await client.replicate('reading', { paths: ['/content'] })
  const command = await client.send('refused', { paths: ['/content'] })
  await until('all to be tried and told', async () => {
    const { text } = await client.get('/agent/refused/log')
    return text.split('queue blocked').length > 4 && hooks.heard.length >= 3
  })
  for (const target of ['echo', 'gone', 'rest', 'key']) await client.post(`/agent/refused/targets/${target}/test`)
  await client.post('/agent/refused/compare', { json: { target: 'rest' } })
  await client.get('/agent/fine', { query: { token: canary('callersquery') } })
  await client.get('/agent/none', {
    headers: { authorization: `Bearer ${canary('callersheader')}`, cookie: canary('cookie') },
  })
  for (const name of ['fine', 'refused', 'reading'])
    for (const path of [
      ...['', '/log', '/hooks', '/queues', '/replicate/history'].map((rest) => `/agent/${name}${rest}`),
      ...[`/config/${name}`, `/config/${name}/revisions`],
    ])
      clean(`GET ${path}`, (await client.get(path)).text)
  for (const path of ['/commands', `/commands/${command}`, '/agent', '/endpoint-kinds'])
    clean(`GET ${path}`, (await client.get(path)).text)
  clean('GET /metrics', (await client.call<string>('GET', '/metrics')).text)
  clean('GET /health/ready', (await client.call<string>('GET', '/health/ready')).text)
  clean('the events', JSON.stringify(follower.events))
  await follower.close()
  await client.post(`/commands/${command}/cancel`, { json: {} })
  await server.end()
  assert.match(server.output, /"level":10|"level":20/, 'it said all it can')
  assert.match(server.output, /heartbeat fails/)
  clean('the output', server.output)
  clean('a trace', traces.text)
  clean('a message', hooks.heard.map(({ body }) => body).join('\n'))
})

test('a Redis that cannot be reached, or refuses, is told of without its password', async () => {
  const url = (port: number): string => `redis://user:${canary('redis')}@127.0.0.1:${port}/0`
  const env = { LOG_LEVEL: 'trace', REDIS_URL: url(9), REDIS_SENTINEL_PASSWORD: canary('sentinel') }
  const server = await Server.prepare({ env })
  server.spawn()
  await until('a line', async () => server.output.includes('waiting for redis'))
  await server.crash()
  clean('the output', server.output)
})
