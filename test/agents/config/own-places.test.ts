import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apartFrom } from '../../../src/endpoints/apart.ts'
import { directory } from '../../../src/endpoints/directory.ts'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { givenConfigs } from './given-configs.ts'

test('no endpoint may lie where the server keeps its own data, around it or within it', async (t) => {
  const { folder } = await givenConfigs(t)
  const own = await directory.place({ path: `${folder}/data/state` })
  const kinds = apartFrom([directory] as unknown as EndpointKind[], [own])
  const faultsFor = async (path: string): Promise<string[]> => {
    const target = { kind: 'directory', path: `${folder}/${path}` }
    const parsed = await parseAgentConfig({ name: 'a', targets: [target] }, kinds)
    return 'faults' in parsed ? parsed.faults.map(({ pointer }) => pointer) : []
  }
  assert.deepEqual(await faultsFor('data/state'), ['/targets/0'])
  assert.deepEqual(await faultsFor('data/state/below'), ['/targets/0'])
  assert.deepEqual(await faultsFor('data'), ['/targets/0'])
  assert.deepEqual(await faultsFor('data/publish1'), [])
})
