/** Thousands of real files, through everything: export, zip, queue, import, directories and a second server. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { onRedis } from '../home.ts'
import { repository, scratch, Server } from './server.ts'
import { assertSameTree, linkTree, plant, textAt, treeOf } from './trees.ts'
import { until } from './client.ts'

const folder = scratch()
const source = join(folder, 'source')
const [one, two, three] = [join(folder, 'one'), join(folder, 'two'), join(folder, 'three')] as const
const targets = [one, two, three]

// A hundred megabytes more are as many on each engine.
for (const name of ['cldr-numbers-full', 'simple-icons', ...(onRedis ? [] : ['cldr-dates-full'])])
  linkTree(join(repository, 'node_modules', name), join(source, 'real', name))
mkdirSync(join(source, 'versions'))

const far = await Server.start()
const near = await Server.start()
await far.client.agent({ name: 'intake', targets: [{ name: 'default', kind: 'directory', path: three }] })
await near.client.agent({
  name: 'publish',
  source: { kind: 'directory', path: source },
  targets: [
    { name: 'one', kind: 'directory', path: one },
    { name: 'two', kind: 'directory', path: two },
    { name: 'far', kind: 'remote', url: far.client.origin, agent: 'intake' },
  ],
})

test('real trees arrive byte-identical in two folders and at a second server', async () => {
  const shall = treeOf(join(source, 'real'))
  const files = [...shall.values()].filter((digest) => digest !== 'folder').length
  assert.ok(files > (onRedis ? 4000 : 5000), `${files} files are no real tree`)
  const command = await near.client.deliver('publish', { paths: ['/real'] })
  for (const target of targets) assertSameTree(join(target, 'real'), shall)
  const [part] = command.agents
  for (const { state, receipt, entries, bytes } of part?.targets ?? []) {
    assert.equal(state, 'delivered')
    assert.equal(receipt?.package, part?.package)
    assert.equal(entries, shall.size + 1)
    assert.ok(bytes > (onRedis ? 10_000_000 : 100_000_000))
  }
})

test('after the change of one file and the delete of one folder they are identical again', async () => {
  plant(source, { 'real/cldr-numbers-full/package.json': '{ "changed": true }\n' })
  rmSync(join(source, 'real/simple-icons/icons'), { recursive: true })
  const changed = await near.client.deliver('publish', {
    paths: ['/real/cldr-numbers-full/package.json'],
    deep: false,
  })
  assert.equal(changed.agents[0]?.targets[0]?.entries, 1)
  await near.client.deliver('publish', { action: 'delete', paths: ['/real/simple-icons/icons'] })
  const shall = treeOf(join(source, 'real'))
  for (const target of targets) assertSameTree(join(target, 'real'), shall)
})

test('the same content sent again is delivered again and changes nothing', async () => {
  const path = '/real/cldr-numbers-full/main/de'
  const first = await near.client.deliver('publish', { paths: [path] })
  const second = await near.client.deliver('publish', { paths: [path] })
  assert.equal(first.agents[0]?.package, second.agents[0]?.package)
  const deliveries = [first, second].map((command) => command.agents[0]?.targets[0]?.receipt?.delivery)
  assert.notEqual(deliveries[0], deliveries[1])
  for (const target of targets) assertSameTree(join(target, path), join(source, path))
})

/** Asks for the path and waits until its content has been read. */
async function sendAndRead(action: string, path: string): Promise<string> {
  const id = await near.client.send('publish', { action, paths: [path] })
  await until('the package to be made', async () => (await near.client.command(id)).agents[0]?.package)
  return id
}

test('v1, v2 and v1 of one file end with v1 everywhere', async () => {
  const file = 'versions/page.html'
  const ids: string[] = []
  for (const version of ['v1', 'v2', 'v1']) {
    plant(source, { [file]: version })
    ids.push(await sendAndRead('add', `/${file}`))
  }
  for (const id of ids) assert.equal((await near.client.finished(id)).state, 'succeeded')
  for (const target of targets) assert.equal(textAt(target, file), 'v1')
  for (const version of ['v2', 'v1']) {
    plant(source, { [file]: version })
    await near.client.deliver('publish', { paths: [`/${file}`] })
    for (const target of targets) assert.equal(textAt(target, file), version)
  }
})

test('add, delete and add of one folder end with the folder everywhere', async () => {
  plant(source, { 'versions/folder/a.txt': 'a', 'versions/folder/deep/b.txt': 'b' })
  const ids: string[] = []
  for (const action of ['add', 'delete', 'add']) ids.push(await sendAndRead(action, '/versions/folder'))
  for (const id of ids) assert.equal((await near.client.finished(id)).state, 'succeeded')
  for (const target of targets) assertSameTree(join(target, 'versions'), join(source, 'versions'))
  await near.client.deliver('publish', { action: 'delete', paths: ['/versions/folder'] })
  for (const target of targets) assert.equal(textAt(target, 'versions/folder/a.txt'), undefined)
})

test('a package of many roots is imported through to a second server', async () => {
  const names = Array.from({ length: 1000 }, (_, n) => `many/a-folder-with-a-name/page-${n}.txt`)
  plant(source, Object.fromEntries(names.map((name) => [name, name])))
  const paths = names.map((name) => `/${name}`)
  const made = await near.client.replicate('publish', { paths }, 'export')
  const { status, body } = await near.client.post<{ id: string }>('/agent/publish/import', {
    json: { package: made.agents[0]?.package },
  })
  assert.equal(status, 202)
  assert.equal((await near.client.finished(body.id)).state, 'succeeded')
  for (const target of targets) assertSameTree(join(target, 'many'), join(source, 'many'))
})
