import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Config } from '../end-to-end/views.ts'
import { OnServer } from './on-server.ts'

const given = await OnServer.start()
const { client } = given.server

async function titleOf(name: string): Promise<unknown> {
  const { status, body } = await client.get<Config>(`/config/${name}`)
  return status === 200 ? body['title'] : undefined
}

const target = (folder: string): string => JSON.stringify({ kind: 'directory', path: join(given.folder, folder) })

test('config apply shows the difference, changes what was agreed to, and deletes nothing', async () => {
  given.write('agents/one.yaml', `name: one\ntitle: First\ntargets: [${target('one')}]\n`)
  given.write('agents/two.json', `{"name": "two", "targets": [${target('two')}]}`)
  given.write('agents/notes.md', 'not a config')
  given.write('agents/.hidden.json', 'not one either')
  const shown = await given.says(2, 'config', 'apply', 'agents', '--dry-run')
  assert.equal(shown, '+ one\n+ two\n')
  const refused = await given.run(['config', 'apply', 'agents'])
  assert.equal(refused.code, 1)
  assert.match(refused.stderr, /nothing was changed.*--yes/)
  assert.equal(await titleOf('one'), undefined)
  await given.says(0, 'config', 'apply', 'agents', '--yes')
  assert.equal(await titleOf('one'), 'First')
  assert.equal(await given.says(0, 'config', 'apply', 'agents', '--dry-run'), '= one\n= two\n')
  given.write('agents/one.yaml', `name: one\ntitle: Second\ntargets: [${target('one')}]\n`)
  assert.equal(
    await given.says(0, 'config', 'apply', 'agents', '--yes'),
    '~ one\n    - /title: "First"\n    + /title: "Second"\n= two\n',
  )
  assert.equal(await titleOf('one'), 'Second')
  assert.equal((await client.get('/config/site')).status, 200)
  const revisions = await client.get<{ items: unknown[] }>('/config/two/revisions')
  assert.equal(revisions.body.items.length, 1, 'what is the same was written again')
})

test('config apply deletes what has no file when it is asked to', async () => {
  rmSync(join(given.folder, 'agents/two.json'), { force: true })
  given.write('agents/one.yaml', `name: one\ntitle: First\ntargets: [${target('one')}]\n`)
  await client.agent({ name: 'surplus', targets: [] })
  const steps = JSON.parse(
    await given.says(2, 'config', 'apply', 'agents', '--delete', '--dry-run', '--output', 'json'),
  ) as { name: string; action: string }[]
  assert.ok(steps.some(({ name, action }) => name === 'surplus' && action === 'delete'))
  await given.says(0, 'config', 'apply', 'agents', '--delete', '--yes')
  assert.equal((await client.get('/config/surplus')).status, 404)
  assert.equal((await client.get('/config/one')).status, 200)
  given.write('none/readme.txt', '')
  await given.says(2, 'config', 'apply', 'none', '--delete', '--yes')
  assert.equal((await client.get('/config/one')).status, 200)
})

test('one faulty config keeps all from being applied', async () => {
  given.write('faulty/a.yaml', `name: a\ntargets: [${target('a')}]\n`)
  given.write('faulty/b.yaml', 'name: b\nsource: {kind: ftp}\ncolour: red\n')
  const { code, stderr } = await given.run(['config', 'apply', 'faulty', '--yes'])
  assert.equal(code, 1)
  assert.match(stderr, /faulty\/b\.yaml: .*colour/)
  assert.equal((await client.get('/config/a')).status, 404)
  given.write('faulty/b.yaml', 'name: a\n')
  assert.match((await given.run(['config', 'apply', 'faulty', '--yes'])).stderr, /agent a has another file/)
  given.write('faulty/b.yaml', '{')
  await given.says(1, 'config', 'apply', 'faulty', '--yes')
  await given.says(1, 'config', 'apply', 'nowhere', '--yes')
})

test('a changed secret is applied, and not shown', async () => {
  const config = (token: string): string =>
    `name: far\ntargets: [{name: far, kind: remote, url: 'http://127.0.0.1:9', agent: x, token: ${token}}]\n`
  given.write('far.yaml', config('first-token'))
  await given.says(0, 'agent', 'apply', 'far.yaml', '--yes')
  assert.equal(await given.says(0, 'agent', 'apply', 'far.yaml', '--yes'), '= far\n')
  given.write('far.yaml', config('second-token'))
  const shown = await given.says(0, 'agent', 'apply', 'far.yaml', '--yes')
  assert.match(shown, /^~ far\n {4}- \/targets\/0\/token/)
  assert.doesNotMatch(shown, /first-token|second-token/)
  assert.equal(await given.says(0, 'agent', 'apply', 'far.yaml', '--yes'), '= far\n')
})

test('agent get prints what agent apply takes', async () => {
  await client.agent({ name: 'own', title: '12', targets: [] })
  const text = await given.says(0, 'agent', 'get', 'own')
  const { code, stdout, stderr } = await given.run(['agent', 'apply', '-', '--yes'], { input: text })
  assert.equal(code, 0, stderr)
  assert.equal(stdout, '= own\n')
  await given.says(0, 'agent', 'delete', 'own')
  await given.says(1, 'agent', 'get', 'own')
  await given.says(1, 'agent', 'delete', 'own')
})
