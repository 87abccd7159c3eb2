/** What becomes of a delivery that the other side refuses, status by status. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { Front, type Refusal } from './front.ts'
import { scratch, Server } from './server.ts'
import { plant, textAt } from './trees.ts'
import type { AgentView, Item, Queue, TargetPart } from './views.ts'

const folder = scratch()
const far = await Server.start()
const near = await Server.start()
const front = await Front.before(far.port)
const { client } = near

/** By agent: how imports are refused, as long as they are. */
const refusals = new Map<string, Refusal>()
front.onImport = ({ agent }) => refusals.get(agent)

async function stage(name: string, queue: object, refusal: Refusal): Promise<{ source: string; there: string }> {
  const [source, there] = [join(folder, name, 'source'), join(folder, name, 'there')]
  plant(source, { 'content/first.html': 'first', 'content/second.html': 'second' })
  await far.client.agent({ name, targets: [{ name: 'default', kind: 'directory', path: there }] })
  await client.agent({
    name,
    queue: { backoff: { initialMs: 20, maxMs: 50, factor: 1, jitter: 0 }, ...queue },
    source: { kind: 'directory', path: source },
    targets: [{ name: 'far', kind: 'remote', url: front.url, agent: name }],
  })
  refusals.set(name, refusal)
  return { source, there }
}

const send = (name: string, page: string): Promise<string> => client.send(name, { paths: [`/content/${page}.html`] })

async function targetOf(id: string): Promise<TargetPart | undefined> {
  return (await client.command(id)).agents[0]?.targets[0]
}

async function queueOf(name: string, queue = 'far'): Promise<Queue & { items: Item[] }> {
  return (await client.get<Queue & { items: Item[] }>(`/agent/${name}/queues/${queue}`)).body
}

const agentOf = async (name: string): Promise<AgentView> => (await client.get<AgentView>(`/agent/${name}`)).body

const allowed = 3
const triesBy = { 1: [400, 405, 409, 410, 413, 422, 425], [allowed]: [401, 403, 404, 408, 429, 500, 502, 503] }
for (const [tries, statuses] of Object.entries(triesBy).map(([count, all]) => [Number(count), all] as const))
  for (const status of statuses)
    test(`with an error queue, ${status} is borne ${tries} of ${allowed} times, then the next goes on`, async () => {
      const name = `given-up-${status}`
      const { there } = await stage(name, { onFailure: 'error-queue', attempts: allowed }, { status })
      const first = await send(name, 'first')
      assert.equal((await client.finished(first)).state, 'failed')
      const failed = await targetOf(first)
      assert.deepEqual([failed?.state, failed?.attempts], ['failed', tries])
      assert.match(failed?.error?.detail ?? '', new RegExp(`with ${status}`))
      assert.equal(front.importsOf(name).length, tries)
      refusals.delete(name)
      assert.equal((await client.finished(await send(name, 'second'))).state, 'succeeded')
      assert.equal(textAt(there, 'content/first.html'), undefined)
      const parked = await queueOf(name, 'error-far')
      assert.deepEqual(
        parked.items.map(({ id, state }) => [id, state]),
        [[first, 'failed']],
      )
      const move = { json: { to: 'far', reason: 'it is mended' } }
      const moved = await client.post(`/agent/${name}/queues/error-far/items/${first}/move`, move)
      assert.equal(moved.status, 200, moved.text)
      assert.equal((await client.finished(first)).state, 'succeeded')
      assert.equal(textAt(there, 'content/first.html'), 'first')
      assert.equal((await queueOf(name, 'error-far')).size, 0)
    })

for (const status of [400, 404, 413, 422, 503])
  test(`with block, ${status} never removes the head, and nothing overtakes it`, async () => {
    const name = `kept-${status}`
    const { there } = await stage(name, { attempts: 1 }, { status })
    const ids = [await send(name, 'first'), await send(name, 'second')]
    await until('more tries than any error queue would bear', async () => front.importsOf(name).length > 5)
    const { items, size, state, blockedBy } = await queueOf(name)
    assert.deepEqual([size, state, blockedBy?.item], [2, 'blocked', ids[0]])
    assert.deepEqual(
      items.map(({ id }) => id),
      ids,
    )
    assert.equal((await targetOf(ids[1] ?? ''))?.attempts, 0)
    refusals.delete(name)
    for (const id of ids) assert.equal((await client.finished(id)).state, 'succeeded')
    assert.equal(textAt(there, 'content/second.html'), 'second')
  })

for (const status of [401, 403, 404])
  test(`${status} from a target shows in the agent’s state as a fault of its configuration, until it is mended`, async () => {
    const name = `fault-${status}`
    await stage(name, {}, { status })
    const id = await send(name, 'first')
    const agent = await until('the fault', async () => {
      const seen = await agentOf(name)
      return seen.state === 'failed' && seen
    })
    assert.match(agent.reason ?? '', new RegExp(`^far: .* with ${status}`))
    refusals.delete(name)
    assert.equal((await client.finished(id)).state, 'succeeded')
    assert.equal((await agentOf(name)).state, 'idle')
  })

const hourMs = 3_600_000
const waits = {
  '429 and seconds': () => ({ status: 429, headers: { 'retry-after': '3600' } }),
  '503 and seconds': () => ({ status: 503, headers: { 'retry-after': '3600' } }),
  '503 and a date': () => ({
    status: 503,
    headers: { 'retry-after': new Date(Date.now() + hourMs + 60_000).toUTCString() },
  }),
  '409 and seconds': () => ({ status: 409, headers: { 'retry-after': '3600' } }),
}
for (const [i, [what, refusal]] of Object.entries(waits).entries())
  test(`a target that answers ${what} is left alone for that long, however often it may be tried`, async () => {
    const name = `wait-${i}`
    await stage(name, { onFailure: 'error-queue', attempts: 5 }, refusal())
    const id = await send(name, 'first')
    const { nextAttemptAt, state } = await until('the refusal', async () => {
      const target = await targetOf(id)
      return target?.nextAttemptAt !== undefined && target
    })
    assert.equal(state, 'retrying')
    const asked = front.importsOf(name)[0]?.at ?? Infinity
    assert.ok(Date.parse(nextAttemptAt ?? '') >= asked + hourMs, `${nextAttemptAt} is too early`)
    assert.ok(Date.parse(nextAttemptAt ?? '') < Date.now() + 2 * hourMs, `${nextAttemptAt} is too late`)
    refusals.delete(name)
    assert.equal((await client.post(`/agent/${name}/queues/far/retry`)).status, 200)
    assert.equal((await client.finished(id)).state, 'succeeded')
  })

test('a short wait that a target asks for is waited for, and no longer', async () => {
  await stage('soon', {}, { status: 503, headers: { 'retry-after': '2' } })
  const id = await send('soon', 'first')
  await until('the second try', async () => front.importsOf('soon').length === 2)
  refusals.delete('soon')
  const [first, second] = front.importsOf('soon').map(({ at }) => at)
  assert.ok((second ?? 0) - (first ?? 0) >= 2000)
  assert.equal((await client.finished(id)).state, 'succeeded')
})

test('a wait that is beyond all measure is no more than a day, and one that makes no sense none', async () => {
  await stage('beyond', {}, { status: 503, headers: { 'retry-after': '9'.repeat(20) } })
  await stage('senseless', {}, { status: 503, headers: { 'retry-after': 'later' } })
  const [beyond, senseless] = [await send('beyond', 'first'), await send('senseless', 'first')]
  await until('several tries of the one', async () => front.importsOf('senseless').length > 2)
  const next = await until('the refusal of the other', async () => (await targetOf(beyond))?.nextAttemptAt)
  assert.ok(Date.parse(next) <= Date.now() + 25 * hourMs, next)
  refusals.clear()
  await client.post('/agent/beyond/queues/far/retry')
  for (const id of [beyond, senseless]) assert.equal((await client.finished(id)).state, 'succeeded')
})
