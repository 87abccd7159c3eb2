import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LoggedEvent } from '../../../src/agents/events/events.ts'
import { RecentEvents } from '../../../src/agents/events/recent.ts'

function one(sequence: number, data: object = {}): LoggedEvent {
  return { sequence, event: { type: 'delivery.started', at: new Date().toISOString(), agent: 'a', data } }
}

/** Holds the last four events of a log whose newest was number ten. */
function given(chars = 1_000_000): RecentEvents {
  const recent = new RecentEvents({ events: 4, chars })
  recent.begin(10)
  return recent
}

function behind(recent: RecentEvents, position: number, most = 100): number[] | undefined {
  return recent.behind(position, most)?.map(({ sequence }) => sequence)
}

test('nothing is held while nobody holds it, but what comes from then on', () => {
  const recent = given()
  recent.push(one(11))
  assert.equal(recent.newest, 11)
  assert.equal(behind(recent, 10), undefined)
  const release = recent.hold()
  assert.deepEqual(behind(recent, 11), [])
  recent.push(one(12))
  recent.push(one(13))
  assert.deepEqual(behind(recent, 11), [12, 13])
  assert.deepEqual(behind(recent, 12), [13])
  assert.deepEqual(behind(recent, 11, 1), [12])
  assert.equal(behind(recent, 10), undefined)
  const other = recent.hold()
  release()
  release()
  assert.deepEqual(behind(recent, 12), [13])
  other()
  assert.equal(behind(recent, 12), undefined)
})

test('a place that the follower has not come to has nothing behind it yet', () => {
  const recent = given()
  recent.hold()
  assert.deepEqual(behind(recent, 15), [])
  recent.push(one(11))
  assert.deepEqual(behind(recent, 15), [])
})

test('the oldest go when there are too many, or too many characters', () => {
  const recent = given()
  recent.hold()
  for (let n = 11; n <= 16; n++) recent.push(one(n))
  assert.equal(behind(recent, 11), undefined)
  assert.deepEqual(behind(recent, 12), [13, 14, 15, 16])
  const narrow = given(1000)
  narrow.hold()
  narrow.push(one(11))
  narrow.push(one(12, { detail: 'x'.repeat(990) }))
  assert.deepEqual([behind(narrow, 11), behind(narrow, 12)], [undefined, []])
  narrow.push(one(13))
  assert.deepEqual(behind(narrow, 12), [13])
})

test('where events are missing between two, what was before is not held any more', () => {
  const recent = given()
  recent.hold()
  recent.push(one(11))
  recent.push(one(20))
  assert.equal(behind(recent, 10), undefined)
  assert.equal(behind(recent, 11), undefined)
  assert.deepEqual(behind(recent, 19), [20])
})

test('whoever is passed by hears it, once, and nobody else', () => {
  const recent = given()
  recent.hold()
  const heard: number[] = []
  const positions = [10, 11, 12, 13]
  const stop = positions.map((position) => recent.onLoss(position, () => heard.push(position)))
  for (let n = 11; n <= 14; n++) recent.push(one(n))
  assert.deepEqual(heard, [])
  recent.push(one(15))
  assert.deepEqual(heard, [10])
  stop[1]?.()
  recent.push(one(16))
  recent.push(one(17))
  assert.deepEqual(heard, [10, 12])
})

test('whoever waits is woken by what comes, by a new beginning and by the end of his patience', async () => {
  const recent = given()
  recent.hold()
  const { signal } = new AbortController()
  let woken = recent.wait(signal)
  recent.push(one(11))
  await woken
  woken = recent.wait(signal)
  const { era } = recent
  recent.begin(5)
  await woken
  assert.notEqual(recent.era, era)
  assert.equal(recent.newest, 5)
  const patience = new AbortController()
  woken = recent.wait(patience.signal)
  patience.abort()
  await woken
})
