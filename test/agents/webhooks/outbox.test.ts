import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { Engine } from '../../../src/agents/engine.ts'
import { leftToSend } from '../../../src/agents/webhooks/outbox.ts'
import { sendDue } from '../../../src/agents/webhooks/send.ts'
import { listMessages, replay, type HookMessageView } from '../../../src/agents/webhooks/views.ts'
import { removeExpired } from '../../../src/state/expiry.ts'
import { HookReceiver } from '../../hook-receiver.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const dayMs = 24 * 3_600_000
const page = { limit: 10 }

async function newest({ parts }: Given): Promise<HookMessageView> {
  const { items } = await listMessages(parts.store, 'a', page)
  return items[0] ?? assert.fail('there is no message')
}

/** Delivered, with a hook to be called, by a server that calls nobody. */
async function delivered(given: Given, hook: object): Promise<void> {
  await given.agent('a', ['one'], {
    targets: [{ kind: 'gated', name: given.name('one') }],
    hooks: [{ on: ['delivered'], ...hook }],
  })
  given.write('/content/x', 'x')
  const command = await given.ask({ agents: ['a'] })
  await given.export(command, 'a')
  await given.deliver('a', 'one')
  assert.equal((await newest(given)).command, command.id)
}

/** Sends what is due, by hand. */
async function send({ parts }: Given): Promise<void> {
  for await (const { task } of leftToSend(parts.store))
    await sendDue(parts, task.data['agent'] ?? '', task.data['hook'] ?? '', new AbortController().signal)
}

test('what a server delivered that then died is told by the next', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url, secret: 'any text' })
  await given.restart()
  assert.equal(receiver.heard.length, 0)
  const engine = new Engine(given.parts)
  t.after(() => engine.stop())
  await engine.start()
  await until(async () => (await newest(given)).status === 'sent' || undefined)
  const { headers, body } = receiver.heard[0] ?? assert.fail()
  new Webhook('any text', { format: 'raw' }).verify(body, headers as Record<string, string>)
})

test('without a secret nothing is signed', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url })
  await send(given)
  const { headers } = receiver.heard[0] ?? assert.fail()
  assert.ok('webhook-id' in headers && 'webhook-timestamp' in headers && !('webhook-signature' in headers))
})

test('a message goes when its agent no longer keeps history, and not while it is to be sent', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  receiver.answer(500)
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url, attempts: 2, backoff: { initialMs: 400, jitter: 0 } })
  const { store } = given.parts
  await send(given)
  assert.equal((await newest(given)).status, 'pending')
  await removeExpired(store, Date.now() + 1000 * dayMs, 1000)
  await until(async () => {
    await send(given)
    return (await newest(given)).status === 'sent' || undefined
  })
  await removeExpired(store, Date.now() + 29 * dayMs, 1000)
  assert.equal((await newest(given)).tries, 2)
  await removeExpired(store, Date.now() + 31 * dayMs, 1000)
  assert.deepEqual(await listMessages(store, 'a', page), { items: [] })
})

test('what is to be sent again is kept until it is', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url })
  const { parts } = given
  await send(given)
  const { id } = await newest(given)
  await replay(parts, await parts.roster.get('a'), id, 'somebody')
  await removeExpired(parts.store, Date.now() + 1000 * dayMs, 1000)
  await send(given)
  const { status, replayedBy } = await newest(given)
  assert.deepEqual([status, replayedBy], ['sent', 'somebody'])
  assert.deepEqual(receiver.ids, [id, id])
})

test('a wait that the receiver asks for is kept to', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  receiver.answer(503)
  receiver.retryAfter = '3600'
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url, backoff: { initialMs: 1, maxMs: 1 } })
  await send(given)
  const { nextAttemptAt = '' } = await newest(given)
  assert.ok(Date.parse(nextAttemptAt) > Date.now() + 3_000_000)
})

test('a secret that is not there is a failed try, which names it and no secret', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url, secret: { env: 'NO_SUCH_SECRET' } })
  await send(given)
  const { status, tries, error } = await newest(given)
  assert.deepEqual([status, tries, receiver.heard.length], ['pending', 1, 0])
  assert.match(error?.detail ?? '', /NO_SUCH_SECRET/)
})

test('what is to be told to a hook that is no more ends without a call', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await delivered(given, { url: receiver.url })
  await given.configs.patch('a', { hooks: null }, { actor: 'test' })
  await send(given)
  const { status, tries, error } = await newest(given)
  assert.deepEqual([status, tries, error?.code, receiver.heard.length], ['failed', 0, 'missing', 0])
})
