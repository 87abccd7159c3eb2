import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Engine } from '../../../src/agents/engine.ts'
import { fireSchedules } from '../../../src/agents/triggers/schedule.ts'
import { viewAgent } from '../../../src/agents/views.ts'
import { serverHook } from '../../../src/agents/webhooks/from-settings.ts'
import { audienceOf, setAudience } from '../../../src/agents/webhooks/notices.ts'
import { listMessages, type HookMessageView } from '../../../src/agents/webhooks/views.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { HookReceiver } from '../../hook-receiver.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const hourMs = 3_600_000
const notifyOn = 'blocked,recovered,failed,drifted,missed'

async function told({ parts }: Given): Promise<readonly HookMessageView[]> {
  const { items } = await listMessages(parts.store, 'a', { limit: 100 })
  return items.toReversed()
}

async function blocked(given: Given, hooks: readonly object[] = []): Promise<void> {
  const backoff = { initialMs: 1, maxMs: 1, factor: 1, jitter: 0 }
  await given.agent('a', ['one'], { queue: { backoff }, hooks })
  given.gate('one', async () => {
    throw new ReplicationError('unauthenticated', 'the token is wrong')
  })
  given.write('/content/x', 'x')
  const command = await given.ask({ agents: ['a'] })
  await given.export(command, 'a')
  for (let tries = 0; tries < 5;) {
    await given.deliver('a', 'one')
    const { counters } = await viewAgent(given.parts.store, await given.parts.roster.get('a'))
    tries = counters.failedAttempts
  }
}

test('what blocks a queue is written down once with the third failure, for a setting that is wrong too, and told by the next server', async (t) => {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const given = await givenEngine(t, { idle: true })
  await blocked(given, [{ url: receiver.url, on: ['blocked', 'recovered'] }])
  const [message, ...more] = await told(given)
  assert.deepEqual([message?.type, message?.status, more], ['blocked', 'pending', []])
  const { data } = (message ?? assert.fail()).payload as { data: { attempts: number; error: { code: string } } }
  assert.deepEqual([data.attempts, data.error.code], [3, 'unauthenticated'])
  await given.restart()
  assert.equal(receiver.heard.length, 0)
  given.gate('one', undefined)
  const engine = new Engine(given.parts)
  t.after(() => engine.stop())
  await engine.start()
  await until(async () => receiver.heard.length === 2 || undefined)
  assert.deepEqual(
    (await told(given)).map(({ type }) => type),
    ['blocked', 'recovered'],
  )
})

test('the server’s hook gets what it is on for, under a name of its own, and shows no more of its URL than the origin', async (t) => {
  const given = await givenEngine(t, { idle: true })
  const url = 'http://127.0.0.1:9/services/k3y?token=t0ken'
  const { store } = given.parts
  const server = serverHook({ notifyUrl: url, notifyOn })
  await setAudience(store, audienceOf(server, undefined))
  await blocked(given, [{ url: 'http://127.0.0.1:9/services/k3y', on: ['blocked'] }])
  const messages = await told(given)
  assert.deepEqual(
    messages.map(({ from, url }) => [from, url]),
    [
      ['agent', 'http://127.0.0.1:9/services/k3y'],
      ['server', 'http://127.0.0.1:9'],
    ],
  )
  await setAudience(store, audienceOf(undefined, undefined))
  assert.equal(await store.get('audience'), undefined)
})

test('a schedule that fires late is told of, whatever it does', async (t) => {
  for (const action of ['add', 'compare'] as const) {
    const given = await givenEngine(t, { idle: true })
    const hooks = [{ url: 'http://127.0.0.1:9/', on: ['missed'] }]
    await given.agent('a', ['one'], { hooks, triggers: [{ kind: 'schedule', cron: '0 * * * *', action }] })
    given.write('/content/x', 'x')
    const look = async (now: number): Promise<unknown> => fireSchedules(given.parts, 'a', async () => undefined, now)
    const { triggers } = await viewAgent(given.parts.store, await given.parts.roster.get('a'))
    const due = Date.parse(triggers[0]?.nextAt ?? '')
    await look(due + 5)
    assert.deepEqual(await told(given), [])
    await look(due + 3 * hourMs + 5)
    const [message, ...more] = await told(given)
    assert.deepEqual([message?.type, more], ['missed', []])
    const { data } = (message ?? assert.fail()).payload as { data: { missed: number; dueAt: string } }
    assert.deepEqual([data.missed, data.dueAt], [3, new Date(due + hourMs).toISOString()])
  }
})

test('a word that is no notice, and a secret that is no base64, are refused', () => {
  const given = { notifyUrl: 'http://127.0.0.1:9/', notifyOn }
  assert.throws(
    () => serverHook({ ...given, notifyOn: 'blocked,applied' }),
    /NOTIFY_ON names applied, which is none of/,
  )
  assert.throws(() => serverHook({ ...given, notifySecret: 'whsec_???' }), /NOTIFY_SECRET .* base64$/)
  assert.equal(serverHook({ notifyOn }), undefined)
})
