import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { listLog } from '../../../src/agents/events/agent-log.ts'
import { eventWrites, type EventType } from '../../../src/agents/events/events.ts'
import { told } from '../../../src/agents/events/told.ts'
import { errorView, ReplicationError } from '../../../src/errors.ts'
import { openLog } from '../../../src/log/open.ts'
import type { Store } from '../../../src/state/store.ts'
import { openTestHome } from '../../home.ts'

interface Line {
  readonly level: number
  readonly msg: string
  readonly [fact: string]: unknown
}

async function given(t: TestContext, level = 'info'): Promise<{ store: Store; lines: Line[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'told.'))
  const lines: Line[] = []
  // What the engine says of itself (that Redis was slow) is no event.
  const keep = (line: Line): void => void ('agent' in line && lines.push(line))
  const log = openLog(level, { write: (line) => keep(JSON.parse(line) as Line) })
  const home = await openTestHome(folder, log)
  t.after(async () => {
    await home.work.close(0)
    await home.store.close()
    await home.leave()
    await rm(folder, { recursive: true })
  })
  return { store: told(home.store, log), lines }
}

const at = (minute: number): string => new Date(Date.UTC(2026, 0, 1, 0, minute)).toISOString()

async function say(
  store: Store,
  type: EventType,
  more: { at?: string; command?: string; target?: string } = {},
): Promise<void> {
  await store.commit({ writes: eventWrites({ type, at: at(0), agent: 'a', ...more }) })
}

test('each event leaves one line in the words of the agent’s log, once it is durable, with the causes of its error', async (t) => {
  const { store, lines } = await given(t)
  const error = new ReplicationError('unavailable', 'it is away', { cause: new Error('ECONNREFUSED') })
  const event = { type: 'delivery.retrying', at: at(0), agent: 'a', command: 'c', target: 'one' } as const
  const writes = eventWrites({ ...event, data: { attempts: 2, error: errorView(error) } })
  await store.commit({ writes })
  await store.commit({ checks: [{ key: 'x', version: 'other' }], writes })
  await say(store, 'delivery.started')
  const [line, ...more] = lines
  assert.deepEqual(more, [])
  const { level, msg, agent, command, target, attempts, err } = line ?? assert.fail()
  assert.deepEqual([level, msg, agent, command, target, attempts], [40, 'delivery failed', 'a', 'c', 'one', 2])
  assert.equal((err as { cause: { message: string } }).cause.message, 'ECONNREFUSED')
  const { items } = await listLog(store, 'a', { limit: 10 })
  assert.deepEqual(
    items.map(({ level, message }) => [level, message]),
    [['warn', 'delivery failed']],
  )
})

test('what the agent’s log leaves out is told at debug', async (t) => {
  const { store, lines } = await given(t, 'debug')
  await say(store, 'delivery.started')
  assert.deepEqual(
    lines.map(({ level, msg }) => [level, msg]),
    [[20, 'delivery started']],
  )
})

test('the log of an agent is read by level, time, command and target, page by page', async (t) => {
  const { store } = await given(t)
  await say(store, 'package.ready', { at: at(1), command: 'c1' })
  await say(store, 'delivery.retrying', { at: at(2), command: 'c1', target: 'one' })
  await say(store, 'delivery.failed', { at: at(3), command: 'c1', target: 'two' })
  await say(store, 'delivery.delivered', { at: at(4), command: 'c2', target: 'one' })
  const minutes = async (wanted: Parameters<typeof listLog>[2]): Promise<number[]> =>
    (await listLog(store, 'a', wanted)).items.map((line) => new Date(line.at).getUTCMinutes())
  assert.deepEqual(await minutes({ limit: 10 }), [4, 3, 2, 1])
  assert.deepEqual(await minutes({ limit: 10, level: 'warn' }), [3, 2])
  assert.deepEqual(await minutes({ limit: 10, level: 'error' }), [3])
  assert.deepEqual(await minutes({ limit: 10, since: at(2), until: at(4) }), [3, 2])
  assert.deepEqual(await minutes({ limit: 10, command: 'c1', target: 'one' }), [2])
  const first = await listLog(store, 'a', { limit: 1, target: 'one' })
  assert.equal(first.items.length, 1)
  const { next = 0 } = first
  assert.deepEqual(await minutes({ limit: 1, target: 'one', before: next }), [2])
  assert.equal((await listLog(store, 'a', { limit: 1, target: 'one', before: next })).next, undefined)
})
