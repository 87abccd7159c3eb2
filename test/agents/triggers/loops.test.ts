import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { ReplicationError } from '../../../src/errors.ts'
import { givenConfigs, me } from '../config/given-configs.ts'

const following = (...agents: string[]): object => ({ triggers: agents.map((agent) => ({ kind: 'after', agent })) })

async function loopOf(writing: Promise<unknown>): Promise<string> {
  const error = await writing.then(
    () => assert.fail('it was taken'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ReplicationError && error.code === 'invalid', String(error))
  const [fault] = error.faults
  assert.match(fault?.pointer ?? '', /^\/triggers\/\d$/)
  return fault?.message ?? ''
}

test('a loop of agents that follow each other is refused, with all of its agents in the message', async (t) => {
  const { configs, config } = await givenConfigs(t)
  for (const name of ['a', 'b', 'c', 'd']) await configs.create(config(name), me)
  await configs.patch('b', following('a'), me)
  await configs.patch('c', following('d', 'b'), me)
  assert.match(await loopOf(configs.patch('a', following('c'), me)), /^would go round for ever: a -> b -> c -> a,/)
  assert.match(await loopOf(configs.put('a', { ...config('a'), ...following('d', 'b') }, me)), /a -> b -> a/)
  const { faults } = await configs.check({ ...config('a'), ...following('d', 'c') })
  assert.deepEqual(
    faults.map(({ pointer }) => pointer),
    ['/triggers/1'],
  )
  await configs.patch('d', following('a'), me)
  await configs.patch('c', following('d'), me)
  assert.match(await loopOf(configs.patch('a', following('c'), me)), /a -> d -> c -> a/)
})

test('of a loop nobody hears the names of agents that he does not see', async (t) => {
  const { configs, config } = await givenConfigs(t)
  for (const name of ['a', 'hidden', 'c']) await configs.create(config(name), me)
  await configs.patch('hidden', following('a'), me)
  await configs.patch('c', following('hidden'), me)
  const sees = (name: string): boolean => name === 'c'
  const said = [await loopOf(configs.patch('a', following('c'), { ...me, sees }))]
  const { faults } = await configs.check({ ...config('a'), ...following('c') }, { sees })
  said.push(...faults.map(({ message }) => message))
  assert.equal(said.length, 2)
  for (const message of said) assert.match(message, /: a -> \(another agent\) -> c -> a,/)
})

test('of several agents that would close a loop at the same moment, one is refused', async (t) => {
  const { configs, config } = await givenConfigs(t)
  const names = ['a', 'b', 'c', 'd', 'e']
  for (const name of names) await configs.create(config(name), me)
  const outcomes = await Promise.allSettled(
    names.map((name, i) => configs.patch(name, following(names[(i + 1) % names.length] ?? ''), me)),
  )
  const refused = outcomes.filter(({ status }) => status === 'rejected')
  assert.equal(refused.length, 1)
  for (const one of refused)
    assert.match(await loopOf(Promise.reject((one as PromiseRejectedResult).reason as Error)), /for ever/)
})

test('a loop by way of the folders that agents watch is refused too', async (t) => {
  const { configs, folder } = await givenConfigs(t)
  const agent = (name: string, source: string, target: string): object => ({
    ...{ name, triggers: [{ kind: 'watch' }] },
    source: { kind: 'directory', path: join(folder, source) },
    targets: [{ kind: 'directory', path: join(folder, target) }],
  })
  await configs.create(agent('a', 'one', 'two'), me)
  await configs.create(agent('b', 'two', 'three'), me)
  assert.match(await loopOf(configs.create(agent('c', 'three/deep', 'one/deep'), me)), /c -> a -> b -> c/)
  await configs.create({ ...agent('c', 'three', 'one'), triggers: [] }, me)
  assert.match(await loopOf(configs.patch('c', following('b'), me)), /c -> a -> b -> c/)
  await configs.create(agent('d', 'three', 'four'), me)
})

test('what was tied and is not any more can be tied the other way round', async (t) => {
  const { configs, config } = await givenConfigs(t)
  await configs.create({ ...config('a'), ...following('b') }, me)
  await configs.create(config('b'), me)
  await loopOf(configs.patch('b', following('a'), me))
  await configs.patch('a', { triggers: [] }, me)
  await configs.patch('b', following('a'), me)
  await configs.delete('b', me)
  await configs.patch('a', following('b'), me)
})
