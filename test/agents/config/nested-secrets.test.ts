import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { AgentConfig } from '../../../src/agents/config/config.ts'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { redacted, withSecrets } from '../../../src/agents/config/secrets.ts'
import { kinds } from '../../../src/endpoints/kinds.ts'
import type { EndpointKind } from '../../../src/endpoints/endpoint.ts'
import { rest } from '../../../src/endpoints/rest.ts'
import { makeFolder } from '../../endpoints/trees.ts'

const set = { secret: 'set' }
const target = {
  kind: 'rest',
  url: 'https://a.example/api',
  auth: { basic: { username: 'me', password: 's3cret' } },
  tls: { key: 's3cret key' },
}

async function parsed(endpoint: object, stored?: AgentConfig): Promise<AgentConfig> {
  const result = await parseAgentConfig({ name: 'a', targets: [endpoint] }, kinds, stored)
  assert.ok('config' in result, JSON.stringify(result))
  return result.config
}

async function faultsOf(endpoint: object, stored?: AgentConfig): Promise<readonly object[]> {
  const result = await parseAgentConfig({ name: 'a', targets: [endpoint] }, kinds, stored)
  return 'faults' in result ? result.faults : []
}

test('secrets within other options are not shown, and what is shown can be sent back', async () => {
  const stored = await parsed(target)
  const [shown] = redacted(stored, kinds).targets
  assert.deepEqual(shown?.['auth'], { basic: { username: 'me', password: set } })
  assert.deepEqual(shown?.['tls'], { key: set })
  const [kept] = (await parsed({ ...shown, limit: 5 }, stored)).targets
  assert.deepEqual(kept?.['auth'], target.auth)
  assert.deepEqual(kept?.['tls'], target.tls)
  // The stored one is as it was.
  assert.deepEqual(stored.targets[0]?.['auth'], target.auth)
})

test('of a kind that is not known any more nothing is shown, in whatever it lies', async () => {
  const stored = await parsed(target)
  assert.doesNotMatch(JSON.stringify(redacted(stored, [])), /s3cret|username/)
})

test('another url, or another origin that would get them, wants them to be sent again', async () => {
  const stored = await parsed(target)
  const [shown] = redacted(stored, kinds).targets
  for (const [change, name] of [
    [{ url: 'https://evil.example/api' }, 'url'],
    [{ origins: ['https://evil.example'] }, 'origins'],
  ] as const)
    assert.deepEqual(await faultsOf({ ...shown, ...change }, stored), [
      { pointer: '/targets/0/auth/basic/password', message: `must be sent again, because ${name} has changed` },
      { pointer: '/targets/0/tls/key', message: `must be sent again, because ${name} has changed` },
    ])
  assert.deepEqual(await faultsOf({ ...target, auth: { bearer: set } }, stored), [
    { pointer: '/targets/0/auth/bearer', message: 'no secret is stored for this endpoint; send the secret' },
  ])
})

test('named secrets within other options are looked up', async (t) => {
  const file = join(await makeFolder(t), 'key.pem')
  await writeFile(file, 'the key\n')
  const { targets } = await parsed({
    ...target,
    auth: { header: { name: 'X-Key', value: { env: 'KEY' } } },
    tls: { key: { file } },
  })
  const options = await withSecrets(targets[0] ?? {}, rest as EndpointKind, { env: { KEY: 'from the environment' } })
  assert.deepEqual(options['auth'], { header: { name: 'X-Key', value: 'from the environment' } })
  assert.deepEqual(options['tls'], { key: 'the key' })
})

test('the options of a rest endpoint are checked', async () => {
  for (const [options, pointer] of [
    [{ auth: {} }, '/auth'],
    [{ auth: { bearer: 'a', basic: { username: 'a', password: 'b' } } }, '/auth'],
    [{ url: 'ftp://a.example' }, '/url'],
    [{ url: 'https://me:secret@a.example/' }, '/url'],
    [{ ignore: ['_rev'] }, '/ignore/0'],
    [{ follow: 'most' }, '/follow'],
    [{ schema: 'xml' }, '/schema'],
    [{ schema: { id: 'id' } }, '/schema/id'],
    [{ headers: { 'a b': 'c' } }, '/headers/a b'],
    [{ concurrency: 0 }, '/concurrency'],
    [{ nonsense: true }, '/nonsense'],
  ] as const) {
    const faults = await faultsOf({ kind: 'rest', url: 'https://a.example', ...options })
    assert.deepEqual(
      faults.map((fault) => (fault as { pointer: string }).pointer),
      [`/targets/0${pointer}`],
      JSON.stringify(faults),
    )
  }
})
