/** Processes that die at the worst moment. */
import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { isFinished, until } from './client.ts'
import { repository, scratch, Server } from './server.ts'
import { assertSameTree, linkTree, plant } from './trees.ts'
import type { Accepted, Command, Page } from './views.ts'

const folder = scratch()
const far = await Server.start()
const near = await Server.start()

async function agents(name: string): Promise<{ source: string; here: string; there: string }> {
  const at = (part: string): string => join(folder, name, part)
  const places = { source: at('source'), here: at('here'), there: at('there') }
  plant(places.source, { content: null })
  await far.client.agent({ name, targets: [{ name: 'default', kind: 'directory', path: places.there }] })
  await near.client.agent({
    name,
    source: { kind: 'directory', path: places.source },
    targets: [
      { name: 'here', kind: 'directory', path: places.here },
      { name: 'far', kind: 'remote', url: far.client.origin, agent: name },
    ],
  })
  return places
}

/** Some hundred files: a second of work for each target, so that a death at random falls into it. */
function linkNumbers(to: string): void {
  const all = join(repository, 'node_modules/cldr-numbers-full/main')
  for (const language of readdirSync(all).slice(0, 250)) linkTree(join(all, language), join(to, language))
}

/** Sends until there is an answer: the key makes it one command, however often its answer gets lost. */
async function sendSurely(agent: string, key: string, json: object): Promise<string> {
  const call = { json, headers: { 'idempotency-key': key } }
  return until('an answer', async () => {
    const { status, body } = await near.client.post<Accepted>(`/agent/${agent}/replicate`, call)
    return status === 202 && body.id
  })
}

test('killed again and again, it delivers all that it accepted, once, in order', async (t) => {
  const { source, here, there } = await agents('killed')
  let dying = true
  const killer = (async () => {
    for (let kills = 0; kills < 4; kills++) {
      const delay = Math.floor(Math.random() * 250)
      t.diagnostic(`killed after ${delay} ms`)
      await pause(delay)
      await near.crash()
      await near.launch()
    }
    dying = false
  })()
  const ids: string[] = []
  for (let n = 0; dying || n < 12; n++) {
    const path = `content/page-${n % 5}`
    const remove = n % 4 === 3
    if (remove) rmSync(join(source, path), { recursive: true, force: true })
    else plant(source, { [`${path}/index.html`]: `v${n} `.repeat(5000), [`${path}/style.css`]: `${n}` })
    ids.push(await sendSurely('killed', `n${n}`, { action: remove ? 'delete' : 'add', paths: [`/${path}`] }))
    await pause(30)
  }
  await killer
  const ended = await Promise.all(ids.map((id) => near.client.finished(id)))
  const { body } = await near.client.get<Page<Command>>('/commands', { query: { agent: 'killed', limit: 500 } })
  assert.deepEqual(
    body.items.map(({ id }) => id),
    ids.toReversed(),
  )
  // A path that was removed again before it was read cannot be exported; everything else must have arrived.
  for (const {
    state,
    agents: [part],
  } of ended)
    assert.ok(state === 'succeeded' || part?.error?.code === 'missing', JSON.stringify(part))
  for (const target of ['here', 'far']) {
    const ends = ended
      .filter(({ state }) => state === 'succeeded')
      .map((command) => command.agents[0]?.targets.find((one) => one.target === target)?.finishedAt ?? '')
    assert.deepEqual(ends, ends.toSorted(), `${target} was not delivered in order`)
  }
  assertSameTree(join(here, 'content'), join(source, 'content'))
  assertSameTree(join(there, 'content'), join(source, 'content'))
})

test('the far server dies in the middle: the delivery stays the head until it is whole', async () => {
  const { source, here, there } = await agents('far-dies')
  linkNumbers(join(source, 'content/numbers'))
  plant(source, { 'content/later.txt': 'later' })
  const first = await near.client.send('far-dies', { paths: ['/content/numbers'] })
  const second = await near.client.send('far-dies', { paths: ['/content/later.txt'] })
  const targetOf = async (id: string, name: string): Promise<{ state: string; attempts: number } | undefined> =>
    (await near.client.command(id)).agents[0]?.targets.find(({ target }) => target === name)
  await until('the far delivery to begin', async () => (await targetOf(first, 'far'))?.state !== 'queued')
  await pause(Math.random() * 400)
  await far.crash()
  await until('the near target', async () => (await targetOf(second, 'here'))?.state === 'delivered')
  assertSameTree(here, source)
  assert.equal((await targetOf(second, 'far'))?.state, 'queued')
  await far.launch()
  const ended = await Promise.all([first, second].map((id) => near.client.finished(id)))
  assert.deepEqual(
    ended.map(({ state }) => state),
    ['succeeded', 'succeeded'],
  )
  assertSameTree(there, source)
})

test('a far server that is away for a while gets everything afterwards, in order', async () => {
  const { source, there } = await agents('far-away')
  await far.end()
  const ids: string[] = []
  for (const version of ['v1', 'v2', 'v3']) {
    plant(source, { 'content/page.html': version })
    ids.push(await near.client.send('far-away', { paths: ['/content'] }))
  }
  await until('a failure', async () => (await near.client.command(ids[0] ?? '')).state === 'retrying')
  assert.ok(!isFinished(await near.client.command(ids[2] ?? '')))
  await far.launch()
  for (const id of ids) assert.equal((await near.client.finished(id)).state, 'succeeded')
  assertSameTree(there, source)
})

test('what an operator cancels at the far server is told here, and goes on when it is cancelled here too', async () => {
  const { source, there } = await agents('far-cancels')
  plant(source, { 'content/page.html': 'page' })
  await far.client.post('/agent/far-cancels/pause')
  const id = await near.client.send('far-cancels', { paths: ['/content'] })
  const [command] = await until('the far command', async () => {
    const { body } = await far.client.get<Page<Command>>('/commands', { query: { agent: 'far-cancels' } })
    return body.items.length > 0 && body.items
  })
  // While the far queue stands still the delivery is under way, and whoever waits for it hears so when his time is up.
  const waited = await near.client.get<Command>(`/commands/${id}`, { headers: { prefer: 'wait=1' } })
  assert.equal(waited.headers.get('preference-applied'), 'wait=1')
  const { state } = waited.body.agents[0]?.targets.find(({ target }) => target === 'far') ?? {}
  assert.deepEqual([waited.status, waited.body.state, state], [200, 'running', 'delivering'])
  await far.client.post(`/commands/${command?.id}/cancel`)
  await far.client.post('/agent/far-cancels/resume')
  const error = await until('the failure', async () => {
    const targets = (await near.client.command(id)).agents[0]?.targets
    return targets?.find(({ target }) => target === 'far')?.error
  })
  assert.match(error.detail, /cancelled/)
  await until('the end', async () => {
    const { body } = await near.client.post<Command>(`/commands/${id}/cancel`)
    return isFinished(body)
  })
  await near.client.deliver('far-cancels', { paths: ['/content'] })
  assertSameTree(there, source)
})

test('ended in order in mid-delivery, it goes on after the next start', async () => {
  const { source, here, there } = await agents('ended')
  linkNumbers(join(source, 'content/numbers'))
  const id = await near.client.send('ended', { paths: ['/content'] })
  await pause(Math.random() * 500)
  await near.restart()
  assert.equal((await near.client.finished(id)).state, 'succeeded')
  assertSameTree(here, source)
  assertSameTree(there, source)
})
