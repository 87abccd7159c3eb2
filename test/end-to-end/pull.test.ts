/** Passive queues, and agents that draw from those of another server. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { CuttingProxy } from './cutting-proxy.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'
import type { AgentView, Command, Item, Page, Queue } from './views.ts'

const MiB = 1024 * 1024
const folder = scratch()
const author = await Server.start()
const publish = await Server.start()

async function passive(name: string): Promise<string> {
  const source = join(folder, name, 'source')
  plant(source, { 'content/page.html': 'v1' })
  await author.client.agent({ name, source: { kind: 'directory', path: source }, targets: [], passive: ['out'] })
  return source
}

async function queued(name: string): Promise<string> {
  const id = await author.client.send(name, { paths: ['/content'] })
  await until('the package', async () => (await author.client.command(id)).agents[0]?.package)
  return id
}

const pull = (name: string, query = {}): Promise<Response> =>
  author.client.fetch('POST', `/replication/agent/${name}/pull`, { query })

const itemsOf = async (name: string): Promise<readonly Item[]> =>
  (await author.client.get<Queue & { items: Item[] }>(`/agent/${name}/queues/out`)).body.items

test('a passive queue hands out its head, and forgets it when it is acknowledged', async () => {
  await passive('plain')
  assert.equal((await pull('plain')).status, 204)
  const first = await queued('plain')
  const second = await queued('plain')
  const answer = await pull('plain', { lease: 30 })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('package-item'), first)
  assert.equal(answer.headers.get('package-lease'), '30')
  assert.equal(answer.headers.get('content-type'), 'application/zip')
  assert.equal(
    Buffer.from(await answer.arrayBuffer())
      .subarray(0, 2)
      .toString(),
    'PK',
  )
  assert.deepEqual(
    (await itemsOf('plain')).map(({ id, state }) => [id, state]),
    [
      [first, 'leased'],
      [second, 'waiting'],
    ],
  )
  const meanwhile = await pull('plain')
  assert.equal(meanwhile.status, 204)
  assert.ok(Number(meanwhile.headers.get('retry-after')) > 0)
  assert.equal((await author.client.call('DELETE', `/replication/agent/plain/queues/out/items/${first}`)).status, 200)
  const command = await author.client.finished(first)
  assert.equal(command.state, 'succeeded')
  assert.equal(command.agents[0]?.targets[0]?.state, 'delivered')
  const next = await pull('plain')
  assert.equal(next.headers.get('package-item'), second)
  await next.body?.cancel()
})

test('what is not acknowledged in time is offered again, first, and its old lease is worth nothing', async () => {
  await passive('lapsing')
  const first = await queued('lapsing')
  await queued('lapsing')
  const lost = await pull('lapsing', { lease: 1 })
  await lost.body?.cancel()
  const again = await until('it to be offered again', async () => {
    const answer = await pull('lapsing')
    return answer.status === 200 && answer
  })
  await again.body?.cancel()
  assert.equal(again.headers.get('package-item'), first)
  const item = `/replication/agent/lapsing/queues/out/items/${first}`
  const late = await author.client.call('DELETE', item, {
    query: { lease: lost.headers.get('package-lease-number') ?? '' },
  })
  assert.equal(late.status, 409, late.text)
  assert.equal(
    (await author.client.post(`/agent/lapsing/queues/out/items/${first}/skip`, { json: { reason: 'no' } })).status,
    409,
  )
  const held = await author.client.call('DELETE', item, {
    query: { lease: again.headers.get('package-lease-number') ?? '' },
  })
  assert.equal(held.status, 200, held.text)
  assert.equal((await author.client.finished(first)).agents[0]?.targets[0]?.attempts, 2)
})

test('of many who pull at the same time one gets the head, and the next is handed out when that is acknowledged', async () => {
  await passive('wanted')
  const ids = [await queued('wanted'), await queued('wanted')]
  for (const id of ids) {
    const answers = await Promise.all(Array.from({ length: 8 }, () => pull('wanted')))
    const [got, ...more] = answers.filter(({ status }) => status === 200)
    assert.equal(more.length, 0)
    assert.equal(got?.headers.get('package-item'), id)
    for (const { status, headers } of answers.filter((answer) => answer !== got))
      assert.deepEqual([status, Number(headers.get('retry-after')) > 0], [204, true])
    for (const { body } of answers) await body?.cancel()
    const path = `/replication/agent/wanted/queues/out/items/${id}`
    const acknowledged = await Promise.all(['first', 'second'].map(() => author.client.call('DELETE', path)))
    const statuses = acknowledged.map(({ status }) => status)
    assert.deepEqual(new Set(statuses), new Set([200, 404]))
    assert.equal((await author.client.finished(id)).agents[0]?.targets[0]?.state, 'delivered')
  }
  assert.equal((await pull('wanted')).status, 204)
})

test('with targets of its own beside, it passes on what it draws, to each in order', async () => {
  const source = await passive('sync')
  const places = ['one', 'two', 'three'].map((name) => join(folder, 'sync', name))
  const [one = '', two = '', three = ''] = places
  await author.client.agent({ name: 'sync-far', targets: [{ name: 'default', kind: 'directory', path: three }] })
  await publish.client.agent({
    name: 'sync',
    source: { kind: 'pull', url: author.client.origin, agent: 'sync', queue: 'out' },
    targets: [
      { name: 'one', kind: 'directory', path: one },
      { name: 'two', kind: 'directory', path: two },
      { name: 'three', kind: 'remote', url: author.client.origin, agent: 'sync-far' },
    ],
  })
  const ids: string[] = []
  for (const version of ['v1', 'v2', 'v3']) {
    plant(source, { 'content/page.html': version })
    ids.push(await queued('sync'))
  }
  for (const id of ids) assert.equal((await author.client.finished(id)).state, 'succeeded')
  for (const place of places) await until('the last', async () => textAt(place, 'content/page.html') === 'v3')
  const { body } = await until('all of them to end', async () => {
    const answer = await publish.client.get<Page<Command>>('/commands', { query: { agent: 'sync' } })
    return answer.body.items.every(({ state }) => state === 'succeeded') && answer
  })
  assert.equal(body.items.length, ids.length)
  for (const target of ['one', 'two', 'three']) {
    const ends = body.items.map(({ agents }) => agents[0]?.targets.find((at) => at.target === target)?.finishedAt ?? '')
    assert.deepEqual(ends, ends.toSorted().toReversed(), target)
  }
  for (const place of places) assertSameTree(place, source)
})

test('an agent that draws from it delivers all, in order, also when servers are killed meanwhile', async () => {
  const source = await passive('reverse')
  const target = join(folder, 'reverse/target')
  await publish.client.agent({
    name: 'reverse',
    source: { kind: 'pull', url: author.client.origin, agent: 'reverse', queue: 'out' },
    targets: [{ name: 'default', kind: 'directory', path: target }],
  })
  const refused = await publish.client.post('/agent/reverse/replicate', { json: { paths: ['/content'] } })
  assert.equal(refused.status, 409, refused.text)
  const ids: string[] = []
  for (let n = 1; n <= 8; n++) {
    plant(source, { 'content/page.html': `v${n}`, [`content/only-${n}.txt`]: `${n}` })
    if (n > 1) rmSync(join(source, `content/only-${n - 1}.txt`))
    ids.push(await queued('reverse'))
    if (n === 3) await publish.crash().then(() => publish.launch())
    if (n === 6) await author.crash().then(() => author.launch())
  }
  for (const id of ids) assert.equal((await author.client.finished(id)).state, 'succeeded')
  await until('the last one', async () => textAt(target, 'content/page.html') === 'v8')
  for (let n = 1; n <= 8; n++) assert.equal(textAt(target, `content/only-${n}.txt`), `${n}`)
})

test('a queue that cannot be asked shows in the agent’s state, until it can', async () => {
  await publish.client.agent({
    name: 'astray',
    source: { kind: 'pull', url: author.client.origin, agent: 'nobody', queue: 'out' },
    targets: [{ name: 'default', kind: 'directory', path: join(folder, 'astray') }],
  })
  const state = async (): Promise<AgentView> => (await publish.client.get<AgentView>('/agent/astray')).body
  await until('the failure to show', async () => (await state()).state === 'failed')
  const source = await passive('nobody')
  await queued('nobody')
  await until('what was queued', async () => textAt(join(folder, 'astray'), 'content/page.html') === 'v1')
  await until('the failure to be forgotten', async () => (await state()).state === 'idle')
  assertSameTree(join(folder, 'astray'), source)
})

test('a fetch that breaks off goes on where it stopped', async () => {
  const proxy = await CuttingProxy.before(author.port)
  const source = await passive('torn')
  const content = randomBytes(8 * MiB)
  plant(source, { 'content/large.bin': content })
  proxy.nextBack = 5 * MiB
  await queued('torn')
  const target = join(folder, 'torn', 'target')
  await publish.client.agent({
    name: 'torn',
    source: { kind: 'pull', url: proxy.url, agent: 'torn', queue: 'out' },
    targets: [{ kind: 'directory', path: target }],
  })
  await until('it to be there', async () => existsSync(join(target, 'content/large.bin')))
  await until('it to be acknowledged', async () => (await itemsOf('torn')).length === 0)
  assert.ok(readFileSync(join(target, 'content/large.bin')).equals(content))
  assert.equal(proxy.nextBack, undefined)
  const ranges = proxy.heads.flatMap((head) => /^range: bytes=(\d+)-/m.exec(head)?.[1] ?? [])
  assert.ok(ranges.length > 0 && Number(ranges[0]) > MiB, ranges.join())
  assert.ok(proxy.back < 10 * MiB, `${proxy.back} bytes were fetched`)
})
