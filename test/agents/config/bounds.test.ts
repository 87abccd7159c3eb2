import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseAgentConfig } from '../../../src/agents/config/parse.ts'
import { HostBounds } from '../../../src/endpoints/bounds/hosts.ts'
import { kinds } from '../../../src/endpoints/kinds.ts'
import { givenBounds } from '../../endpoints/given-bounds.ts'

async function pointersOf(config: object, allowed?: string): Promise<string[]> {
  const bounds = givenBounds({ hosts: new HostBounds(allowed, async () => true) })
  const parsed = await parseAgentConfig({ name: 'a', ...config }, kinds, undefined, bounds)
  if (!('faults' in parsed)) return []
  for (const { message } of parsed.faults) assert.match(message, /ALLOWED_HOSTS/)
  return parsed.faults.map(({ pointer }) => pointer)
}

test('each URL of a config that may not be reached is named', async () => {
  const config = {
    source: { kind: 'rest', url: 'http://10.0.0.1/', origins: ['http://one.example', 'http://[::1]:8080'] },
    targets: [
      { name: 'there', kind: 'remote', url: 'http://2130706433', agent: 'b' },
      { name: 'api', kind: 'openapi', url: 'http://192.168.1.1/api.yaml' },
      { name: 'good', kind: 'rest', url: 'https://one.example/' },
    ],
    hooks: [{ url: 'https://one.example/hook' }, { url: 'http://localhost:9/hook' }],
  }
  const wrong = ['/source/url', '/source/origins/1', '/targets/0/url', '/targets/1/url', '/hooks/1/url']
  assert.deepEqual(await pointersOf(config), wrong)
  assert.deepEqual(await pointersOf(config, '0.0.0.0/0,::/0'), [])
  assert.deepEqual(await pointersOf({ source: { kind: 'pull', url: 'http://127.0.0.1', agent: 'a', queue: 'q' } }), [
    '/source/url',
  ])
  assert.deepEqual(await pointersOf({ hooks: [{ url: 'https://two.example/' }] }, 'one.example'), ['/hooks/0/url'])
})

test('no kind takes a path or a URL that nobody judges', () => {
  for (const { name, options, leads } of kinds) {
    const { properties } = options as { properties: Record<string, unknown> }
    for (const option of Object.keys(properties).filter((one) => /^(path|file|folder|ur[il]|origin|host)$/.test(one))) {
      const found = leads?.({ [option]: option === 'path' ? '/a' : 'http://one.example/' }) ?? []
      assert.ok(
        found.some(({ at }) => at === `/${option}`),
        `${name} leads by ${option}`,
      )
    }
  }
})
