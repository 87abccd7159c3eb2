/** What operators do to queues, agents and commands, as it is asked for and told of over HTTP. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from './client.ts'
import { Front } from './front.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'
import type { AgentView, Command, HistoryEntry, Item, Page, Queue, TargetPart } from './views.ts'

interface Line {
  readonly message: string
  readonly actor?: string
  readonly target?: string
  readonly fields: { readonly reason?: string }
}
interface Decided extends TargetPart {
  readonly decisions?: readonly { verb: string; at: string; actor: string; reason?: string }[]
}
type Shown = Queue & {
  readonly items: readonly Item[]
  readonly pausedBy?: { readonly actor: string; readonly reason?: string }
  readonly diverged?: { readonly command: string; readonly actor: string; readonly reason?: string }
}

const folder = scratch()
const server = await Server.start()
const far = await Server.start()
const front = await Front.before(far.port)
const { client } = server
const why = { reason: 'the page is withdrawn' }

/** An agent whose one queue stands still, with so many items. */
async function stage(name: string, count: number): Promise<string[]> {
  const source = join(folder, name, 'source')
  plant(source, { 'content/page.html': 'page' })
  await client.agent({
    name,
    source: { kind: 'directory', path: source },
    targets: [{ name: 'site', kind: 'directory', path: join(folder, name, 'site') }],
  })
  await client.post(`/agent/${name}/queues/site/pause`)
  const ids: string[] = []
  for (let n = 0; n < count; n++) ids.push(await client.send(name, { paths: ['/content'] }))
  await until('the last package', async () => (await client.command(ids.at(-1) ?? '')).agents[0]?.package)
  return ids
}

async function queueOf(name: string, queue = 'site'): Promise<Shown> {
  return (await client.get<Shown>(`/agent/${name}/queues/${queue}`)).body
}

/** As the command and the history show it, which must be the same. */
async function targetOf(name: string, id: string | undefined): Promise<Decided | undefined> {
  const [target] = (await client.command(id ?? '')).agents[0]?.targets ?? []
  const { body } = await client.get<Page<HistoryEntry>>(`/agent/${name}/replicate/history`)
  const entry = body.items.find(({ command }) => command === id)
  assert.deepEqual(entry?.targets[0], target)
  return target
}

const saidOf = (target: Decided | undefined) =>
  target?.decisions?.map(({ verb, actor, reason }) => [verb, actor, reason])
const item = (name: string, id: string | undefined, queue = 'site'): string =>
  `/agent/${name}/queues/${queue}/items/${id}`

test('remove, skip, move and clear answer the queue, and stand in the history with who and why', async () => {
  const [removed, skipped, moved, cleared, left] = await stage('decided', 5)
  const removal = await client.call<Shown>('DELETE', `/replication${item('decided', removed)}`, { query: why })
  assert.deepEqual([removal.status, removal.body.size], [200, 4], removal.text)
  const skip = await client.post<Shown>(`${item('decided', skipped)}/skip`, { json: why })
  assert.deepEqual([skip.status, skip.body.size, skip.body.diverged?.reason], [200, 3, why.reason], skip.text)
  const move = await client.post<Shown>(`${item('decided', moved)}/move`, { json: { to: 'error-site', ...why } })
  assert.deepEqual([move.status, move.body.size], [200, 2], move.text)
  for (const [id, state, verb] of [
    [removed, 'cancelled', 'remove'],
    [skipped, 'skipped', 'skip'],
    [moved, 'failed', 'move'],
  ] as const) {
    const target = await targetOf('decided', id)
    assert.deepEqual([target?.state, saidOf(target)], [state, [[verb, 'anonymous', why.reason]]])
  }
  const back = await client.post(`${item('decided', moved, 'error-site')}/move`, { json: { to: 'site' } })
  assert.equal(back.status, 200, back.text)
  assert.deepEqual(
    (await queueOf('decided')).items.map(({ id }) => id),
    [cleared, left, moved],
  )
  const clear = await client.post<Shown>('/agent/decided/queues/site/clear', { json: why })
  assert.deepEqual([clear.status, clear.body.size], [200, 0])
  assert.deepEqual(saidOf(await targetOf('decided', moved)), [
    ['move', 'anonymous', why.reason],
    ['move', 'anonymous', undefined],
    ['clear', 'anonymous', why.reason],
  ])
  for (const id of [cleared, left]) assert.equal((await targetOf('decided', id))?.state, 'cancelled')
})

test('cancel and retry of a command stand in its history, and retry queues again what failed alone', async () => {
  const [cancelled, failed] = await stage('commanded', 2)
  const cancel = await client.post<Command>(`/commands/${cancelled}/cancel`, { json: why })
  assert.deepEqual([cancel.status, cancel.body.state], [200, 'cancelled'], cancel.text)
  assert.deepEqual(saidOf(await targetOf('commanded', cancelled)), [['cancel', 'anonymous', why.reason]])
  await client.post(`${item('commanded', failed)}/move`, { json: { to: 'error-site' } })
  const retry = await client.post<Command>(`/commands/${failed}/retry`, { json: why })
  assert.deepEqual([retry.status, retry.body.state], [200, 'queued'], retry.text)
  assert.deepEqual(saidOf(await targetOf('commanded', failed))?.at(-1), ['retry', 'anonymous', why.reason])
  assert.equal((await client.post<Command>(`/commands/${cancelled}/retry`)).body.state, 'cancelled')
  await client.post('/agent/commanded/queues/site/resume')
  assert.equal((await client.finished(failed ?? '')).state, 'succeeded')
})

test('pause and resume of a queue and of an agent are told with who and why, in the queue and in the log', async () => {
  const [id = ''] = await stage('paused', 1)
  await client.post('/agent/paused/queues/site/resume', { json: { reason: 'first' } })
  await client.finished(id)
  const queue = await client.post<Shown>('/agent/paused/queues/site/pause', { json: why })
  assert.deepEqual([queue.body.state, queue.body.pausedBy?.reason], ['paused', why.reason])
  await client.post('/agent/paused/pause', { json: { reason: 'all of it' } })
  const { body } = await client.get<AgentView>('/agent/paused')
  assert.equal(body.state, 'paused')
  await client.post('/agent/paused/resume', { json: { reason: 'done' } })
  assert.equal((await queueOf('paused')).state, 'paused', 'the queue is still paused for itself')
  await client.post('/agent/paused/queues/site/resume', { json: { reason: 'that too' } })
  assert.equal((await queueOf('paused')).state, 'idle')
  const log = (await client.get<Page<Line>>('/agent/paused/log')).body.items
  assert.deepEqual(
    log
      .filter(({ message }) => /paused|resumed/.test(message))
      .map(({ message, actor, target, fields }) => [message, actor, target, fields.reason]),
    [
      ['queue resumed', 'anonymous', 'site', 'that too'],
      ['agent resumed', 'anonymous', undefined, 'done'],
      ['agent paused', 'anonymous', undefined, 'all of it'],
      ['queue paused', 'anonymous', 'site', why.reason],
      ['queue resumed', 'anonymous', 'site', 'first'],
      ['queue paused', 'anonymous', 'site', undefined],
    ],
  )
})

test('what is in delivery is not disturbed: verbs on it are 409, and those on its queue leave it', async () => {
  let release = (): void => undefined
  const until_ = new Promise<void>((resolve) => (release = resolve))
  front.onImport = () => ({ at: 'answer', until: until_ })
  const source = join(folder, 'flying/source')
  plant(source, { 'content/page.html': 'page' })
  await far.client.agent({
    name: 'flying',
    targets: [{ name: 'site', kind: 'directory', path: join(folder, 'flying') }],
  })
  await client.agent({
    name: 'flying',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'site', kind: 'remote', url: front.url, agent: 'flying' }],
  })
  const ids = [
    await client.send('flying', { paths: ['/content'] }),
    await client.send('flying', { paths: ['/content'] }),
  ]
  await until('the first to be under way', async () => (await queueOf('flying')).items[0]?.state === 'active')
  const path = item('flying', ids[0])
  const asked = [
    await client.call('DELETE', `/replication${path}`),
    await client.post(`${path}/skip`, { json: why }),
    await client.post(`${path}/move`, { json: { to: 'error-site' } }),
  ]
  assert.deepEqual(
    asked.map(({ status }) => status),
    [409, 409, 409],
  )
  assert.equal((await client.post<Command>(`/commands/${ids[0]}/cancel`)).body.state, 'running')
  assert.equal((await client.post('/agent/flying/queues/site/retry')).status, 200)
  assert.equal((await client.post<Shown>('/agent/flying/queues/site/clear')).body.size, 1)
  const paused = await client.post<Shown>('/agent/flying/queues/site/pause')
  assert.deepEqual([paused.body.state, paused.body.size], ['paused', 1])
  release()
  assert.equal((await client.finished(ids[0] ?? '')).state, 'succeeded')
  const target = await targetOf('flying', ids[0])
  assert.deepEqual([target?.attempts, target?.decisions], [1, undefined])
  assert.equal((await targetOf('flying', ids[1]))?.state, 'cancelled')
  assert.equal(front.imports.length, 1)
})

test('what is not there is 404 for every verb, and what makes no sense 400', async () => {
  const [id = ''] = await stage('strict', 1)
  const unknown = '01K00000000000000000000000'
  const posts = [
    ...['pause', 'resume'].map((verb) => `/agent/nobody/${verb}`),
    ...['pause', 'resume', 'retry', 'clear'].flatMap((verb) => [
      `/agent/nobody/queues/site/${verb}`,
      `/agent/strict/queues/nowhere/${verb}`,
    ]),
    ...['cancel', 'retry'].map((verb) => `/commands/${unknown}/${verb}`),
  ]
  for (const path of posts) assert.equal((await client.post(path)).status, 404, path)
  for (const place of [
    item('strict', unknown),
    item('strict', id, 'nowhere'),
    item('nobody', id),
    item('strict', id, 'error-site'),
  ]) {
    assert.equal((await client.post(`${place}/skip`, { json: why })).status, 404, place)
    const to = place.includes('error-site') ? 'site' : 'error-site'
    const move = await client.post(`${place}/move`, { json: { to: place.includes('nowhere') ? 'error-nowhere' : to } })
    assert.equal(move.status, 404, place)
    assert.equal((await client.call('DELETE', `/replication${place}`)).status, 404, place)
    assert.equal((await client.get(place)).status, 404, place)
  }
  assert.equal((await client.post(`${item('strict', id)}/skip`, { json: {} })).status, 400, 'a skip needs a reason')
  assert.equal((await client.post(`${item('strict', id)}/move`, { json: { to: 'nowhere' } })).status, 400)
  assert.equal((await queueOf('strict')).size, 1)
})
