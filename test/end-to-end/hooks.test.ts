/** Hooks that are called once something has been delivered. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { HookReceiver } from '../hook-receiver.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Command, Page } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`
const soon = { initialMs: 20, maxMs: 50, factor: 2, jitter: 0 }

interface Message {
  readonly id: string
  readonly status: 'pending' | 'sent' | 'failed'
  readonly tries: number
  readonly answer?: number
  readonly error?: { readonly code: string; readonly detail: string }
  readonly nextAttemptAt?: string
  readonly replayedBy?: string
  readonly payload: { readonly type: string; readonly data: Readonly<Record<string, unknown>> }
}

async function receiving(t: TestContext, ...statuses: number[]): Promise<HookReceiver> {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  receiver.answer(...statuses)
  return receiver
}

/** An agent with a hook, whose source has something new. */
async function agent(name: string, hook: object, on: Server = server): Promise<void> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, { 'content/a.txt': 'a' })
  await on.client.agent({
    ...{ name, source: { kind: 'directory', path: source } },
    targets: [{ name: 'default', kind: 'directory', path: target }],
    hooks: [{ secret, backoff: soon, ...hook }],
  })
}

async function apply(name: string, on: Server = server): Promise<{ command: Command; comparison: string }> {
  const { body: found } = await on.client.post<{ id: string }>(`/agent/${name}/compare`, { json: {} })
  const { status, body, text } = await on.client.post<Command>(`/comparisons/${found.id}/apply`, {
    json: { preset: 'complete' },
    headers: { prefer: 'wait=30' },
  })
  assert.equal(status, 200, text)
  assert.equal(body.state, 'succeeded', text)
  return { command: body, comparison: found.id }
}

async function messages(name: string, on: Server = server): Promise<readonly Message[]> {
  const { status, body, text } = await on.client.get<Page<Message>>(`/agent/${name}/hooks`)
  assert.equal(status, 200, text)
  assert.ok(!text.includes(secret), 'the secret is never shown')
  return body.items
}

/** The newest message once it is no longer pending. */
function ended(name: string, on: Server = server): Promise<Message> {
  return until(`the hook of ${name} to end`, async () => {
    const [newest] = await messages(name, on)
    return newest?.status !== 'pending' && newest
  })
}

async function eventsOf(name: string): Promise<{ message: string; level: string }[]> {
  const { body, text } = await client.get<Page<{ message: string; level: string }>>(`/agent/${name}/log`)
  assert.ok(!text.includes(secret), 'the secret is in no log')
  return body.items.filter(({ message }) => message.includes('hook')).toReversed()
}

test('an application calls the hook, signed by the rules of Standard Webhooks', async (t) => {
  const receiver = await receiving(t)
  await agent('signed', { url: `${receiver.url}?key=k3y`, headers: { authorization: 'Bearer t0ken' } })
  const { command, comparison } = await apply('signed')
  const message = await ended('signed')
  assert.equal(message.status, 'sent')
  assert.equal(receiver.heard.length, 1)
  const { headers, body } = receiver.heard[0] ?? assert.fail()
  assert.equal(headers['content-type'], 'application/json')
  assert.equal(headers['authorization'], 'Bearer t0ken')
  assert.equal(headers['webhook-id'], message.id)
  const payload = new Webhook(secret).verify(body, headers as Record<string, string>) as Message['payload']
  assert.deepEqual(payload, message.payload)
  assert.equal(payload.type, 'applied')
  const { package: pkg } = command.agents[0] as { package?: string }
  assert.deepEqual(payload.data, {
    ...{ agent: 'signed', target: 'default', command: command.id, comparison, writes: 1, deletes: 0, package: pkg },
  })
  assert.throws(() => new Webhook(secret).verify(`${body} `, headers as Record<string, string>))
  const config = await client.get('/config/signed')
  assert.doesNotMatch(config.text, /whsec_|t0ken/)
  const log = await client.get('/agent/signed/log')
  assert.doesNotMatch(log.text, /whsec_|t0ken|k3y/)
})

test('a plain replicate calls no hook unless it asks for deliveries', async (t) => {
  const [silent, told] = [await receiving(t), await receiving(t)]
  await agent('plain', { url: silent.url })
  await agent('every', { url: told.url, on: ['applied', 'delivered'] })
  await client.deliver('plain', { paths: ['/content'] })
  await client.deliver('every', { paths: ['/content'] })
  assert.equal((await ended('every')).payload.type, 'delivered')
  assert.deepEqual(await messages('plain'), [])
  // Now that both sides are equal.
  await apply('every')
  assert.deepEqual(
    (await messages('every')).map(({ payload }) => payload.type),
    ['applied', 'delivered'],
  )
  await ended('every')
  assert.equal(told.heard.length, 2)
  assert.equal(silent.heard.length, 0)
})

test('a receiver that fails thrice gets the same message a fourth time', async (t) => {
  const receiver = await receiving(t, 500, 302, 404)
  await agent('flaky', { url: receiver.url })
  await apply('flaky')
  const message = await ended('flaky')
  assert.deepEqual([message.status, message.tries, message.answer, message.error], ['sent', 4, 204, undefined])
  assert.deepEqual(receiver.ids, [message.id, message.id, message.id, message.id])
  assert.equal(new Set(receiver.heard.map(({ body }) => body)).size, 1)
  for (const { headers, body } of receiver.heard) new Webhook(secret).verify(body, headers as Record<string, string>)
  assert.deepEqual(
    (await eventsOf('flaky')).map(({ message: words, level }) => `${level}: ${words}`),
    [...Array<string>(3).fill('warn: call of a hook failed'), 'info: hook called'],
  )
})

test('a call is given up after its last try, and at once where the receiver is gone', async (t) => {
  const failing = await receiving(t, 503, 503, 503)
  await agent('given-up', { url: failing.url, attempts: 2 })
  await apply('given-up')
  const message = await ended('given-up')
  assert.deepEqual([message.status, message.tries, message.answer], ['failed', 2, 503])
  assert.match(message.error?.detail ?? '', /answered 503/)
  const gone = await receiving(t, 410)
  await agent('gone', { url: gone.url })
  await apply('gone')
  const { status, tries } = await ended('gone')
  assert.deepEqual([status, tries, gone.heard.length], ['failed', 1, 1])
  assert.deepEqual(
    (await eventsOf('gone')).map(({ level }) => level),
    ['error'],
  )
})

test('what failed is sent again when somebody asks, under the same id', async (t) => {
  const receiver = await receiving(t, 410)
  await agent('replayed', { url: receiver.url })
  await apply('replayed')
  const { id } = await ended('replayed')
  const asked = await client.post<Message>(`/agent/replayed/hooks/${id}/replay`)
  assert.equal(asked.status, 202, asked.text)
  assert.equal(asked.body.replayedBy, 'anonymous')
  const message = await ended('replayed')
  assert.deepEqual([message.id, message.status, message.tries], [id, 'sent', 1])
  assert.deepEqual(receiver.ids, [id, id])
  // Also what has arrived.
  await client.post(`/agent/replayed/hooks/${id}/replay`)
  await until('the third call', async () => receiver.heard.length === 3)
  assert.equal((await client.post('/agent/replayed/hooks/01JAAAAAAAAAAAAAAAAAAAAAAA/replay')).status, 404)
})

test('a receiver that never answers holds up no queue', async (t) => {
  const receiver = await receiving(t, 0)
  await agent('hung', { url: receiver.url })
  await apply('hung')
  await until('the call', async () => receiver.heard.length === 1)
  await client.deliver('hung', { paths: ['/content'] })
  assert.deepEqual(
    (await messages('hung')).map(({ status, tries }) => [status, tries]),
    [['pending', 0]],
  )
})

test('a hook that is taken away is called no more', async (t) => {
  const receiver = await receiving(t, 500)
  await agent('removed', { url: receiver.url, backoff: { initialMs: 3_600_000 } })
  await apply('removed')
  const { id } = await until('the first try', async () => {
    const [message] = await messages('removed')
    return message?.tries === 1 && message
  })
  const patch = { body: JSON.stringify({ hooks: null }), headers: { 'content-type': 'application/merge-patch+json' } }
  const patched = await client.call('PATCH', '/replication/config/removed', patch)
  assert.equal(patched.status, 200, patched.text)
  assert.equal((await client.post(`/agent/removed/hooks/${id}/replay`)).status, 409)
  assert.equal(receiver.heard.length, 1)
})

test('a server that is killed while it calls a hook calls it again after its start', async (t) => {
  const receiver = await receiving(t, 0)
  const dying = await Server.start()
  await agent('killed', { url: receiver.url }, dying)
  await apply('killed', dying)
  await until('the call', async () => receiver.heard.length === 1)
  await dying.crash()
  await dying.launch()
  const message = await ended('killed', dying)
  assert.equal(message.status, 'sent')
  assert.deepEqual(receiver.ids, [message.id, message.id])
})
