/** Servers that are told to end in the middle of a delivery, once and twice. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { Front } from './front.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'
import type { AgentView, Command, Page } from './views.ts'

const folder = scratch()
const far = await Server.start()

interface Stage {
  readonly near: Server
  readonly front: Front
  /** In order. */
  readonly ids: readonly string[]
  /** Lets the deliveries that are held go on, and those that come. */
  release(): void
  arrived(): Promise<void>
}

/** A server with three commands for a far one, the first of which is held in mid-delivery. */
async function inDelivery(name: string, graceMs: number): Promise<Stage> {
  const near = await Server.start({ env: { SHUTDOWN_GRACE_MS: String(graceMs) } })
  const front = await Front.before(far.port)
  const source = join(folder, name, 'source')
  const there = join(folder, name, 'there')
  await far.client.agent({ name, targets: [{ name: 'default', kind: 'directory', path: there }] })
  plant(source, { 'content/page.html': 'v0' })
  await near.client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'far', kind: 'remote', url: front.url, agent: name }],
  })
  let release = (): void => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  front.onImport = () => ({ at: 'start', until: released })
  const ids: string[] = []
  for (const version of ['v1', 'v2', 'v3']) {
    plant(source, { 'content/page.html': version })
    const id = await near.client.send(name, { paths: ['/content'] })
    await until('the package', async () => (await near.client.command(id)).agents[0]?.package)
    ids.push(id)
  }
  const arrived = async (): Promise<void> => {
    for (const id of ids) assert.equal((await near.client.finished(id)).state, 'succeeded')
    assertSameTree(there, source)
    const { body } = await far.client.get<Page<Command & { delivery: string }>>('/commands', { query: { agent: name } })
    assert.deepEqual(
      body.items.map(({ delivery }) => delivery),
      ids.map((id) => `${id}/${name}/far`).toReversed(),
      'each came once, in order',
    )
  }
  await until('the first to be under way', async () => front.imports.length === 1)
  return { near, front, ids, release, arrived }
}

async function attempts(server: Server, id: string | undefined): Promise<number | undefined> {
  return (await server.client.command(id ?? '')).agents[0]?.targets[0]?.attempts
}

async function sizeOf(server: Server, name: string): Promise<number | undefined> {
  return (await server.client.get<AgentView>(`/agent/${name}`)).body.queues[0]?.size
}

test('told to end in mid-delivery, a server lets it end, begins nothing more and ends in order', async () => {
  const { near, front, ids, release, arrived } = await inDelivery('finishes', 60_000)
  const ended = near.ended('SIGTERM')
  await until('it to close', async () => near.output.includes('"msg":"closing"'))
  release()
  assert.deepEqual(await ended, { code: 0, signal: null }, near.output)
  assert.equal(front.imports.length, 1, 'nothing more was begun')
  await near.launch()
  assert.equal((await near.client.finished(ids[0] ?? '')).state, 'succeeded')
  assert.equal(await attempts(near, ids[0]), 1, 'it ended before the server did')
  await arrived()
})

test('a delivery that does not end in time is put back, and its queue is as it was', async () => {
  const { near, front, ids, release, arrived } = await inDelivery('put-back', 300)
  assert.deepEqual(await near.ended('SIGTERM'), { code: 0, signal: null }, near.output)
  assert.equal(front.imports.length, 1)
  await near.launch()
  await until('it to be tried again', async () => front.imports.length === 2)
  assert.equal(await sizeOf(near, 'put-back'), 3)
  release()
  await arrived()
  assert.equal(await attempts(near, ids[0]), 2)
})

for (const [first, second] of [
  ['SIGTERM', 'SIGTERM'],
  ['SIGTERM', 'SIGINT'],
  ['SIGINT', 'SIGTERM'],
] as const)
  test(`a ${second} after a ${first} ends a server at once, and loses nothing`, async () => {
    const name = `${first}-${second}`
    // Without the second signal it would wait for longer than anybody waits for a test.
    const { near, release, arrived } = await inDelivery(name, 3_600_000)
    const ended = near.ended(first)
    await until('it to close', async () => near.output.includes('"msg":"closing"'))
    const exit = near.ended(second)
    assert.deepEqual(await exit, { code: 1, signal: null }, near.output)
    await ended
    await near.launch()
    assert.equal(await sizeOf(near, name), 3)
    release()
    await arrived()
  })
