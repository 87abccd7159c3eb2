/** Targets that shall hold what the source holds, and no more. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt, treeOf } from './trees.ts'
import type { Command } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface Places {
  readonly source: string
  readonly target: string
}

async function agent(
  name: string,
  files: Readonly<Record<string, string | null>>,
  settings: object = {},
): Promise<Places> {
  const [source, target] = [join(folder, name, 'source'), join(folder, name, 'target')]
  plant(source, files)
  await client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: target }],
    ...settings,
  })
  return { source, target }
}

const pages = { 'content/a/x.txt': 'x', 'content/a/b/y.txt': 'y', 'content/c/z.txt': 'z', 'content/top.txt': 'top' }

test('update leaves what is extra at the target, mirror removes it', async () => {
  const { source, target } = await agent('mirrored', pages, { deletes: { maxPercent: 60, maxCount: 100 } })
  await client.deliver('mirrored', { paths: ['/content'] })
  plant(target, { 'content/extra.txt': 'extra', 'content/a/more/m.txt': 'more', 'outside/o.txt': 'o' })
  rmSync(join(source, 'content/c'), { recursive: true })
  await client.deliver('mirrored', { paths: ['/content'] })
  for (const path of ['content/extra.txt', 'content/a/more/m.txt', 'content/c/z.txt'])
    assert.notEqual(textAt(target, path), undefined, path)
  await client.deliver('mirrored', { paths: ['/content'], mode: 'mirror' })
  assertSameTree(join(target, 'content'), join(source, 'content'))
  assert.equal(textAt(target, 'outside/o.txt'), 'o', 'what lies outside the paths is not mirrored')
})

/** What became of the command, given up or not: a guard that strikes keeps the head, or ends it. */
async function struck(name: string, body: object): Promise<Command> {
  const command = await client.replicate(name, body)
  assert.equal(command.state, 'failed', JSON.stringify(command))
  return command
}

const giveUp = { onFailure: 'error-queue', attempts: 1 }

for (const [what, deletes] of Object.entries({
  percentage: { maxPercent: 10, maxCount: 1000 },
  count: { maxPercent: 100, maxCount: 3 },
}))
  test(`a mirror that would remove more than the guard's ${what} allows removes nothing`, async () => {
    const name = `guarded-${what}`
    const { source, target } = await agent(name, pages, { deletes, queue: giveUp })
    await client.deliver(name, { paths: ['/content'] })
    const before = treeOf(target)
    rmSync(join(source, 'content/a'), { recursive: true })
    plant(source, { 'content/top.txt': 'new' })
    const command = await struck(name, { paths: ['/content'], mode: 'mirror' })
    const error = command.agents[0]?.error ?? command.agents[0]?.targets[0]?.error
    assert.equal(error?.code, 'conflict')
    assert.match(error?.detail ?? '', /\d/)
    assert.deepEqual(treeOf(target), before, 'nothing at all is changed')
  })

test('a mirror of a filtered tree leaves at the target what the filters exclude', async () => {
  const settings = { filters: [{ exclude: '/content/local/**' }], deletes: { maxPercent: 100, maxCount: 100 } }
  const { source, target } = await agent('owned', pages, settings)
  plant(target, { 'content/local/own.txt': 'own', 'content/extra.txt': 'extra' })
  await client.deliver('owned', { paths: ['/content'], mode: 'mirror' })
  assert.equal(textAt(target, 'content/local/own.txt'), 'own')
  assert.equal(textAt(target, 'content/extra.txt'), undefined)
  assert.equal(textAt(target, 'content/top.txt'), textAt(source, 'content/top.txt'))
})

test('a shallow mirror removes nothing below the resource that it names', async () => {
  const { source, target } = await agent('shallow', pages, { deletes: { maxPercent: 100, maxCount: 100 } })
  await client.deliver('shallow', { paths: ['/content'] })
  const { status, body } = await client.post<Command>('/agent/shallow/replicate', {
    json: { paths: ['/content'], mode: 'mirror', deep: false },
    headers: { prefer: 'wait=30' },
  })
  assert.ok(status === 400 || body.state === 'succeeded', JSON.stringify(body))
  assertSameTree(target, source)
})

test('a mirror of the whole tree keeps what the target itself needs', async () => {
  const { source, target } = await agent('whole', pages, { deletes: { maxPercent: 100, maxCount: 100 } })
  await client.deliver('whole', { paths: ['/'] })
  plant(target, { 'extra/e.txt': 'e' })
  await client.deliver('whole', { paths: ['/'], mode: 'mirror' })
  assertSameTree(target, source)
  await client.deliver('whole', { action: 'delete', paths: ['/content'] })
  await client.deliver('whole', { paths: ['/'], mode: 'mirror' })
  assertSameTree(target, source)
})

test('a mirror imported in part removes only within that part', async () => {
  const { source, target } = await agent('part', pages, { deletes: { maxPercent: 100, maxCount: 100 } })
  const made = await client.replicate('part', { paths: ['/content'], mode: 'mirror' }, 'export')
  plant(target, { 'content/a/extra.txt': 'extra', 'content/c/extra.txt': 'extra' })
  const { status, body } = await client.post<Command>('/agent/part/import', {
    json: { package: made.agents[0]?.package, paths: ['/content/a'] },
    headers: { prefer: 'wait=30' },
  })
  assert.deepEqual([status, body.state], [200, 'succeeded'])
  assertSameTree(join(target, 'content/a'), join(source, 'content/a'))
  assert.equal(textAt(target, 'content/c/extra.txt'), 'extra')
  assert.equal(textAt(target, 'content/top.txt'), undefined)
})

test('a mirror of a folder that is empty at the source is guarded too', async () => {
  const { source, target } = await agent('emptied', pages, { queue: giveUp })
  await client.deliver('emptied', { paths: ['/content'] })
  rmSync(join(source, 'content'), { recursive: true })
  plant(source, { content: null })
  await struck('emptied', { paths: ['/content'], mode: 'mirror' })
  assert.equal(textAt(target, 'content/top.txt'), 'top')
})
