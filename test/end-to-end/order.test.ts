/** One target in trouble: its order is kept, and nobody else waits for it. */
import assert from 'node:assert/strict'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'
import type { AgentView, Command, Item, Page, Problem, Queue } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface Stage {
  readonly name: string
  readonly source: string
  readonly good: string
  readonly bad: string
}

/** An agent with two targets, of which `bad` is a file where a folder should be. */
async function stage(name: string, settings: object = {}): Promise<Stage> {
  const of = (part: string): string => join(folder, name, part)
  const made = { name, source: of('source'), good: of('good'), bad: of('bad') }
  plant(made.source, { 'content/page.html': 'v1' })
  await client.agent({
    name,
    source: { kind: 'directory', path: made.source },
    targets: [
      { name: 'good', kind: 'directory', path: made.good },
      { name: 'bad', kind: 'directory', path: made.bad },
    ],
    ...settings,
  })
  writeFileSync(made.bad, 'in the way')
  return made
}

async function queueOf(agent: string, queue: string): Promise<Queue & Page<Item>> {
  const { status, body, text } = await client.get<Queue & Page<Item>>(`/agent/${agent}/queues/${queue}`)
  assert.equal(status, 200, text)
  return body
}

async function stateOf(id: string, target: string): Promise<string | undefined> {
  return (await client.command(id)).agents[0]?.targets.find((one) => one.target === target)?.state
}

test('a target that cannot be written keeps its head and all behind it, while the other goes on', async () => {
  const { name, source, good, bad } = await stage('blocked')
  const ids: string[] = []
  for (const [action, version] of [
    ['add', 'v1'],
    ['add', 'v2'],
    ['delete', 'v2'],
    ['add', 'v3'],
  ] as const) {
    plant(source, { 'content/page.html': version })
    const id = await client.send(name, { action, paths: ['/content/page.html'] })
    await until('the good target to have it', async () => (await stateOf(id, 'good')) === 'delivered')
    ids.push(id)
  }
  assert.equal(textAt(good, 'content/page.html'), 'v3')

  const blocked = await until('three failures', async () => {
    const queue = await queueOf(name, 'bad')
    return (queue.blockedBy?.attempts ?? 0) > 3 && queue
  })
  assert.equal(blocked.state, 'blocked')
  assert.equal(blocked.size, 4)
  assert.equal(blocked.blockedBy?.item, ids[0])
  assert.match(blocked.blockedBy?.error.detail ?? '', /./)
  assert.deepEqual(
    blocked.items.map(({ id }) => id),
    ids,
  )
  assert.deepEqual(
    blocked.items.slice(1).map(({ state, attempts }) => [state, attempts]),
    [
      ['waiting', 0],
      ['waiting', 0],
      ['waiting', 0],
    ],
  )
  const { body: agent } = await client.get<AgentView>(`/agent/${name}`)
  assert.equal(agent.state, 'blocked')
  assert.deepEqual(
    agent.queues.map((queue) => [queue.name, queue.state, queue.size]),
    [
      ['good', 'idle', 0],
      ['bad', 'blocked', 4],
    ],
  )
  const first = await client.command(ids[0] ?? '')
  assert.equal(first.state, 'retrying')

  rmSync(bad)
  const ended = await Promise.all(ids.map((id) => client.finished(id)))
  assert.deepEqual(new Set(ended.map(({ state }) => state)), new Set(['succeeded']))
  assertInOrder(ended, 'bad')
  assertSameTree(join(bad, 'content'), join(source, 'content'))
  assert.equal((await queueOf(name, 'bad')).blockedBy, undefined)
})

function assertInOrder(commands: readonly Command[], target: string): void {
  const ends = commands.map(({ agents }) => agents[0]?.targets.find((one) => one.target === target)?.finishedAt ?? '')
  assert.deepEqual(ends, ends.toSorted())
  assert.ok(ends.every((end) => end !== ''))
}

test('one item of a queue shows every attempt made', async () => {
  const { name } = await stage('attempts')
  const id = await client.send(name, { paths: ['/content'] })
  await until('two failures', async () => ((await queueOf(name, 'bad')).blockedBy?.attempts ?? 0) > 2)
  const { status, body } = await client.get<Item & Record<string, unknown>>(`/agent/${name}/queues/bad/items/${id}`)
  assert.equal(status, 200)
  assert.equal(body.command, id)
  const tries = Object.values(body).find(
    (value) => Array.isArray(value) && value.some((one) => 'attempt' in Object(one)),
  )
  assert.ok(Array.isArray(tries) && tries.length >= 2, JSON.stringify(body))
  assert.equal((await client.get(`/agent/${name}/queues/bad/items/01J00000000000000000000000`)).status, 404)
  assert.equal((await client.get(`/agent/${name}/queues/nowhere`)).status, 404)
})

test('a paused queue stands still, also over a restart, and goes on where it was', async () => {
  const { name, source, bad, good } = await stage('paused')
  rmSync(bad)
  const { status, body } = await client.post<Queue>(`/agent/${name}/queues/bad/pause`)
  assert.deepEqual([status, body.state], [200, 'paused'])
  const ids = [await client.send(name, { paths: ['/content'] })]
  await until('the other queue to be done', async () => (await stateOf(ids[0] ?? '', 'good')) === 'delivered')
  plant(source, { 'content/page.html': 'v2' })
  ids.push(await client.send(name, { paths: ['/content'] }))
  await until('the other queue to be done', async () => (await stateOf(ids[1] ?? '', 'good')) === 'delivered')
  await server.restart()
  const queue = await queueOf(name, 'bad')
  assert.deepEqual([queue.state, queue.size], ['paused', 2])
  assert.equal(textAt(bad, 'content/page.html'), undefined)
  assert.equal((await client.post(`/agent/${name}/queues/bad/resume`)).status, 200)
  const ended = await Promise.all(ids.map((id) => client.finished(id)))
  assertInOrder(ended, 'bad')
  assertSameTree(bad, good)
})

test('a paused agent stands still with all its queues', async () => {
  const { name, good, bad } = await stage('agent-paused')
  rmSync(bad)
  assert.equal((await client.post(`/agent/${name}/pause`)).status, 200)
  const { body: agent } = await client.get<AgentView>(`/agent/${name}`)
  assert.equal(agent.state, 'paused')
  assert.deepEqual(
    agent.queues.map(({ state }) => state),
    ['paused', 'paused'],
  )
  const id = await client.send(name, { paths: ['/content'] })
  await until('the package', async () => (await client.command(id)).agents[0]?.package)
  assert.equal((await queueOf(name, 'good')).size, 1)
  assert.equal((await client.post(`/agent/${name}/resume`)).status, 200)
  assert.equal((await client.finished(id)).state, 'succeeded')
  assertSameTree(good, bad)
})

test('a cancelled command leaves the queues, and the next one goes', async () => {
  const { name, source, good } = await stage('cancelled')
  await client.post(`/agent/${name}/pause`)
  const first = await client.send(name, { paths: ['/content/page.html'] })
  plant(source, { 'content/next.html': 'next' })
  const second = await client.send(name, { paths: ['/content/next.html'] })
  await until('the package', async () => (await client.command(second)).agents[0]?.package)
  const { status, body } = await client.post<Command>(`/commands/${first}/cancel`)
  assert.deepEqual([status, body.state], [200, 'cancelled'])
  assert.deepEqual(
    body.agents[0]?.targets.map(({ state }) => state),
    ['cancelled', 'cancelled'],
  )
  assert.deepEqual(
    (await queueOf(name, 'good')).items.map(({ id }) => id),
    [second],
  )
  await client.post(`/agent/${name}/resume`)
  await until('the second', async () => (await stateOf(second, 'good')) === 'delivered')
  assert.equal(textAt(good, 'content/page.html'), undefined)
  assert.equal(textAt(good, 'content/next.html'), 'next')
  const cancelled = await client.post<Command>(`/commands/${second}/cancel`)
  assert.equal(cancelled.status, 200)
})

test('what was given up goes to the error queue, and is delivered when it is retried', async () => {
  const queue = { onFailure: 'error-queue', attempts: 2, backoff: { initialMs: 20, maxMs: 20, factor: 1, jitter: 0 } }
  const { name, source, bad } = await stage('given-up', { queue })
  const command = await client.replicate(name, { paths: ['/content'] })
  assert.equal(command.state, 'partial')
  const failed = command.agents[0]?.targets.find(({ target }) => target === 'bad')
  assert.equal(failed?.state, 'failed')
  assert.ok(failed.attempts >= 1 && failed.attempts <= 2, `${failed.attempts}`)
  assert.ok(failed?.error !== undefined)
  const parked = await queueOf(name, 'error-bad')
  assert.deepEqual(
    parked.items.map(({ id, state }) => [id, state]),
    [[command.id, 'failed']],
  )

  rmSync(bad)
  const { status, text } = await client.post<Command>(`/commands/${command.id}/retry`)
  assert.equal(status, 200, text)
  assert.equal((await client.finished(command.id)).state, 'succeeded')
  assertSameTree(bad, source)
  assert.equal((await queueOf(name, 'error-bad')).size, 0)
})

test('an export that cannot succeed fails alone, and succeeds when it is retried later', async () => {
  const { name, source, good, bad } = await stage('nothing-there')
  rmSync(bad)
  const command = await client.replicate(name, { paths: ['/content/later'] })
  assert.equal(command.state, 'failed')
  assert.equal(command.agents[0]?.error?.code, 'missing')
  assert.match(command.agents[0].error.detail, /\/content\/later/)
  await client.deliver(name, { paths: ['/content/page.html'] })
  plant(source, { 'content/later/x.txt': 'x' })
  assert.equal((await client.post(`/commands/${command.id}/retry`)).status, 200)
  assert.equal((await client.finished(command.id)).state, 'succeeded')
  assertSameTree(good, source)
})

test('a full queue answers 429 and when to come again', async () => {
  const { name } = await stage('full', { queue: { limit: 1, backoff: { initialMs: 60_000 } } })
  const first = await client.send(name, { paths: ['/content'] })
  const { status, headers, body } = await client.post<Problem>(`/agent/${name}/replicate`, {
    json: { paths: ['/content'] },
  })
  assert.deepEqual([status, body.code], [429, 'busy'])
  assert.match(headers.get('retry-after') ?? '', /^\d+$/)
  assert.deepEqual(
    body.statusList?.map((one) => one.error?.code),
    ['busy'],
  )
  assert.equal((await queueOf(name, 'bad')).items[0]?.id, first)
})
