import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { kinds } from '../../../src/endpoints/kinds.ts'

const folder = (name: string): object => ({ kind: 'directory', path: `/nowhere/${name}` })

async function faultsOf(triggers: readonly object[], more: object = {}): Promise<Record<string, string>> {
  const config = { name: 'a', source: folder('source'), targets: [folder('target')], roots: ['/content'], triggers }
  const parsed = await parseAgentConfig({ ...config, ...more }, kinds)
  return 'config' in parsed ? {} : Object.fromEntries(parsed.faults.map(({ pointer, message }) => [pointer, message]))
}

test('triggers that can be kept are taken', async () => {
  assert.deepEqual(
    await faultsOf([
      { kind: 'schedule', cron: '0 3 * * *', timezone: 'Europe/Zurich', action: 'add', paths: ['/content/news'] },
      { kind: 'schedule', cron: '0 4 * * *', mode: 'mirror' },
      { kind: 'after', agent: 'b', paths: ['/content'] },
      { kind: 'watch', debounceMs: 500, maxWaitMs: 10_000, initial: 'mirror' },
    ]),
    {},
  )
})

test('a schedule that never comes, an unknown time zone and a path outside the roots are refused where they stand', async () => {
  assert.deepEqual(
    Object.keys(
      await faultsOf([
        { kind: 'schedule', cron: '* * *' },
        { kind: 'schedule', cron: '@daily', timezone: 'Nowhere/Town' },
        { kind: 'schedule', cron: '@daily', paths: ['/content/a', '/contents'] },
        { kind: 'schedule', cron: '@daily', action: 'delete', mode: 'mirror' },
        { kind: 'after', agent: 'b', paths: ['/'] },
      ]),
    ),
    ['/triggers/0/cron', '/triggers/1/timezone', '/triggers/2/paths/1', '/triggers/3/mode', '/triggers/4/paths/0'],
  )
})

test('an agent that could do nothing when it fires is told so', async () => {
  const daily = { kind: 'schedule', cron: '@daily' }
  assert.match((await faultsOf([daily], { targets: [] }))['/triggers/0'] ?? '', /no target/)
  assert.match((await faultsOf([daily], { source: undefined }))['/triggers/0'] ?? '', /no source/)
  assert.deepEqual(await faultsOf([{ ...daily, action: 'test' }], { source: undefined }), {})
  const pull = { kind: 'pull', url: 'http://127.0.0.1:1', agent: 'b', queue: 'q' }
  assert.match((await faultsOf([daily], { source: pull }))['/triggers/0'] ?? '', /another server/)
})

test('a source that cannot be watched is refused, and the message names those that can', async () => {
  const faults = await faultsOf([{ kind: 'watch' }], { source: { kind: 'memory', name: 'm' } })
  assert.equal(faults['/triggers/0'], 'cannot watch a source of kind memory; one that can be watched is: directory')
})

test('an agent does not follow itself, nor another twice, and has one of each', async () => {
  assert.deepEqual(
    await faultsOf([
      { kind: 'after', agent: 'a' },
      { kind: 'after', agent: 'b' },
      { kind: 'after', agent: 'b', paths: ['/content'] },
      { kind: 'watch' },
      { kind: 'watch', debounceMs: 20 },
      { kind: 'schedule', cron: '@daily' },
      { cron: '@daily', kind: 'schedule' },
      { kind: 'schedule', cron: '@hourly' },
    ]),
    {
      '/triggers/0/agent': 'must be another agent: this one would never come to rest',
      '/triggers/2': 'does what the trigger at /triggers/1 does',
      '/triggers/4': 'does what the trigger at /triggers/3 does',
      '/triggers/6': 'does what the trigger at /triggers/5 does',
    },
  )
})
