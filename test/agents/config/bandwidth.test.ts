/** How fast packages may be sent to a target, and when. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { limitAt, type Bandwidth } from '../../../src/agents/config/bandwidth.ts'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { directory } from '../../../src/endpoints/directory.ts'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { kinds } from '../../../src/endpoints/kinds.ts'
import { redacted } from '../../../src/agents/config/secrets.ts'
import { far, twoKinds } from './given-configs.ts'

const office: Bandwidth = {
  bytesPerSecond: 1_000_000,
  timezone: 'Europe/Berlin',
  timetable: [
    { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '08:00', to: '18:00', bytesPerSecond: 100_000 },
    { days: ['fri'], from: '22:00', to: '06:00', bytesPerSecond: 0 },
    { from: '17:00', to: '24:00', bytesPerSecond: 500_000 },
  ],
}
const limits = (bandwidth: Bandwidth, times: readonly string[]): (number | undefined)[] =>
  times.map((time) => limitAt(bandwidth, new Date(time)))

test('without a word there is no limit, and 0 is none', () => {
  const now = new Date()
  assert.deepEqual(
    [undefined, {}, { bytesPerSecond: 0 }, { timetable: [] }].map((one) => limitAt(one, now)),
    [undefined, undefined, undefined, undefined],
  )
  assert.equal(limitAt({ bytesPerSecond: 9000 }, now), 9000)
})

test('the first window counts in which it is, by the clock of its time zone, from its beginning up to its end', () => {
  // In winter Berlin is an hour ahead. The 9th of January 2026 is a Friday.
  assert.deepEqual(
    limits(office, ['2026-01-09T06:59:59Z', '2026-01-09T07:00:00Z', '2026-01-09T16:30:00Z']),
    [1_000_000, 100_000, 100_000],
  )
  assert.deepEqual(
    limits(office, ['2026-01-09T17:00:00Z', '2026-01-10T16:00:00Z', '2026-01-10T23:00:00Z']),
    [500_000, 500_000, 1_000_000],
  )
})

test('a window over midnight belongs to the day on which it begins', () => {
  assert.deepEqual(
    limits(office, ['2026-01-09T20:59:00Z', '2026-01-09T21:00:00Z', '2026-01-10T04:59:00Z', '2026-01-10T05:00:00Z']),
    [500_000, undefined, undefined, 1_000_000],
  )
  // On Thursday night, and in the first hours of Friday, it is none of Friday's.
  assert.deepEqual(limits(office, ['2026-01-08T21:30:00Z', '2026-01-09T02:00:00Z']), [500_000, 1_000_000])
  const sundays: Bandwidth = { timetable: [{ days: ['sun'], from: '23:00', to: '01:00', bytesPerSecond: 9000 }] }
  assert.deepEqual(limits(sundays, ['2026-01-11T23:30:00Z', '2026-01-12T00:30:00Z', '2026-01-11T00:30:00Z']), [
    9000,
    9000,
    undefined,
  ])
})

test('windows keep to the clock on the wall when it is set forward and back', () => {
  const nights: Bandwidth = {
    timezone: 'Europe/Berlin',
    timetable: [{ from: '02:15', to: '02:45', bytesPerSecond: 9000 }],
  }
  // On the 29th of March 2026 there is no 02:30; on the 25th of October there are two.
  const spring = ['2026-03-28T01:30:00Z', '2026-03-29T00:30:00Z', '2026-03-29T01:30:00Z', '2026-03-30T00:30:00Z']
  assert.deepEqual(limits(nights, spring), [9000, undefined, undefined, 9000])
  const autumn = ['2026-10-24T00:30:00Z', '2026-10-25T00:30:00Z', '2026-10-25T01:30:00Z', '2026-10-26T01:30:00Z']
  assert.deepEqual(limits(nights, autumn), [9000, 9000, 9000, 9000])
  assert.equal(limitAt({ ...office, bytesPerSecond: 0 }, new Date('2026-07-10T06:00:00Z')), 100_000)
})

async function parsed(target: object): Promise<unknown> {
  const found = await parseAgentConfig({ name: 'a', targets: [target] }, twoKinds)
  return 'faults' in found
    ? Object.fromEntries(found.faults.map(({ pointer, message }) => [pointer, message]))
    : found.config.targets[0]
}

test('a target to which packages are sent may have a limit, and no other endpoint', async () => {
  assert.deepEqual(((await parsed(far({ bandwidth: office }))) as { bandwidth: unknown }).bandwidth, office)
  const message = 'is possible for targets to which packages are sent: remote'
  assert.deepEqual(await parsed({ kind: 'directory', path: '/srv/a', bandwidth: office }), {
    '/targets/0/bandwidth': message,
  })
  const source = await parseAgentConfig(
    { name: 'a', source: { kind: 'directory', path: '/srv/a', bandwidth: {} } },
    twoKinds,
  )
  assert.deepEqual(source, { faults: [{ pointer: '/source/bandwidth', message }] })
})

test('a limit that cannot be meant is refused where it stands', async () => {
  const window = { from: '08:00', to: '18:00', bytesPerSecond: 9000 }
  const faultsOf = (bandwidth: unknown): Promise<unknown> => parsed(far({ bandwidth }))
  const slow = 'must be 0, for no limit, or at least 8192: slower senders are cut off'
  assert.deepEqual(
    await faultsOf({
      bytesPerSecond: 100,
      timezone: 'Europe/Nowhere',
      timetable: [window, { ...window, bytesPerSecond: 8191 }, { ...window, to: '08:00' }],
    }),
    {
      '/targets/0/bandwidth/bytesPerSecond': slow,
      '/targets/0/bandwidth/timezone':
        '"Europe/Nowhere" is no time zone known here; use an IANA name such as Europe/Zurich',
      '/targets/0/bandwidth/timetable/1/bytesPerSecond': slow,
      '/targets/0/bandwidth/timetable/2/to': 'must not be when it begins; the whole day is 00:00 to 24:00',
    },
  )
  const at = '/targets/0/bandwidth/timetable/0'
  for (const [wrong, pointer] of [
    [{ from: '8:00' }, `${at}/from`],
    [{ from: '24:00' }, `${at}/from`],
    [{ to: '18:60' }, `${at}/to`],
    [{ days: [] }, `${at}/days`],
    [{ days: ['mon', 'mon'] }, `${at}/days`],
    [{ days: ['Monday'] }, `${at}/days/0`],
    [{ bytesPerSecond: -1 }, `${at}/bytesPerSecond`],
    [{ bytesPerSecond: '9000' }, `${at}/bytesPerSecond`],
    [{ rate: 1 }, `${at}/rate`],
  ] as const)
    assert.deepEqual(Object.keys((await faultsOf({ timetable: [{ ...window, ...wrong }] })) as object), [pointer])
})

test('every kind to whose targets packages are sent says so, as those do', () => {
  for (const kind of kinds.filter(({ name }) => name === 'remote' || name === 'memory')) {
    const options = kind.name === 'remote' ? { url: 'https://publish.example', agent: 'in' } : { name: 'a' }
    assert.equal(kind.target?.(options, { installation: 'test' }).sends, kind.sends, kind.name)
  }
  assert.deepEqual(
    kinds.flatMap(({ name, sends }) => (sends === true ? [name] : [])),
    ['remote'],
  )
})

test('a limit is no secret, also where the kind of its target is no longer known', async () => {
  const found = await parseAgentConfig({ name: 'a', targets: [far({ bandwidth: office })] }, twoKinds)
  assert.ok('config' in found)
  for (const known of [twoKinds, [directory as EndpointKind]])
    assert.deepEqual(redacted(found.config, known).targets[0]?.bandwidth, office)
})
