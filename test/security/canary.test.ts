/** Secrets in every place that has one, everything said at the top of its voice: none is found anywhere. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { trebuchet } from '../cli/program.ts'
import { until, type Client } from '../end-to-end/client.ts'
import { scratch, Server } from '../end-to-end/server.ts'
import { plant } from '../end-to-end/trees.ts'
import type { Page } from '../end-to-end/views.ts'
import { onRedis } from '../home.ts'
import { EventReader } from '../event-reader.ts'
import { HookReceiver } from '../hook-receiver.ts'
import { RedisServer } from '../redis.ts'
import { TraceReceiver } from '../trace-receiver.ts'
import { Canaries, filesBelow } from './canaries.ts'
import { everyGet } from './walk.ts'

const folder = scratch()
const canaries = new Canaries()
/** Part of an address: shown to who may read the config, and told to nobody else. */
const inAddress = canaries.make('hookquery', 'plain')
const adminToken = canaries.make('admintoken')
const redisPassword = canaries.make('redispassword', 'plain')
const [hooks, traces, echo, keyEcho] = [
  await HookReceiver.start(),
  await TraceReceiver.start(),
  await refusing(),
  await refusing(),
]
after(() => Promise.all([hooks.close(), traces.close()]))
// One of its own, so that all that was ever written can be searched.
const redis = onRedis ? await RedisServer.start([], redisPassword) : undefined
after(() => redis?.remove())

mkdirSync(join(folder, 'secrets'))
writeFileSync(join(folder, 'secrets/token'), canaries.make('infile'))
const signingKey = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })
canaries.add(String(signingKey).split('\n')[1] ?? '')
const server = await Server.prepare({
  env: {
    ...{ LOG_LEVEL: 'trace', ...traces.environment('canary'), ADMIN_TOKEN: adminToken },
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=${canaries.make('otlp', 'plain')}`,
    NOTIFY_URL: `${hooks.url}/${canaries.make('notifypathsegment', 'plain')}?token=${canaries.make('notifyquery', 'plain')}`,
    NOTIFY_SECRET: canaries.make('notifysecret'),
    HEARTBEAT_URL: `http://127.0.0.1:9/ping/${canaries.make('heartbeat', 'plain')}`,
    SECRETS_PATHS: join(folder, 'secrets'),
    SIGNING_KEY: String(signingKey),
    HOOK_SECRET: canaries.make('hookenv'),
    SECRETS_KEY: canaries.add(Buffer.alloc(32, 'c4nary of the key').toString('base64')),
    ...(redis && { REDIS_URL: redis.url, REDIS_PASSWORD: redisPassword, REDIS_PREFIX: 'canary' }),
  },
})
server.client.token = adminToken
await server.launch()
const { client } = server

/** Refuses everything, and quotes what it was sent. */
async function refusing(): Promise<string> {
  const quoting = createServer(({ headers, url }, response) => {
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ detail: `refused: ${url} ${headers.authorization ?? ''}`, headers }))
  })
  await new Promise<void>((resolve) => quoting.listen(0, '127.0.0.1', resolve))
  after(() => {
    quoting.closeAllConnections()
    quoting.close()
  })
  return `http://127.0.0.1:${(quoting.address() as AddressInfo).port}`
}

const soon = { queue: { backoff: { initialMs: 20, maxMs: 50, factor: 1, jitter: 0 }, attempts: 4 } }
const source = join(folder, 'source')
const disk = { kind: 'directory', path: source }

/** Agents whose every secret is a canary. */
async function makeAgents(on: Client): Promise<void> {
  plant(source, { 'content/a.txt': 'a' })
  const called = (hook: object): object => ({ on: ['delivered', 'blocked', 'failed'], ...hook })
  const backoff = { initialMs: 10, maxMs: 10, factor: 1, jitter: 0 }
  const hookSecrets = {
    secret: canaries.make('hooksecret'),
    headers: { authorization: `Bearer ${canaries.make('hookheader')}` },
  }
  const rest = { kind: 'rest', url: `${echo}/api` }
  const far = { kind: 'remote', agent: 'in' }
  const pem = `-----BEGIN PRIVATE KEY-----\n${canaries.make('tlskey')}\n-----END PRIVATE KEY-----`
  const agents = [
    {
      ...{ name: 'fine', source: disk, targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'fine') }] },
      hooks: [
        called({ url: `${hooks.url}?${inAddress}`, ...hookSecrets }),
        called({ url: `http://127.0.0.1:9/?${inAddress}`, secret: { env: 'HOOK_SECRET' }, attempts: 2, backoff }),
      ],
    },
    {
      ...{ name: 'refused', source: disk, ...soon },
      targets: [
        { name: 'echo', ...far, url: echo, token: canaries.make('remotetoken') },
        { name: 'file', ...far, url: echo, agent: 'other', token: { file: join(folder, 'secrets/token') } },
        { name: 'gone', ...far, url: 'http://127.0.0.1:9', token: canaries.make('gonetoken') },
        { name: 'rest', ...rest, auth: { basic: { username: 'u', password: canaries.make('restpassword') } } },
        {
          name: 'key',
          ...rest,
          url: `${keyEcho}/api`,
          auth: { header: { name: 'x-api-key', value: canaries.make('restheader') } },
        },
        { name: 'tls', ...rest, url: 'https://127.0.0.1:9/api', tls: { cert: pem, key: pem } },
      ],
    },
    {
      ...{ name: 'reading', ...soon, source: { ...rest, auth: { bearer: canaries.make('sourcetoken') } } },
      targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'reading') }],
    },
    {
      ...{
        name: 'openapi',
        ...soon,
        source: { kind: 'openapi', url: `${echo}/openapi.json`, auth: { bearer: canaries.make('openapitoken') } },
      },
      targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'openapi') }],
    },
    {
      ...{
        name: 'pulling',
        source: { kind: 'pull', url: echo, agent: 'x', queue: 'q', token: canaries.make('pulltoken') },
      },
      targets: [{ name: 'disk', kind: 'directory', path: join(folder, 'pulling') }],
    },
  ]
  for (const [i, json] of agents.entries()) {
    // The answers are kept with their keys.
    const made = await on.post('/config', { json, headers: { 'idempotency-key': `make ${i}` } })
    assert.equal(made.status, 201, made.text)
    canaries.absentFrom(`POST /config ${json.name}`, made.text, [inAddress])
  }
}

/** What somebody mistypes, with the secret in it. */
async function mistype(on: Client): Promise<void> {
  const token = canaries.make('mistyped')
  const endpoint = { name: 'far', kind: 'remote', url: echo, agent: 'in', token }
  const wrong = [
    { name: 'wrong', targets: [{ ...endpoint, token: { env: 1, token } }] },
    { name: 'wrong', targets: [{ ...endpoint, kind: token }] },
    { name: 'wrong', targets: [{ ...endpoint, more: token }] },
    {
      name: 'wrong',
      targets: [{ kind: 'rest', url: echo, auth: { bearer: token, basic: { username: 'u', password: token } } }],
    },
    { name: 'wrong', targets: [endpoint, endpoint] },
  ]
  for (const json of wrong)
    for (const path of ['/config', '/config/validate']) {
      const { text } = await on.post(path, { json })
      // Of what is no secret by its place, the kind, the caller hears his own words again.
      if (json.targets[0]?.kind !== token) canaries.absentFrom(`POST ${path}`, text)
    }
  const cut = JSON.stringify(wrong[4]).replace(/"}\]}$/, ']')
  const headers = { 'content-type': 'application/json' }
  canaries.absentFrom('a body that is no JSON', (await on.post('/config', { body: cut, headers })).text)
}

/*
 * It fails, with the file or the answer named, when KeptSecrets.encrypted leaves plain what it is given, when BullMQ is told the task's own
 * error, and when `withoutSecrets` does nothing.
 */
test('canary: no secret is found in any answer, log, event, metric, trace, message, package, job, export, or byte that was written', async () => {
  const follower = await EventReader.open(`${client.origin}/replication/events`, {
    authorization: `Bearer ${adminToken}`,
  })
  await makeAgents(client)
  await mistype(client)
  const rights = [{ agents: ['*'], can: ['read'] }]
  const created = await client.post<{ id: string; secret: string }>('/tokens', { json: { name: 'reader', rights } })
  const token = canaries.add(created.body.secret)
  const signedIn = await client.post('/session', { json: { token }, headers: { 'x-trebuchet-page': '1' } })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  canaries.add(cookie.split('=')[1] ?? '')
  for (const { headers } of [created, signedIn]) assert.match(headers.get('cache-control') ?? '', /no-store/)

  await client.deliver('fine', { paths: ['/content'] })
  await client.replicate('reading', { paths: ['/content'] })
  await client.replicate('openapi', { paths: ['/'] })
  await client.post('/agent/pulling/pull')
  const command = await client.send('refused', { paths: ['/content'] })
  await until('all to be tried and told', async () => {
    const { text } = await client.get('/agent/refused/log')
    return text.split('queue blocked').length > 5 && hooks.heard.length >= 3
  })
  for (const target of ['echo', 'file', 'gone', 'rest', 'key', 'tls']) {
    const { text } = await client.post(`/agent/refused/targets/${target}/test`)
    canaries.absentFrom(`the test of ${target}`, text)
  }
  await client.post('/agent/refused/compare', { json: { target: 'rest' } })
  plant(source, { 'content/a.txt': 'another' })
  const { body: compared } = await client.post<{ id: string }>('/agent/fine/compare', { json: {} })
  const applied = await client.post(`/comparisons/${compared.id}/apply`, {
    ...{ json: { preset: 'complete' }, headers: { prefer: 'wait=30' } },
  })
  assert.equal(applied.status, 200, applied.text)
  const { body: messages } = await client.get<Page<{ id: string }>>('/agent/fine/hooks')
  await client.post(`/agent/fine/hooks/${messages.items[0]?.id}/replay`)
  await client.call('PATCH', '/replication/config/refused', {
    json: { title: 'R' },
    headers: { 'content-type': 'application/merge-patch+json' },
  })
  canaries.absentFrom('a restored config', (await client.post('/config/refused/revisions/1/restore')).text)
  await client.get('/agent/fine', { query: { token: canaries.make('callersquery', 'plain') } })
  const stranger = {
    authorization: `Bearer ${canaries.make('callersheader')}`,
    cookie: `a=${canaries.make('cookie', 'plain')}`,
  }
  assert.equal((await client.get('/agent/none', { headers: stranger })).status, 401)
  await client.get('/agent/fine', { headers: { authorization: '', cookie } })

  const ids = async (path: string): Promise<string[]> =>
    (await client.get<Page<{ id: string }>>(path)).body.items.map(({ id }) => id)
  const names = ['fine', 'refused', 'reading', 'openapi', 'pulling']
  const queues = ['disk', 'echo', 'gone', 'rest', 'key', 'tls']
  const seen = new Map<string, number>()
  for await (const { what, path, status, text, headers } of everyGet(client, {
    ...{ name: names, number: ['1', '2', '3'], queue: queues, target: queues },
    ...{
      '/commands/{id}': await ids('/commands'),
      '/comparisons/{id}': [compared.id],
      '/tokens/{id}': [created.body.id],
    },
    ...{ '/packages/{id}': await ids('/packages'), '/items/{id}': [command], '?path': ['/content/a.txt'] },
  })) {
    assert.ok(status < 500, `${what}: ${status} ${text}`)
    canaries.absentFrom(what, text, [inAddress])
    canaries.absentFrom(`the tag of ${what}`, headers.get('etag') ?? '')
    seen.set(path, Math.min(seen.get(path) ?? 999, status))
  }
  // It answers who names his upload.
  const upload = { 'idempotency-key': 'any', 'package-tag': '0'.repeat(32), 'upload-length': '1000' }
  for (const place of ['import', 'import/packages']) {
    const unfinished = await client.get(`/agent/fine/${place}`, { headers: upload })
    canaries.absentFrom('what came of an upload', unfinished.text, [inAddress])
    seen.set(`/replication/agent/{name}/${place}`, unfinished.status)
  }
  const unseen = [...seen].filter(([, status]) => status !== 200).map(([path]) => path)
  assert.deepEqual(unseen, [], 'answered nothing that could be searched')
  assert.ok(seen.size > 30, `${seen.size} paths`)

  canaries.absentFrom('GET /metrics', (await client.call<string>('GET', '/metrics')).text)
  assert.ok(follower.events.length > 20)
  canaries.absentFrom('the events', follower.text)
  follower.close()
  await client.post(`/commands/${command}/cancel`, { json: {} })
  await server.end()
  const exported = await trebuchet(folder, ['state', 'export'], { env: plain(server.environment) })
  assert.equal(exported.code, 0, exported.stderr)
  assert.match(exported.stdout, /"key":"config\/refused"/)
  canaries.absentFrom('an export', exported.stdout, [inAddress])

  assert.match(server.output, /"level":10|"level":20/, 'it said all it can')
  assert.match(server.output, /heartbeat fails/)
  canaries.absentFrom('the output', server.output)
  assert.ok(traces.spans.length > 0)
  canaries.absentFrom('a trace', traces.text)
  canaries.absentFrom('a message', hooks.heard.map(({ body }) => body).join('\n'))
  let written = false
  for (const { file, bytes } of [...filesBelow(server.dataDir), ...(redis ? filesBelow(redis.folder) : [])]) {
    written ||= bytes.includes('config-revision/refused')
    canaries.absentFrom(file, bytes, [inAddress])
  }
  assert.ok(written, 'the state was searched')
})

function plain(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(environment).filter((one): one is [string, string] => one[1] !== undefined))
}

test('canary: a Redis that cannot be reached, or refuses, is told of without its password', async () => {
  const url = (port: number): string => `redis://user:${canaries.make('redis', 'plain')}@127.0.0.1:${port}/0`
  const env = { LOG_LEVEL: 'trace', REDIS_URL: url(9), REDIS_SENTINEL_PASSWORD: canaries.make('sentinel', 'plain') }
  const away = await Server.prepare({ env })
  away.spawn()
  await until('a line', async () => away.output.includes('waiting for redis'))
  await away.crash()
  canaries.absentFrom('the output', away.output)
})
