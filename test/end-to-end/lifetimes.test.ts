/** Agents, packages and servers that are changed, lost or brought back while deliveries wait. */
import assert from 'node:assert/strict'
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { embeddedOnly } from '../home.ts'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'
import type { Config, Item, Page, Queue } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

function configOf(name: string, to = 'target'): Config & { readonly source: { readonly path: string } } {
  const source = { kind: 'directory', path: join(folder, name, 'source') }
  return { name, source, targets: [{ name: 'default', kind: 'directory', path: join(folder, name, to) }] }
}

async function agent(name: string): Promise<{ source: string; target: string }> {
  const config = configOf(name)
  plant(config.source.path, { 'content/page.html': 'v1' })
  await client.agent(config)
  return { source: config.source.path, target: join(folder, name, 'target') }
}

/** Sends while the agent is paused, and waits until its content has been read. */
async function queued(name: string): Promise<string> {
  await client.post(`/agent/${name}/pause`)
  const id = await client.send(name, { paths: ['/content'] })
  await until('the package', async () => (await client.command(id)).agents[0]?.package)
  return id
}

test('an agent that is deleted and made again delivers again', async () => {
  const { source, target } = await agent('reborn')
  for (let n = 0; n < 3; n++) await client.deliver('reborn', { paths: ['/content'] })
  const waiting = await queued('reborn')
  assert.equal((await client.call('DELETE', '/replication/config/reborn?force=true')).status, 204)
  assert.match((await client.finished(waiting)).state, /cancelled|failed/)
  plant(source, { 'content/page.html': 'v2' })
  await client.agent(configOf('reborn'))
  const { body } = await client.get<Queue & Page<Item>>('/agent/reborn/queues/default')
  assert.deepEqual([body.state, body.size], ['idle', 0])
  await client.deliver('reborn', { paths: ['/content'] })
  assertSameTree(target, source)
})

test('a changed target takes what already waits', async () => {
  const { source, target } = await agent('moved')
  const id = await queued('moved')
  const config = configOf('moved', 'elsewhere')
  assert.equal((await client.call('PUT', '/replication/config/moved', { json: config })).status, 200)
  await client.post('/agent/moved/resume')
  assert.equal((await client.finished(id)).state, 'succeeded')
  assertSameTree(join(folder, 'moved/elsewhere'), source)
  assert.deepEqual(treeOf(target), new Map())
})

test('what one agent has delivered can be the source of another, and only that travels', async () => {
  const { source, target } = await agent('first')
  await client.deliver('first', { paths: ['/'] })
  const last = join(folder, 'second/target')
  await client.agent({
    name: 'second',
    source: { kind: 'directory', path: target },
    targets: [{ name: 'default', kind: 'directory', path: last }],
  })
  await client.deliver('second', { paths: ['/'], mode: 'mirror' })
  assertSameTree(last, source)
  const kept = (path: string): string[] => readdirSync(path).filter((name) => name.startsWith('.'))
  assert.deepEqual(kept(last).length, 1, 'each target has its own folder and not the other one’s')
  plant(source, { 'content/page.html': 'v2', 'content/new.html': 'new' })
  await client.deliver('first', { paths: ['/'], mode: 'mirror' })
  await client.deliver('second', { paths: ['/'], mode: 'mirror' })
  assertSameTree(last, source)
})

test('two agents may deliver to one folder', async () => {
  const target = join(folder, 'shared')
  for (const name of ['left', 'right']) {
    const source = join(folder, name, 'source')
    plant(source, { [`${name}/page.html`]: name })
    await client.agent({ ...configOf(name), targets: [{ name: 'default', kind: 'directory', path: target }] })
  }
  const sent = []
  for (let n = 0; n < 5; n++)
    for (const name of ['left', 'right']) sent.push(await client.send(name, { paths: [`/${name}`] }))
  for (const id of sent) assert.equal((await client.finished(id)).state, 'succeeded')
  assert.deepEqual([...treeOf(target).keys()], ['/left', '/left/page.html', '/right', '/right/page.html'])
})

test('many agents and many commands at once are all delivered, each agent’s in order', async () => {
  const names = Array.from({ length: 12 }, (_, n) => `crowd-${n}`)
  const places = await Promise.all(names.map((name) => agent(name)))
  const sent = await Promise.all(
    Array.from({ length: 8 }, () =>
      client.post<{ id: string }>('/all/replicate', { json: { agents: names, paths: ['/content'] } }),
    ),
  )
  const ids = sent.map(({ body }) => body.id).toSorted()
  const commands = await Promise.all(ids.map((id) => client.finished(id)))
  for (const { state, agents } of commands) assert.deepEqual([state, agents.length], ['succeeded', names.length])
  for (const [n] of names.entries()) {
    const ends = commands.map(({ agents }) => agents[n]?.targets[0]?.finishedAt ?? '')
    assert.deepEqual(ends, ends.toSorted())
  }
  for (const { source, target } of places) assertSameTree(target, source)
})

/** The files of packages, wherever the server keeps them. */
function zips(): string[] {
  return readdirSync(join(server.dataDir, 'packages'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.zip'))
    .map((entry) => join(entry.parentPath, entry.name))
}

test('a package that rots on the server’s disk is never applied, and blocks no other queue', async () => {
  const before = new Set(zips())
  const { source, target } = await agent('rotten')
  plant(source, { 'content/page.html': 'rot '.repeat(10_000) })
  const id = await queued('rotten')
  const made = zips().filter((file) => !before.has(file))
  assert.equal(made.length, 1, made.join())
  const [zip = ''] = made
  const bytes = readFileSync(zip)
  bytes.writeUInt8(bytes.readUInt8(bytes.length >> 1) ^ 0xff, bytes.length >> 1)
  rmSync(zip)
  writeFileSync(zip, bytes)
  await client.post('/agent/rotten/resume')
  const error = await until('the failure', async () => (await client.command(id)).agents[0]?.targets[0]?.error)
  assert.equal(error.code, 'corrupt')
  assert.equal(textAt(target, 'content/page.html'), undefined)
  rmSync(zip)
  await until('another failure', async () => {
    const [now] = (await client.command(id)).agents[0]?.targets ?? []
    return now?.error !== undefined && now.error.code !== 'corrupt' && now.error
  })
  await agent('healthy')
  await client.deliver('healthy', { paths: ['/content'] })
  assert.equal((await client.post(`/commands/${id}/cancel`)).status, 200)
  await client.deliver('rotten', { paths: ['/content'] })
  assertSameTree(target, source)
})

test('a server that is brought back from a backup delivers again', embeddedOnly, async () => {
  const { source, target } = await agent('restored')
  await client.deliver('restored', { paths: ['/content'] })
  await server.end()
  cpSync(server.dataDir, join(folder, 'backup'), { recursive: true })
  await server.launch()
  for (let n = 0; n < 3; n++) await client.deliver('restored', { paths: ['/content'] })
  await server.end()
  rmSync(server.dataDir, { recursive: true })
  cpSync(join(folder, 'backup'), server.dataDir, { recursive: true })
  await server.launch()
  plant(source, { 'content/page.html': 'after' })
  await client.deliver('restored', { paths: ['/content'] })
  assertSameTree(target, source)
})
