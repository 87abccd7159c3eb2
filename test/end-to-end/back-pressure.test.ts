/** Queues that are full, with many callers at once, at every server there is. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { engineSettings, onRedis } from '../home.ts'
import { until, type Answer } from './client.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { Accepted, AgentView, Problem } from './views.ts'

const folder = scratch()
/** One installation: on Redis two servers, on a machine's own state one. */
const shared = { ...engineSettings(folder), PACKAGES_DIR: join(folder, 'packages') }
const servers = await Promise.all((onRedis ? ['one', 'two'] : ['one']).map(() => Server.start({ env: shared })))
const [{ client }] = servers as [Server]
const callers = 50
const limit = 10

async function stage(name: string): Promise<void> {
  const source = join(folder, name, 'source')
  plant(source, { 'content/page.html': 'page' })
  await client.agent({
    name,
    queue: { limit },
    source: { kind: 'directory', path: source },
    targets: ['left', 'right'].map((target) => ({ name: target, kind: 'directory', path: join(folder, name, target) })),
  })
}

async function sizesOf(name: string): Promise<Record<string, number>> {
  const { queues } = (await client.get<AgentView>(`/agent/${name}`)).body
  return Object.fromEntries(queues.map((queue) => [queue.name, queue.size]))
}

function askAtOnce(name: string): Promise<Answer<Accepted & Problem>[]> {
  const json = { paths: ['/content'] }
  return Promise.all(
    Array.from({ length: callers }, (_, i) =>
      (servers[i % servers.length] as Server).client.post<Accepted & Problem>(`/agent/${name}/replicate`, { json }),
    ),
  )
}

test('however many callers come at once, no queue gets longer than its limit, and what is refused is in none', async () => {
  await stage('crowded')
  await client.post('/agent/crowded/queues/right/pause')
  const before = [await client.send('crowded', { paths: ['/content'] }), await client.send('crowded', { paths: ['/'] })]
  await until('the left ones to be delivered', async () => (await sizesOf('crowded'))['left'] === 0)
  await client.post('/agent/crowded/queues/left/pause')
  let watching = true
  const longest = { left: 0, right: 0 }
  const watcher = (async () => {
    while (watching) {
      const { left = 0, right = 0 } = await sizesOf('crowded')
      Object.assign(longest, { left: Math.max(left, longest.left), right: Math.max(right, longest.right) })
    }
  })()
  const answers = await askAtOnce('crowded')
  watching = false
  await watcher
  const taken = answers.filter(({ status }) => status === 202)
  assert.equal(taken.length, limit - before.length)
  for (const { status, headers, body } of answers.filter((answer) => !taken.includes(answer))) {
    assert.deepEqual([status, body.code], [429, 'busy'])
    assert.match(headers.get('retry-after') ?? '', /^[1-9]\d*$/)
  }
  assert.deepEqual(await sizesOf('crowded'), { left: taken.length, right: limit })
  assert.ok(longest.left <= taken.length && longest.right <= limit, JSON.stringify(longest))
  for (const queue of ['left', 'right']) await client.post(`/agent/crowded/queues/${queue}/resume`)
  for (const id of [...before, ...taken.map(({ body }) => body.id)])
    assert.equal((await client.finished(id)).state, 'succeeded')
  assert.deepEqual(await sizesOf('crowded'), { left: 0, right: 0 })
  await client.deliver('crowded', { paths: ['/content'] })
})

test('of several agents those that have room take the command', async () => {
  for (const name of ['full', 'free']) await stage(name)
  await client.post('/agent/full/pause')
  await askAtOnce('full')
  const json = { agents: ['full', 'free'], paths: ['/content'] }
  const { status, body } = await client.post<Accepted>('/all/replicate', { json })
  assert.equal(status, 202)
  assert.deepEqual(
    body.statusList.map(({ agent, status: said, error }) => [agent, said, error?.code]),
    [
      ['full', 'error', 'busy'],
      ['free', 'queued', undefined],
    ],
  )
  assert.deepEqual(await sizesOf('full'), { left: limit, right: limit })
})
