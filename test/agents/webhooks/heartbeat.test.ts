import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startHeartbeat } from '../../../src/agents/webhooks/heartbeat.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { HookReceiver } from '../../hook-receiver.ts'
import { until } from '../until.ts'

interface Line {
  readonly facts: object
  readonly words: string
}

async function given(t: TestContext): Promise<{ receiver: HookReceiver; lines: Line[]; begin: Begin }> {
  const receiver = await HookReceiver.start()
  t.after(() => receiver.close())
  const lines: Line[] = []
  const note = (facts: object, words: string): void => void lines.push({ facts, words })
  const begin: Begin = (url, trouble = async () => undefined) => {
    const stop = startHeartbeat({ url, everyMs: 10, trouble, log: { info: note, warn: note } })
    t.after(stop)
    return stop
  }
  return { receiver, lines, begin }
}

type Begin = (url: string, trouble?: () => Promise<string | undefined>) => () => Promise<void>

const times = (receiver: HookReceiver, count: number): Promise<true> =>
  until(async () => receiver.heard.length >= count || undefined)

test('the URL is asked again and again, until the end', async (t) => {
  const { receiver, lines, begin } = await given(t)
  const stop = begin(`${receiver.url}/uuid?status=up`)
  await times(receiver, 3)
  await stop()
  const { length } = receiver.heard
  assert.deepEqual(lines, [])
  begin(receiver.url)
  await times(receiver, length + 1)
})

test('who is not well is silent, and says once why', async (t) => {
  const { receiver, lines, begin } = await given(t)
  let asked = 0
  begin(receiver.url, async () => {
    if (++asked > 6) return undefined
    if (asked % 2 === 0) throw new ReplicationError('unavailable', 'the state is away')
    return 'no sweep'
  })
  await times(receiver, 1)
  assert.equal(asked >= 7, true)
  // The line is written once the answer is there.
  await until(async () => lines.length > 1 || undefined)
  assert.deepEqual(
    lines.map(({ words }) => words),
    ['heartbeat fails', 'heartbeat goes on'],
  )
})

test('calls that fail are told of once until one succeeds, without the URL', async (t) => {
  const { receiver, lines, begin } = await given(t)
  receiver.answer(500, 404, 500)
  begin(`${receiver.url}/s3cret`)
  await times(receiver, 5)
  const to = new URL(receiver.url).origin
  assert.deepEqual(lines, [
    { facts: { to, reason: `${to} answered 500` }, words: 'heartbeat fails' },
    { facts: { to }, words: 'heartbeat goes on' },
  ])
  const refused: Line[] = []
  const note = (facts: object, words: string): void => void refused.push({ facts, words })
  const url = 'http://127.0.0.1:9/s3cret'
  const stop = startHeartbeat({ url, everyMs: 10, trouble: async () => undefined, log: { info: note, warn: note } })
  await until(async () => refused.length > 0 || undefined)
  await stop()
  assert.doesNotMatch(JSON.stringify(refused), /s3cret/)
  assert.match(JSON.stringify(refused), /ECONNREFUSED/)
})

test('a receiver that does not answer holds up no end', async (t) => {
  const { receiver, begin } = await given(t)
  receiver.answer(0)
  const stop = begin(receiver.url)
  await times(receiver, 1)
  await stop()
})
