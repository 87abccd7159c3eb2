import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { TSchema } from 'typebox'
import { checkerOf, sendable } from '../../../src/resources/schema.ts'
import { documentedConfigSchema } from '../../../src/agents/config/endpoint-config.ts'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { far, twoKinds } from './given-configs.ts'

let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'parse.'))
})
after(() => rm(folder, { recursive: true }))

const at = (path: string, name?: string): Record<string, unknown> => ({
  kind: 'directory',
  path: join(folder, path),
  ...(name !== undefined && { name }),
})

async function faultsOf(input: unknown): Promise<Record<string, string>> {
  const parsed = await parseAgentConfig(input, twoKinds)
  if (!('faults' in parsed)) return {}
  const faults = Object.fromEntries(parsed.faults.map(({ pointer, message }) => [pointer, message]))
  assert.equal(Object.keys(faults).length, parsed.faults.length, 'one entry for each fault')
  return faults
}

test('a name is enough, and everything else has its default', async () => {
  assert.deepEqual(await parseAgentConfig({ name: 'a' }, twoKinds), {
    config: {
      name: 'a',
      enabled: true,
      targets: [],
      passive: [],
      roots: ['/'],
      filters: [],
      queue: {
        onFailure: 'block',
        attempts: 10,
        backoff: { initialMs: 1000, maxMs: 900_000, factor: 2, jitter: 0.2 },
        limit: 10_000,
        priority: [],
      },
      deletes: { maxPercent: 50, maxCount: 1000 },
      compare: { ignore: [], sets: [] },
      preserve: [],
      history: { keepDays: 30, keepEntries: 100_000 },
      triggers: [],
    },
  })
})

test('a group of settings may be given in part', async () => {
  const parsed = await parseAgentConfig({ name: 'a', queue: { backoff: { maxMs: 5000 } } }, twoKinds)
  assert.ok('config' in parsed)
  assert.deepEqual(parsed.config.queue.backoff, { initialMs: 1000, maxMs: 5000, factor: 2, jitter: 0.2 })
  assert.equal(parsed.config.queue.limit, 10_000)
})

test('the input is not changed', async () => {
  const input = { name: 'a', targets: [at('t')] }
  await parseAgentConfig(input, twoKinds)
  assert.deepEqual(input, { name: 'a', targets: [at('t')] })
})

test('the only target is called default', async () => {
  const parsed = await parseAgentConfig({ name: 'a', targets: [at('t')] }, twoKinds)
  assert.ok('config' in parsed)
  assert.equal(parsed.config.targets[0]?.name, 'default')
})

test('every fault is reported with a pointer', async () => {
  assert.deepEqual(
    Object.keys(
      await faultsOf({
        nmae: 'a',
        enabled: 'yes',
        roots: ['content', '/a/..'],
        filters: [{ exclude: 'x' }, { exclude: '/a', include: '/b' }, {}],
        queue: { attempts: 0, backoff: { factor: 0.5 }, onFailure: 'give-up' },
        deletes: { maxPercent: 101 },
        history: { keepDays: 'long' },
      }),
    ).toSorted(),
    [
      '/deletes/maxPercent',
      '/enabled',
      '/filters/0/exclude',
      '/filters/1',
      '/filters/2',
      '/history/keepDays',
      '/name',
      '/nmae',
      '/queue/attempts',
      '/queue/backoff/factor',
      '/queue/onFailure',
      '/roots/0',
      '/roots/1',
    ],
  )
})

for (const name of ['all', 'validate', '', '.a', '-a', 'a b', 'a/b', 'ä', 'a'.repeat(65)])
  test(`${JSON.stringify(name.slice(0, 10))} is no name for an agent`, async () => {
    assert.deepEqual(Object.keys(await faultsOf({ name })), ['/name'])
  })

for (const input of [undefined, null, 'a', [], 5])
  test(`${JSON.stringify(input)} is no config`, async () => {
    const [message] = Object.values(await faultsOf(input))
    assert.match(message ?? '', /^must be an object/)
  })

test('an unknown kind is reported with those that could stand there', async () => {
  assert.deepEqual(await faultsOf({ name: 'a', source: { kind: 'ftp' }, targets: [{ kind: 'ftp' }] }), {
    '/source/kind': '"ftp" is not known; a source can be: directory',
    '/targets/0/kind': '"ftp" is not known; a target can be: directory, remote',
  })
})

test('a kind that can only be a target is no source', async () => {
  assert.deepEqual(await faultsOf({ name: 'a', source: { kind: 'remote', url: 'https://a.example', agent: 'b' } }), {
    '/source/kind': '"remote" cannot be a source; a source can be: directory',
  })
})

test('options are checked by their kind alone', async () => {
  assert.deepEqual(
    await faultsOf({ name: 'a', source: { kind: 'directory', url: 'x' }, targets: [far({ url: 5, token: '' })] }),
    {
      '/source/path': 'is required',
      '/source/url': 'is not known here; known are kind, path, view, format, schema',
      '/targets/0/url': 'must be a text, it is 5',
      '/targets/0/token': 'must not be empty',
    },
  )
})

test('a secret is a text, or names where it is', async () => {
  for (const token of ['x', { env: 'X' }, { file: '/run/x' }])
    assert.deepEqual(await faultsOf({ name: 'a', targets: [far({ token })] }), {})
  for (const token of [5, {}, { env: 'X', file: 'Y' }, { environment: 'X' }])
    assert.deepEqual(Object.keys(await faultsOf({ name: 'a', targets: [far({ token })] })), ['/targets/0/token'])
})

test('queues have names of their own, none like an error queue', async () => {
  assert.deepEqual(
    await faultsOf({
      name: 'a',
      targets: [at('1', 'x'), at('2', 'x'), at('3'), at('4', 'error-x')],
      passive: ['y', 'x', 'y'],
    }),
    {
      '/targets/1/name': '"x" is the name of another queue of this agent',
      '/targets/2/name': 'is required where there is more than one target',
      '/targets/3/name': 'must not begin with error-: so are the error queues called',
      '/passive/1': '"x" is the name of another queue of this agent',
      '/passive/2': '"y" is the name of another queue of this agent',
    },
  )
})

test('a trigger is of a known kind, and has what its kind needs', async () => {
  assert.deepEqual(Object.keys(await faultsOf({ name: 'a', triggers: [{ kind: 'schedule' }] })), ['/triggers/0/cron'])
  assert.deepEqual(await faultsOf({ name: 'a', triggers: [{ kind: 'cron' }] }), {
    '/triggers/0/kind': 'must be "schedule", "after" or "watch", it is "cron"',
  })
})

test('there may be nine classes of priority, each with a name and at least one glob', async () => {
  const classes = (count: number): object[] =>
    Array.from({ length: count }, (_, i) => ({ name: `p${i}`, paths: ['/a/**'] }))
  const of = (priority: readonly object[]) => faultsOf({ name: 'a', queue: { priority } })
  assert.deepEqual(await of(classes(9)), {})
  assert.deepEqual(Object.keys(await of(classes(10))), ['/queue/priority'])
  assert.deepEqual(Object.keys(await of([{ name: 'p', paths: [] }])), ['/queue/priority/0/paths'])
  assert.deepEqual(Object.keys(await of([{ name: 'p', paths: ['a'] }])), ['/queue/priority/0/paths/0'])
  assert.deepEqual(Object.keys(await of([{ paths: ['/a'] }])), ['/queue/priority/0/name'])
})

test('the longest wait is no shorter than the first', async () => {
  assert.deepEqual(await faultsOf({ name: 'a', queue: { backoff: { initialMs: 10, maxMs: 5 } } }), {
    '/queue/backoff/maxMs': 'must not be less than initialMs, which is 10',
  })
})

test('a target in the source, around it, or at the same place by a link is refused', async () => {
  await mkdir(join(folder, 'tree/below'), { recursive: true })
  await symlink(join(folder, 'tree'), join(folder, 'link'))
  for (const target of ['tree', 'tree/below', 'tree/not/yet', '.', 'link', 'link/below'])
    assert.deepEqual(
      await faultsOf({ name: 'a', source: at('tree'), targets: [at(target)] }),
      { '/targets/0': 'overlaps the source: this agent would replicate into itself' },
      target,
    )
  for (const target of ['tre', 'tree2', 'other'])
    assert.deepEqual(await faultsOf({ name: 'a', source: at('tree'), targets: [at(target)] }), {}, target)
})

test('two targets of an agent that overlap are refused', async () => {
  assert.deepEqual(await faultsOf({ name: 'a', targets: [at('x', 'one'), at('x/y', 'two')] }), {
    '/targets/1': 'overlaps the target "one": each would overwrite what the other wrote',
  })
  assert.deepEqual(
    Object.keys(
      await faultsOf({ name: 'a', targets: [far(), far({ name: 'again', url: 'https://PUBLISH.example:443' })] }),
    ),
    ['/targets/1'],
  )
  assert.deepEqual(await faultsOf({ name: 'a', targets: [far(), far({ name: 'other', agent: 'other' })] }), {})
})

test('what is accepted is what the documented schema says, sent and shown', async () => {
  // `discriminator` is OpenAPI's word, not JSON Schema's.
  const withoutTag = (key: string, value: unknown): unknown => (key === 'discriminator' ? undefined : value)
  const documented = JSON.parse(JSON.stringify(documentedConfigSchema(twoKinds), withoutTag)) as TSchema
  const input = { name: 'a', source: at('s'), targets: [at('t', 'near'), far({ token: { env: 'X' } })] }
  assert.deepEqual(checkerOf(sendable(documented))(structuredClone(input)), [])
  const parsed = await parseAgentConfig(input, twoKinds)
  assert.ok('config' in parsed)
  assert.deepEqual(checkerOf(documented)(structuredClone(parsed.config)), [])
})
