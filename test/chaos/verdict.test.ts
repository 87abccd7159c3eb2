/** What `npm run chaos` calls lost, out of order, applied twice and torn. */
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Place } from '../../chaos/installation.ts'
import { Journal } from '../../chaos/journals.ts'
import { bytesOf, numberIn } from '../../chaos/numbers.ts'
import { planOf } from '../../chaos/plan.ts'
import { Reader } from '../../chaos/reader.ts'
import { judge, judgeAcceptance, type Evidence } from '../../chaos/verdict.ts'
import type { Command } from '../end-to-end/views.ts'
import type { Received } from '../event-reader.ts'

const ids = ['01', '02', '03'].map((end) => `01M80FDRXTK6KC4YRDAJ5NY8${end}`)
const [one = '', two = '', three = ''] = ids
const at = '2026-01-01T00:00:00.000Z'
const later = '2026-01-01T00:00:01.000Z'

function placeFor(t: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'trebuchet-verdict-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return { agent: 'stream', target: 'near', folder, far: false }
}

function write(place: Place, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(place.folder, path)), { recursive: true })
  writeFileSync(join(place.folder, path), content)
}

function receiptOf(delivery: string): object {
  return { delivery, package: 'sha256-0', entries: 1, bytes: 2, appliedAt: at }
}

/** The target's journal with these deliveries. */
function journal(place: Place, deliveries: readonly string[]): Journal {
  write(place, '.trebuchet/lane/receipts', deliveries.map((id) => `${JSON.stringify(receiptOf(id))}\n`).join(''))
  const found = new Journal(place)
  found.read()
  return found
}

function event(type: string, command: string, target?: string, when = at): Received {
  return { id: '1', type, data: { at: when, agent: 'stream', command, ...(target !== undefined && { target }) } }
}

/** Three commands that were accepted and delivered, save that somebody made `more` happen. */
function evidence(more: readonly Received[] = [], states: Readonly<Record<string, string>> = {}): Evidence {
  const commands = ids.map((id) => {
    const receipt = receiptOf(`${id}/stream/near`)
    const target = { target: 'near', state: states[id] ?? 'delivered', attempts: 1, entries: 1, bytes: 2, receipt }
    return [
      id,
      { id, agents: [{ agent: 'stream', status: 'succeeded', targets: [target] }] } as unknown as Command,
    ] as const
  })
  return {
    sent: ids.map((id, i) => ({ agent: 'stream', number: i + 1, id })),
    events: [...ids.map((id) => event('command.accepted', id)), ...more],
    commands: new Map(commands),
    farCommands: [],
  }
}

const delivered = ids.map((id) => `${id}/stream/near`)

test('what was delivered once, in order, is well', (t) => {
  const verdict = judge(journal(placeFor(t), delivered), evidence())
  assert.deepEqual(verdict, { delivered: 3, lost: [], reordered: [], duplicated: [], absorbed: 0 })
  assert.deepEqual(judgeAcceptance('stream', evidence()), [])
})

test('what the target has no receipt for, and what is not said to be delivered, is lost', (t) => {
  const missing = judge(journal(placeFor(t), delivered.slice(1)), evidence())
  assert.deepEqual([missing.delivered, missing.lost.length], [2, 1])
  const failed = judge(journal(placeFor(t), delivered), evidence([], { [two]: 'failed' }))
  assert.deepEqual([failed.delivered, failed.lost.length], [2, 1])
})

test('what was applied before its predecessor is out of order, unless it was moved to the tail', (t) => {
  const [first = '', second = '', third = ''] = delivered
  assert.equal(judge(journal(placeFor(t), [second, first, third]), evidence()).reordered.length, 1)
  const moved = evidence([event('delivery.moved', one, 'near')])
  assert.deepEqual(judge(journal(placeFor(t), [second, third, `${first}~1`]), moved).reordered, [])
  assert.equal(judge(journal(placeFor(t), [second, `${first}~1`, third]), moved).reordered.length, 1)
  assert.equal(judge(journal(placeFor(t), [...delivered, 'never/stream/near']), evidence()).reordered.length, 1)
})

test('a second receipt is one too many, a second try of what was applied is absorbed', (t) => {
  const twice = judge(journal(placeFor(t), [...delivered, delivered[2] ?? '']), evidence())
  assert.equal(twice.duplicated.length, 1)
  const tries = [event('delivery.started', three, 'near', at), event('delivery.started', three, 'near', later)]
  const again = judge(journal(placeFor(t), delivered), evidence(tries))
  assert.deepEqual([again.duplicated.length, again.absorbed], [0, 1])
})

test('a command that was made twice, or in another order, is told of', () => {
  const { events, ...rest } = evidence()
  assert.equal(judgeAcceptance('stream', { ...rest, events: events.toReversed() }).length, 1)
  assert.equal(judgeAcceptance('stream', { ...rest, events: [...events, event('command.accepted', 'x')] }).length, 1)
})

test('a file is whole only with all bytes of one number', () => {
  const [old, young] = [bytesOf(1, 500), bytesOf(2, 500)]
  assert.equal(numberIn(old), 1)
  const mixed = Buffer.concat([young.subarray(0, 250), old.subarray(250)])
  for (const torn of [Buffer.alloc(0), old.subarray(0, 100), old.subarray(1), Buffer.concat([old, young]), mixed])
    assert.equal(numberIn(torn), undefined)
})

test('a reader sees files that are torn, gone, or older than before', (t) => {
  const place = placeFor(t)
  const reader = new Reader([place])
  write(place, 'content/a', bytesOf(5, 100))
  assert.equal(reader.look(place, 'content/a'), 5)
  write(place, 'content/a', bytesOf(6, 100))
  assert.equal(reader.look(place, 'content/a'), 6)
  assert.deepEqual([reader.torn, reader.backwards], [[], []])
  write(place, 'content/a', bytesOf(4, 100))
  reader.look(place, 'content/a')
  assert.equal(reader.backwards.length, 1)
  write(place, 'content/a', bytesOf(7, 100).subarray(0, 50))
  reader.look(place, 'content/a')
  rmSync(join(place.folder, 'content/a'))
  reader.look(place, 'content/a')
  assert.equal(reader.torn.length, 2)
})

test('the same seed plans the same faults, and each kind comes before one comes again', () => {
  const plan = planOf('redis', 7, 60_000)
  assert.deepEqual(planOf('redis', 7, 60_000), plan)
  assert.notDeepEqual(planOf('redis', 8, 60_000), plan)
  assert.equal(new Set(plan.slice(0, 12).map(({ kind }) => kind)).size, 12)
  assert.ok(planOf('embedded', 7, 60_000).every(({ kind }) => !kind.includes('redis')))
})
