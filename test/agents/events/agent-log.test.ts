import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { listLog, trimAgentLogs } from '../../../src/agents/events/agent-log.ts'
import { eventsLog, eventWrites } from '../../../src/agents/events/events.ts'
import { trimEvents } from '../../../src/agents/retention/sweep.ts'
import { below } from '../../../src/state/store.ts'
import { givenLog } from './given-log.ts'

const { store } = await givenLog({ after })
const day = 24 * 3_600_000

/** Lines number 0 to count - 1, one a day, the last of them now. */
async function happen(agent: string, count: number): Promise<void> {
  const writes = Array.from({ length: count }, (_, n) => {
    const at = new Date(Date.now() - (count - 1 - n) * day).toISOString()
    return eventWrites({ type: 'delivery.delivered', at, agent, data: { n } })
  })
  await store.commit({ writes: writes.flat() })
}

async function numbers(agent: string, limit = 500): Promise<unknown[]> {
  return (await listLog(store, agent, { limit })).items.map(({ fields }) => fields['n'])
}

test('lines are listed newest first, each agent’s alone, and by pages', async () => {
  await happen('paged', 7)
  await happen('paged.too', 2)
  await happen('page', 1)
  assert.deepEqual(await numbers('paged'), [6, 5, 4, 3, 2, 1, 0])
  assert.deepEqual(await numbers('nobody'), [])
  const pages: unknown[][] = []
  let next: { before?: number } = {}
  do {
    const page = await listLog(store, 'paged', { limit: 3, ...next })
    pages.push(page.items.map(({ fields }) => fields['n']))
    next = page.next === undefined ? {} : { before: page.next }
    // What happens meanwhile is on no page behind.
    await happen('paged', 1)
  } while (next.before !== undefined)
  assert.deepEqual(pages, [[6, 5, 4], [3, 2, 1], [0]])
})

test('the oldest lines go by count and by age, of every agent, and the newest stay', async () => {
  await happen('busy', 2500)
  await happen('old', 40)
  await happen('quiet', 3)
  await trimAgentLogs(store, { lines: 2400, days: 10_000 })
  assert.equal((await store.range({ ...below('agent-log/busy/'), limit: 5000 })).length, 2400)
  assert.deepEqual(await numbers('busy', 1), [2499])
  assert.equal((await numbers('old')).length, 40)
  await trimAgentLogs(store, { lines: 20, days: 30 })
  assert.deepEqual(
    await numbers('busy'),
    Array.from({ length: 20 }, (_, n) => 2499 - n),
  )
  assert.deepEqual(
    await numbers('old'),
    Array.from({ length: 20 }, (_, n) => 39 - n),
  )
  await trimAgentLogs(store, { lines: 20, days: 10 })
  assert.deepEqual(
    await numbers('old'),
    Array.from({ length: 10 }, (_, n) => 39 - n),
  )
  assert.deepEqual(await numbers('quiet'), [2, 1, 0])
  await trimAgentLogs(store, { lines: 20, days: 1 }, Date.now() + 10 * day)
  for (const agent of ['busy', 'old', 'quiet']) assert.deepEqual(await numbers(agent), [])
  await happen('quiet', 1)
  assert.deepEqual(await numbers('quiet'), [0])
})

test('the oldest events go by count, and an agent keeps its lines', async () => {
  await happen('kept', 5)
  await trimEvents(store, 2)
  assert.equal((await store.range({ ...below(`${eventsLog}/`), limit: 10 })).length, 2)
  assert.equal((await numbers('kept')).length, 5)
})
