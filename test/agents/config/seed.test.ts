import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { seedAgents } from '../../../src/agents/config/seed.ts'
import { givenConfigs, me, type Given } from './given-configs.ts'

async function givenSeeds(t: TestContext, files: Record<string, unknown>): Promise<Given & { readonly seeds: string }> {
  const given = await givenConfigs(t)
  const seeds = join(given.folder, 'agents')
  await mkdir(seeds)
  for (const [name, content] of Object.entries(files))
    await writeFile(join(seeds, name), typeof content === 'string' ? content : JSON.stringify(content))
  return { ...given, seeds }
}

test('agents that were never here are created, in the name of the config folder', async (t) => {
  const { configs, seeds } = await givenSeeds(t, {
    'b.json': { name: 'b' },
    'a.json': { name: 'a' },
    'notes.txt': 'no agent',
  })
  assert.deepEqual(await seedAgents(configs, seeds), ['a', 'b'])
  const { items } = await configs.revisions('a', { limit: 1 })
  assert.equal(items[0]?.actor, 'config')
})

test('an agent that was deleted stays deleted, and one that was changed stays changed', async (t) => {
  const { configs, seeds } = await givenSeeds(t, { 'a.json': { name: 'a' }, 'b.json': { name: 'b' } })
  await seedAgents(configs, seeds)
  await configs.delete('a', me)
  await configs.patch('b', { title: 'B' }, me)
  assert.deepEqual(await seedAgents(configs, seeds), [])
  await assert.rejects(configs.read('a'), { code: 'missing' })
  assert.equal((await configs.read('b')).config.title, 'B')
})

test('a folder that is not there seeds nothing', async (t) => {
  const { configs, folder } = await givenConfigs(t)
  assert.deepEqual(await seedAgents(configs, join(folder, 'no')), [])
})

const bad: readonly (readonly [string, unknown, RegExp])[] = [
  ['no JSON', '{\n"name": \n', /^[^\n]*z\.json: [^\n]+$/],
  ['a fault', { name: 'z', enabled: 'yes' }, /z\.json: \/enabled must be true or false, it is "yes"$/],
  ['no name', {}, /z\.json: \/name is required$/],
  ['no object', null, /z\.json: the config must be an object/],
  ['the same name as another', { name: 'a' }, /z\.json: .*a\.json names agent a too$/],
]
for (const [what, content, message] of bad)
  test(`a file with ${what} stops the start in one line, before any agent is created`, async (t) => {
    const { configs, seeds } = await givenSeeds(t, { 'a.json': { name: 'a' }, 'z.json': content })
    await assert.rejects(seedAgents(configs, seeds), { code: 'invalid', message })
    assert.equal(await configs.everHad('a'), false)
  })

test('the sample agents of the distribution are valid', async (t) => {
  const { configs } = await givenConfigs(t)
  assert.deepEqual(await seedAgents(configs, join(import.meta.dirname, '../../../../config/agents')), [
    'publish1',
    'publish2',
  ])
})
