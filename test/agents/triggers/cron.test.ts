import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTimezone } from '../../../src/agents/config/timezone.ts'
import { cronFault, nextTime, timesBetween } from '../../../src/agents/triggers/cron.ts'

function timesOf(cron: string, timezone: string, from: string, count: number): string[] {
  const times: string[] = []
  for (let at = Date.parse(from); times.length < count;) {
    at = nextTime({ cron, timezone }, at)
    times.push(new Date(at).toISOString().slice(0, 16))
  }
  return times
}

test('the next time is strictly behind the one asked for, also to the second', () => {
  assert.equal(nextTime({ cron: '*/10 * * * * *' }, Date.UTC(2026, 0, 1, 0, 0, 10)), Date.UTC(2026, 0, 1, 0, 0, 20))
  assert.equal(nextTime({ cron: '@daily' }, Date.UTC(2026, 0, 1)), Date.UTC(2026, 0, 2))
  assert.equal(nextTime({ cron: '0 9 * * 1-5', timezone: 'Asia/Tokyo' }, Date.UTC(2026, 0, 2)), Date.UTC(2026, 0, 5))
})

test('a fixed time in an hour that does not exist comes when that hour would have begun, and not twice', () => {
  assert.deepEqual(timesOf('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z', 2), [
    '2026-03-29T01:00',
    '2026-03-30T00:30',
  ])
  assert.deepEqual(timesOf('0 0 * * *', 'Africa/Cairo', '2026-04-23T12:00:00Z', 2), [
    '2026-04-23T22:00',
    '2026-04-24T21:00',
  ])
})

test('a fixed time in an hour that comes twice comes once, the first time', () => {
  assert.deepEqual(timesOf('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2), [
    '2026-10-25T00:30',
    '2026-10-26T01:30',
  ])
})

test('what comes every so many minutes goes on as time goes on, whatever the clock shows', () => {
  assert.deepEqual(timesOf('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:00:00Z', 3), [
    '2026-03-29T00:30',
    '2026-03-29T01:00',
    '2026-03-29T01:30',
  ])
  assert.deepEqual(timesOf('*/30 * * * *', 'Europe/Berlin', '2026-10-25T00:00:00Z', 4), [
    '2026-10-25T00:30',
    '2026-10-25T01:00',
    '2026-10-25T01:30',
    '2026-10-25T02:00',
  ])
})

test('times are counted up to a limit, the last one included', () => {
  const hourly = { cron: '0 * * * *' }
  const noon = Date.UTC(2026, 0, 1, 12)
  assert.equal(timesBetween(hourly, noon, noon + 3 * 3_600_000, 100), 3)
  assert.equal(timesBetween(hourly, noon, noon + 3 * 3_600_000 - 1, 100), 2)
  assert.equal(timesBetween(hourly, noon, noon + 1000 * 3_600_000, 10), 10)
  assert.equal(timesBetween(hourly, noon, noon, 10), 0)
})

test('an expression that means nothing, or a time that never comes, is said to', () => {
  for (const cron of [
    '* * * * *',
    '*/5 9-17 * * 1-5',
    '0 0 12 * * *',
    '0 0 L * *',
    ' 0 0 1 1 * ',
    '@hourly',
    '0 0 * * MON',
  ])
    assert.equal(cronFault(cron), undefined, cron)
  assert.equal(cronFault('0 0 31 2 *'), 'names a time that never comes')
  assert.match(cronFault('60 * * * *') ?? '', /^cannot be read: .*minute/)
  for (const cron of ['', 'x', '* * *', '2026-12-01T00:00:00', '* * * * * * 2030', '@reboot', '*/0 * * * *', '@'])
    assert.notEqual(cronFault(cron), undefined, cron)
})

test('time zones are known by their IANA names', () => {
  for (const name of ['UTC', 'Europe/Zurich', 'America/Argentina/Buenos_Aires']) assert.ok(isTimezone(name), name)
  for (const name of ['Nowhere/Town', 'Europe', '', ' ']) assert.ok(!isTimezone(name), name)
})
