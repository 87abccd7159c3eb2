/** What servers tell of by themselves: that a queue is blocked, or no longer; what has failed; what was missed. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { HookReceiver } from '../hook-receiver.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Page } from './views.ts'

const folder = scratch()
const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`

interface Notice {
  readonly type: string
  readonly data: Readonly<Record<string, unknown>> & { readonly error?: { readonly code: string } }
}

interface Message {
  readonly id: string
  readonly from: 'agent' | 'server'
  readonly status: 'pending' | 'sent' | 'failed'
  readonly type: string
  readonly url: string
}

async function receiving(t: TestContext): Promise<HookReceiver> {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  return receiver
}

/** What it has heard, each verified. */
function notices({ heard }: HookReceiver): Notice[] {
  return heard.map(({ headers, body }) => new Webhook(secret).verify(body, headers as Record<string, string>) as Notice)
}

function heard(receiver: HookReceiver, type: string): Promise<Notice> {
  return until(`a notice: ${type}`, async () => notices(receiver).find((notice) => notice.type === type))
}

async function messages(server: Server, name: string): Promise<readonly Message[]> {
  const { status, body, text } = await server.client.get<Page<Message>>(`/agent/${name}/hooks`)
  assert.equal(status, 200, text)
  return body.items
}

/** An agent whose target is a file where a folder should be, until it is `mended`. */
async function brokenAgent(server: Server, name: string, more: object = {}): Promise<() => void> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, { 'content/a.txt': 'a' })
  mkdirSync(join(folder, name), { recursive: true })
  writeFileSync(target, '')
  await server.client.agent({
    ...{ name, source: { kind: 'directory', path: source } },
    targets: [{ name: 'default', kind: 'directory', path: target }],
    ...more,
  })
  return () => rmSync(target)
}

async function triesOf(server: Server, name: string, tries: number): Promise<void> {
  await until(`${tries} tries`, async () => {
    const { body } = await server.client.get<Page<{ message: string }>>(`/agent/${name}/log`)
    return body.items.filter(({ message }) => message === 'delivery failed').length >= tries
  })
}

test('a queue that is blocked is told of once, and once when it has recovered, to the agent’s hook and the server’s', async (t) => {
  const [own, all] = [await receiving(t), await receiving(t)]
  const server = await Server.start({
    env: {
      NOTIFY_URL: `${all.url}/k3y?token=t0ken`,
      NOTIFY_SECRET: secret,
      PUBLIC_URL: 'https://author.example.com',
    },
  })
  const hooks = [{ url: own.url, secret, on: ['blocked', 'recovered'] }]
  const mend = await brokenAgent(server, 'broken', { hooks })
  const command = await server.client.send('broken', { paths: ['/content'] })
  const blocked = await heard(all, 'blocked')
  const { since, error, nextAttemptAt, ...rest } = blocked.data
  assert.deepEqual(rest, {
    ...{ agent: 'broken', target: 'default', command, attempts: 3 },
    url: 'https://author.example.com/#/agents/broken',
  })
  assert.ok(error?.code !== undefined && typeof since === 'string' && typeof nextAttemptAt === 'string')
  await triesOf(server, 'broken', 6)
  mend()
  await server.client.finished(command)
  const { data } = await heard(all, 'recovered')
  assert.deepEqual([data['command'], data['state'], data['since']], [command, 'delivered', since])
  await heard(own, 'recovered')
  for (const receiver of [own, all])
    assert.deepEqual(
      notices(receiver).map(({ type }) => type),
      ['blocked', 'recovered'],
    )
  const told = await until('all to be sent', async () => {
    const found = await messages(server, 'broken')
    return found.every(({ status }) => status === 'sent') && found
  })
  assert.deepEqual(told.map(({ from, type }) => `${from} ${type}`).toSorted(), [
    ...['agent blocked', 'agent recovered', 'server blocked', 'server recovered'],
  ])
  const ofServer = told.find(({ from }) => from === 'server') ?? assert.fail()
  assert.equal(ofServer.url, new URL(all.url).origin)
  const again = await server.client.post(`/agent/broken/hooks/${ofServer.id}/replay`)
  assert.equal(again.status, 202, again.text)
  await until('the call', async () => all.ids.filter((id) => id === ofServer.id).length === 2)
  for (const path of ['/agent/broken/hooks', '/agent/broken/log', '/config/broken'])
    assert.doesNotMatch((await server.client.get(path)).text, /k3y|t0ken|whsec_/)
  assert.doesNotMatch(server.output, /k3y|t0ken|whsec_/)
  const log = await server.client.get<Page<{ message: string; level: string }>>('/agent/broken/log')
  const lines = log.body.items.filter(({ message }) => message.startsWith('queue '))
  assert.deepEqual(
    lines.map(({ level, message }) => `${level} ${message}`),
    ['info queue recovered', 'error queue blocked'],
  )
})

for (const verb of ['skip', 'clear', 'move', 'cancel'] as const)
  test(`a blocked queue has recovered once somebody decides to ${verb} what blocks it`, async (t) => {
    const all = await receiving(t)
    const server = await Server.start({ env: { NOTIFY_URL: all.url, NOTIFY_SECRET: secret } })
    await brokenAgent(server, verb, { queue: { backoff: { initialMs: 20, maxMs: 2000, factor: 3, jitter: 0 } } })
    const command = await server.client.send(verb, { paths: ['/content'] })
    await heard(all, 'blocked')
    const queue = `/agent/${verb}/queues/default`
    const paths = {
      skip: `${queue}/items/${command}/skip`,
      clear: `${queue}/clear`,
      move: `${queue}/items/${command}/move`,
      cancel: `/commands/${command}/cancel`,
    }
    // What is under way just now stays where it is.
    await until('it to be done', async () => {
      const json = verb === 'move' ? { to: 'error-default' } : { reason: 'test' }
      await server.client.post(paths[verb], { json })
      return notices(all).some(({ type }) => type === 'recovered')
    })
    const { data } = await heard(all, 'recovered')
    const state = { skip: 'skipped', clear: 'cancelled', move: 'failed', cancel: 'cancelled' }[verb]
    assert.equal(data['state'], state)
    if (verb === 'move') assert.equal((await heard(all, 'failed')).data['status'], 'failed')
  })

test('what has failed is told, exports too, and neither what succeeds nor what a hook did not ask for', async (t) => {
  const [all, own] = [await receiving(t), await receiving(t)]
  const server = await Server.start({ env: { NOTIFY_URL: all.url, NOTIFY_SECRET: secret, NOTIFY_ON: 'failed' } })
  const mend = await brokenAgent(server, 'failing', {
    hooks: [{ url: own.url, secret, on: ['drifted'] }],
    queue: { onFailure: 'error-queue', attempts: 4, backoff: { initialMs: 10, maxMs: 20, factor: 1, jitter: 0 } },
  })
  const failed = await server.client.replicate('failing', { paths: ['/content'] })
  assert.equal(failed.state, 'failed')
  const { data } = await heard(all, 'failed')
  const { error, targets, ...rest } = data
  assert.deepEqual(rest, {
    ...{ agent: 'failing', command: failed.id, kind: 'replicate', action: 'add', status: 'failed' },
  })
  assert.deepEqual(targets, [{ target: 'default', error }])
  mend()
  await server.client.deliver('failing', { paths: ['/content'] })
  const absent = await server.client.replicate('failing', { paths: ['/nowhere'] }, 'export')
  assert.equal(absent.state, 'failed')
  await until('the export', async () => notices(all).length === 2)
  assert.deepEqual([notices(all)[1]?.data['command'], notices(all)[1]?.data['kind']], [absent.id, 'export'])
  assert.deepEqual(own.heard, [])
})

test('a drift is told of, and its end to who wants to hear of it', async (t) => {
  const [all, own] = [await receiving(t), await receiving(t)]
  const server = await Server.start({ env: { NOTIFY_URL: all.url, NOTIFY_SECRET: secret } })
  const mend = await brokenAgent(server, 'drifting', { hooks: [{ url: own.url, secret, on: ['settled'] }] })
  mend()
  await server.client.post('/agent/drifting/compare', { json: {} })
  const { data } = await heard(all, 'drifted')
  assert.deepEqual([data['agent'], data['target'], typeof data['comparison']], ['drifting', 'default', 'string'])
  await server.client.deliver('drifting', { paths: ['/content'] })
  await server.client.post('/agent/drifting/compare', { json: {} })
  assert.equal((await heard(own, 'settled')).data['state'], 'in-sync')
  assert.equal(all.heard.length, 1)
})

test('a server that is killed while it tells of something tells it again after its start', async (t) => {
  const all = await receiving(t)
  all.answer(0)
  const server = await Server.start({ env: { NOTIFY_URL: all.url, NOTIFY_SECRET: secret } })
  await brokenAgent(server, 'killed')
  await server.client.send('killed', { paths: ['/content'] })
  await heard(all, 'blocked')
  await server.crash()
  await server.launch()
  await until('it to be sent', async () => (await messages(server, 'killed')).some(({ status }) => status === 'sent'))
  const [id] = all.ids
  assert.deepEqual(all.ids, [id, id])
})
