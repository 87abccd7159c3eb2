import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cancel, pause, resume, retry } from '../../../src/agents/commands/operate.ts'
import { listTimeline, type TimelineItem } from '../../../src/agents/commands/timeline.ts'
import type { ReplicationEvent } from '../../../src/agents/events/events.ts'
import { moveItem, retryHead, skipItem } from '../../../src/agents/queues/item-verbs.ts'
import { ReplicationError } from '../../../src/errors.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

const away = new ReplicationError('unavailable', 'the target is away')
const corrupt = new ReplicationError('corrupt', 'the package is broken')

/** What was heard of a command, as its timeline should have it. */
function hearing({ parts }: Given): (command: { id: string }) => string[] {
  const events: ReplicationEvent[] = []
  parts.events.listen((event) => events.push(event))
  return ({ id }) => events.filter(({ command }) => command === id).map(lineOf)
}

function lineOf({ type, target = '', actor = '', data = {} }: TimelineItem): string {
  const { attempt, attempts, error, verb, status } = data as Record<string, unknown> & { error?: { code: string } }
  const facts = [attempt, type === 'export.failed' ? undefined : attempts, error?.code, verb, status]
  const about = type.startsWith('delivery') ? target.slice(27) : ''
  return [type, about, actor, ...facts].filter((word) => word !== undefined && word !== '').join(' ')
}

async function told({ parts }: Given, { id }: { id: string }, limit = 500): Promise<TimelineItem[]> {
  const items: TimelineItem[] = []
  for (let after: string | undefined; ;) {
    const page = await listTimeline(parts.store, id, { limit, ...(after !== undefined && { after }) })
    assert.ok(page.items.length <= limit)
    items.push(...page.items)
    after = page.next
    if (after === undefined) return items
  }
}

test('the timeline of a command says what its events have said, in their order', async (t) => {
  const given = await givenEngine(t)
  const queue = { onFailure: 'error-queue', attempts: 2, backoff: { initialMs: 20, maxMs: 50 } }
  await given.agent('author', ['one'], { queue })
  const heard = hearing(given)
  const lane = { agent: 'author', queue: given.name('one') }
  let failures = 0
  given.gate('one', async () => {
    if (++failures <= 3) throw failures === 3 ? corrupt : away
  })
  given.write('/content/a', 'hello')
  const command = await given.ask({ agents: ['author'] })
  assert.equal((await given.finished(command)).state, 'failed')
  const parked = { agent: 'author', queue: `error-${lane.queue}` }
  await moveItem(given.parts, parked, command.id, lane.queue, { actor: 'ann', reason: 'it is back' })
  await until(async () => failures === 3 || undefined)
  assert.equal((await given.finished(command)).state, 'failed')
  await retry(given.parts, command.id, 'bob', 'once more')
  assert.equal((await given.finished(command)).state, 'succeeded')
  const items = await told(given, command)
  assert.deepEqual(items.map(lineOf), [
    ...['command.accepted test', 'package.ready'],
    ...['delivery.started one 1', 'delivery.retrying one 1 unavailable'],
    ...['delivery.started one 2', 'delivery.failed one 2 unavailable'],
    ...['delivery.moved one ann move', 'delivery.started one 1', 'delivery.failed one 1 corrupt'],
    ...['command.retried bob', 'delivery.started one 1', 'delivery.delivered one 1', 'command.finished succeeded'],
  ])
  const finishes = (line: string): boolean => line.startsWith('command.finished')
  await until(async () => heard(command).at(-1) === 'command.finished succeeded' || undefined)
  // It ended three times; what counts now is the last.
  assert.deepEqual(
    items.map(lineOf).filter((line) => !finishes(line)),
    heard(command).filter((line) => !finishes(line)),
  )
  assert.deepEqual(await told(given, command, 1), items)
  assert.deepEqual(items.find(({ type }) => type === 'command.retried')?.data, { reason: 'once more' })
  const delivered = items.find(({ type }) => type === 'delivery.delivered')?.data
  assert.deepEqual(delivered, { attempts: 1, entries: 2, bytes: 5, tookMs: (delivered as { tookMs: number }).tookMs })
})

test('who skipped, hastened or cancelled what is in the timeline, and why an export failed', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one', 'two'], { queue: { backoff: { initialMs: 600_000, maxMs: 600_000 } } })
  const heard = hearing(given)
  const lane = { agent: 'author', queue: given.name('one') }
  given.gate('one', async () => {
    throw away
  })
  given.write('/content/a', 'hello')
  const skipped = await given.ask({ agents: ['author'] })
  const cancelled = await given.ask({ agents: ['author'] })
  const tried = (times: number): Promise<true> =>
    until(
      async () =>
        heard(skipped).filter((line) => line.startsWith('delivery.retrying one')).length === times || undefined,
    )
  await tried(1)
  await retryHead(given.parts, lane, { actor: 'ann' })
  await tried(2)
  await pause(given.parts, await given.parts.roster.get('author'), undefined, 'test')
  await cancel(given.parts, cancelled.id, 'bob')
  await skipItem(given.parts, lane, skipped.id, { actor: 'ann', reason: 'enough' })
  await resume(given.parts, await given.parts.roster.get('author'), undefined, 'test')
  for (const command of [skipped, cancelled]) {
    await given.finished(command)
    await until(async () => heard(command).some((line) => line.startsWith('command.finished')) || undefined)
    // What happens to two targets at the same time has no order.
    const lines = (await told(given, command)).map(lineOf)
    assert.deepEqual(lines.toSorted(), heard(command).toSorted())
  }
  const items = await told(given, skipped)
  assert.deepEqual(items.find(({ type }) => type === 'delivery.skipped')?.data, { verb: 'skip', reason: 'enough' })

  given.write('/content', undefined)
  const failed = await given.ask({ agents: ['author'] })
  await given.finished(failed)
  const lines = (await told(given, failed)).map(lineOf)
  assert.deepEqual(lines.toSorted(), [
    ...['command.accepted test', 'command.finished failed'],
    ...['delivery.failed one missing', 'delivery.failed two missing', 'export.failed missing'],
  ])
})
