/** The requests that started it all, and every other form of the same commands. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, test } from 'node:test'
import type { Call } from './client.ts'
import { multipart } from './multipart.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'
import type { Accepted, AgentView, Command, Problem } from './views.ts'

const folder = scratch()
const source = join(folder, 'source')
const targets = { publish1: join(folder, 'publish1'), publish2: join(folder, 'publish2') }
plant(source, { 'content/tree1/a.txt': 'a', 'content/tree1/b/c.txt': 'c', 'content/tree2/d.txt': 'd' })

const server = await Server.start()
const { client } = server
for (const [name, path] of Object.entries(targets))
  await client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path }],
    roots: ['/content'],
  })

const zip = await exported(['/content'])
const document = { action: 'import', agents: ['publish1', 'publish2'], package: 'packagestream' }

beforeEach(() => {
  for (const path of Object.values(targets)) rmSync(join(path, 'content'), { recursive: true, force: true })
})

async function exported(paths: readonly string[]): Promise<Uint8Array> {
  const response = await client.fetch('POST', '/replication/agent/publish1/export', {
    json: { paths },
    headers: { accept: 'application/zip' },
  })
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/zip')
  return new Uint8Array(await response.arrayBuffer())
}

async function accepted(path: string, call: Call, agents: readonly string[]): Promise<Command> {
  const { status, body, headers, text } = await client.call<Accepted>('POST', path, call)
  assert.equal(status, 202, text)
  const location = headers.get('location') ?? ''
  assert.ok(location.endsWith(`/replication/commands/${body.id}`), location)
  assert.equal((await client.call<Command>('GET', location)).body.id, body.id)
  assert.deepEqual(
    body.statusList,
    agents.map((agent) => ({ agent, status: 'queued' })),
  )
  const command = await client.finished(body.id)
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
  return command
}

function assertArrived(...agents: (keyof typeof targets)[]): void {
  for (const agent of agents) assertSameTree(join(targets[agent], 'content'), join(source, 'content'))
  for (const agent of Object.keys(targets) as (keyof typeof targets)[])
    if (!agents.includes(agent)) assert.equal(textAt(targets[agent], 'content/tree1/a.txt'), undefined)
}

test('POST /system/replication/all/replicate takes the seed’s document as it stands', async () => {
  const json = {
    action: 'add',
    agents: ['publish1', 'publish2'],
    paths: ['/content/tree1', '/content/tree2'],
    deep: true,
  }
  await accepted('/system/replication/all/replicate', { json }, ['publish1', 'publish2'])
  assertArrived('publish1', 'publish2')
})

const described = { name: 'document', content: JSON.stringify(document) }
const stream = { name: 'packagestream', content: zip }
const forms = {
  'document first': [
    { ...described, type: 'application/json' },
    { ...stream, type: 'application/zip', filename: 'p.zip' },
  ],
  'package first': [
    { ...stream, type: 'application/zip', filename: 'p.zip' },
    { ...described, type: 'application/json' },
  ],
  'document without a media type': [described, { ...stream, filename: 'p.zip' }],
  'document as a file': [
    { ...described, type: 'application/json', filename: 'document.json' },
    { ...stream, type: 'application/octet-stream', filename: 'p.zip' },
  ],
  'package without a file name': [
    { ...described, type: 'application/json' },
    { ...stream, type: 'application/octet-stream' },
  ],
  'one part for each field': [
    { name: 'action', content: 'import' },
    { name: 'agents', content: 'publish1' },
    { name: 'agents', content: 'publish2' },
    { name: 'package', content: 'packagestream' },
    { ...stream, type: 'application/zip', filename: 'p.zip' },
  ],
  'fields behind the package, agents as an array': [
    { ...stream, type: 'application/zip', filename: 'p.zip' },
    { name: 'package', content: 'packagestream' },
    { name: 'agents', content: '["publish1","publish2"]' },
  ],
}
for (const [what, parts] of Object.entries(forms))
  test(`multipart POST /system/replication/all/import works with ${what}`, async () => {
    await accepted('/system/replication/all/import', multipart(...parts), ['publish1', 'publish2'])
    assertArrived('publish1', 'publish2')
  })

test('without agents everyone who can takes the import', async () => {
  const form = multipart({ name: 'package', content: zip, filename: 'p.zip', type: 'application/zip' })
  const { status, body, text } = await client.post<Accepted>('/all/import', form)
  assert.equal(status, 202, text)
  assert.deepEqual(body.statusList.map(({ agent }) => agent).toSorted(), ['publish1', 'publish2'])
  assert.equal((await client.finished(body.id)).state, 'succeeded')
  assertArrived('publish1', 'publish2')
})

for (const type of ['application/zip', 'application/octet-stream'])
  test(`a raw ${type} body is an import`, async () => {
    const raw = { body: zip, headers: { 'content-type': type } }
    await accepted('/replication/agent/publish2/import', raw, ['publish2'])
    assertArrived('publish2')
    const query = { agents: 'publish1' }
    await accepted('/replication/all/import', { ...raw, query }, ['publish1'])
    assertArrived('publish1', 'publish2')
  })

test('a package that the server holds is imported by its id', async () => {
  const made = await client.replicate('publish1', { paths: ['/content'] }, 'export')
  const id = made.agents[0]?.package
  const call = { json: { action: 'import', package: id } }
  const command = await accepted('/replication/agent/publish2/import', call, ['publish2'])
  assert.equal(command.agents[0]?.package, id)
  assertArrived('publish2')
  await accepted('/replication/all/import', { json: { agents: ['publish1'], package: id } }, ['publish1'])
  assertArrived('publish1', 'publish2')
})

test('an import of some paths applies only these', async () => {
  const form = multipart(
    { name: 'paths', content: '/content/tree2' },
    { name: 'package', content: zip, filename: 'p.zip', type: 'application/zip' },
  )
  await accepted('/replication/agent/publish1/import', form, ['publish1'])
  assert.equal(textAt(targets.publish1, 'content/tree2/d.txt'), 'd')
  assert.equal(textAt(targets.publish1, 'content/tree1/a.txt'), undefined)
})

const pairs = [
  ['action', 'add'],
  ['path', '/content/tree1'],
  ['path', '/content/tree2'],
] as const

test('the parameter form replicates from the query', async () => {
  await accepted('/libs/sling/replication/agent/publish1', { query: pairs }, ['publish1'])
  assertArrived('publish1')
})

test('the parameter form replicates from form fields', async () => {
  const body = new URLSearchParams(pairs.map(([name, value]): [string, string] => [name, value]))
  await accepted('/libs/sling/replication/agent/publish2', { body }, ['publish2'])
  assertArrived('publish2')
})

test('all three prefixes serve the same', async () => {
  for (const prefix of ['/replication', '/libs/sling/replication', '/system/replication']) {
    const { status, body } = await client.call<AgentView>('GET', `${prefix}/agent/publish1`)
    assert.equal(status, 200)
    assert.equal(body.name, 'publish1')
    await accepted(`${prefix}/agent/publish1/replicate`, { json: { paths: ['/content'] } }, ['publish1'])
  }
  assertArrived('publish1')
})

test('one faulty agent does not stop the other', async () => {
  const json = { agents: ['publish1', 'nobody'], paths: ['/content'] }
  const { status, body, text } = await client.post<Accepted>('/all/replicate', { json })
  assert.equal(status, 202, text)
  assert.deepEqual(
    body.statusList.map((one) => [one.agent, one.status, one.error?.code]),
    [
      ['publish1', 'queued', undefined],
      ['nobody', 'error', 'missing'],
    ],
  )
  await client.finished(body.id)
  assertArrived('publish1')
})

test('when no agent takes a command the problem has each agent’s own', async () => {
  const { status, body } = await client.post<Problem>('/all/replicate', {
    json: { agents: ['x', 'y'], paths: ['/content'] },
  })
  assert.equal(status, 404)
  assert.deepEqual(
    body.statusList?.map((one) => [one.agent, one.status, one.error?.code]),
    [
      ['x', 'error', 'missing'],
      ['y', 'error', 'missing'],
    ],
  )
})

test('an export of all agents makes a package for each and delivers nothing', async () => {
  const command = await accepted('/replication/all/export', { json: { paths: ['/content'] } }, ['publish1', 'publish2'])
  const [first, second] = command.agents
  assert.match(first?.package ?? '', /^sha256-[0-9a-f]{64}$/)
  assert.equal(first?.package, second?.package)
  assertArrived()
})

test('Prefer: wait answers the finished command', async () => {
  const { status, body, headers } = await client.post<Command>('/agent/publish1/replicate', {
    json: { paths: ['/content'] },
    headers: { prefer: 'wait=30' },
  })
  assert.deepEqual([status, body.state], [200, 'succeeded'])
  assert.match(headers.get('preference-applied') ?? 'wait=30', /^wait=30$/)
  assertArrived('publish1')
})

test('the action test reaches every target and changes nothing', async () => {
  const command = await client.replicate('publish1', { action: 'test', paths: ['/content'] })
  assert.equal(command.state, 'succeeded', JSON.stringify(command))
  assertArrived()
})
