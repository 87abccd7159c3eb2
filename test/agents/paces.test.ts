/** How much may be sent by when, by a clock that the tests set. */
import assert from 'node:assert/strict'
import { setImmediate } from 'node:timers/promises'
import { test } from 'node:test'
import type { Bandwidth } from '../../src/agents/config/bandwidth.ts'
import type { AgentConfig } from '../../src/agents/config/config.ts'
import { Paces, type Clock } from '../../src/agents/paces.ts'

const never = new AbortController().signal
const rate = 100_000

interface Given {
  readonly paces: Paces
  config: AgentConfig | undefined
  /** Ms. */
  now: number
  looks: number
}

function given(bandwidth: Bandwidth | undefined, start = '2026-01-09T07:59:50Z'): Given {
  const clock: Clock = {
    now: () => is.now,
    date: () => new Date(Date.parse(start) + is.now),
    wait: async (ms, signal) => {
      await setImmediate(undefined, { signal })
      is.now += ms
    },
  }
  const is: Given = {
    now: 0,
    looks: 0,
    config: configWith(bandwidth),
    paces: new Paces(async () => {
      is.looks++
      return is.config && { config: is.config }
    }, clock),
  }
  return is
}

function configWith(bandwidth: Bandwidth | undefined): AgentConfig {
  const target = { name: 'far', kind: 'remote', ...(bandwidth !== undefined && { bandwidth }) }
  return { name: 'a', targets: [target] } as unknown as AgentConfig
}

/** What is sent until then, in ms, by somebody who always wants more. */
async function sentUntil(is: Given, until: number, config = configWith({ bytesPerSecond: rate })): Promise<number> {
  const pace = is.paces.of(is.config ?? config, 'far')
  let sent = 0
  while (is.now < until) sent += await pace.take(1_000_000, never)
  return sent
}

test('no more is sent than the limit admits, and hardly less', async () => {
  const is = given({ bytesPerSecond: rate })
  const sent = await sentUntil(is, 10_000)
  assert.ok(sent <= 10 * rate + rate / 8 && sent > 9.8 * rate, `${sent}`)
})

test('all uploads to one target share its limit, and one after the other too', async () => {
  const is = given({ bytesPerSecond: rate })
  const both = await Promise.all([sentUntil(is, 5000), sentUntil(is, 5000)])
  assert.ok(Math.min(...both) > rate, both.join())
  let sent = both[0] + both[1]
  // Each of them has a pace of its own in hand.
  while (is.now < 10_000) sent += await is.paces.of(is.config ?? configWith({}), 'far').take(500, never)
  assert.ok(sent <= 10 * rate + rate / 8 && sent > 9.5 * rate, `${sent}`)
})

test('without a limit all that is wanted may go at once, and nobody waits', async () => {
  const is = given(undefined)
  assert.equal(await is.paces.of(configWith(undefined), 'far').take(64 * 1024 * 1024, never), 64 * 1024 * 1024)
  assert.equal(is.now, 0)
})

test('another limit takes effect within an upload, and so does the end of one', async () => {
  const is = given({ bytesPerSecond: 1_000_000_000 })
  const pace = is.paces.of(configWith({ bytesPerSecond: 1_000_000_000 }), 'far')
  await pace.take(1_000_000, never)
  is.config = configWith({ bytesPerSecond: rate })
  is.now += 1000
  await pace.take(1_000_000, never)
  await setImmediate()
  // What was owed under the old limit is no reason to stand still.
  const before = is.now
  assert.equal(await pace.take(1_000_000, never), rate / 8)
  assert.equal(await pace.take(1_000_000, never), rate / 8)
  assert.ok(is.now - before <= 250, `${is.now - before}`)
  is.config = configWith(undefined)
  is.now += 1000
  await pace.take(1_000_000, never)
  await setImmediate()
  assert.equal(await pace.take(1_000_000, never), 1_000_000)
})

test('whoever begins goes by the config that he has read, however lately another was looked at', async () => {
  const is = given(undefined)
  await is.paces.of(configWith(undefined), 'far').take(1_000_000, never)
  const limited = configWith({ bytesPerSecond: rate })
  is.config = limited
  const pace = is.paces.of(limited, 'far')
  assert.equal(await pace.take(1_000_000, never), rate / 8)
  is.now += 1000
  is.config = configWith(undefined)
  await pace.take(1, never)
  await setImmediate()
  // The next part of the same tree: its config is older than what is known.
  assert.equal(await is.paces.of(limited, 'far').take(1_000_000, never), 1_000_000)
})

test('an hour that strikes takes effect within an upload', async () => {
  const timetable = [{ from: '08:00', to: '18:00', bytesPerSecond: rate }]
  const is = given({ bytesPerSecond: 10 * rate, timetable })
  const before = await sentUntil(is, 10_000)
  const behind = await sentUntil(is, 20_000)
  assert.ok(before > 98 * rate && before <= 102 * rate, `${before}`)
  assert.ok(behind > 9 * rate && behind <= 21 * rate, `${behind}`)
})

test('a target that is gone, or a config that cannot be read, leaves the limit as it was', async () => {
  const is = given({ bytesPerSecond: rate })
  const pace = is.paces.of(configWith({ bytesPerSecond: rate }), 'far')
  is.config = undefined
  const sent = await sentUntil(is, 5000)
  assert.ok(is.looks > 3 && sent <= 5 * rate + rate / 8)
  is.now += 2000
  const deaf = new Paces(async () => Promise.reject(new Error('away')))
  assert.equal(await deaf.of(configWith({ bytesPerSecond: rate }), 'far').take(1_000_000, never), rate / 8)
  assert.equal(await pace.take(1, never), 1)
})

test('whoever waits is let go when his upload is given up', async () => {
  const config = configWith({ bytesPerSecond: 8192 })
  const pace = new Paces(async () => ({ config })).of(config, 'far')
  const given = new AbortController()
  assert.equal(await pace.take(1_000_000, given.signal), 1024)
  const waiting = pace.take(1_000_000, given.signal)
  given.abort(new Error('given up'))
  await assert.rejects(waiting)
  await assert.rejects(pace.take(1, given.signal), /given up/)
})
