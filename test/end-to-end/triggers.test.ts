/** Commands that nobody asks for: by the clock, after another agent, and because a folder changed. */
import assert from 'node:assert/strict'
import { renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until, type Client } from './client.ts'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'
import type { AgentView, Command, Endpoint, Page, Problem, Trigger } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

const directory = (path: string): Endpoint => ({ kind: 'directory', path: join(folder, path) })

async function agent(name: string, source: string, target: string, triggers: readonly object[]): Promise<void> {
  await client.agent({ name, source: directory(source), targets: [directory(target)], triggers })
}

/** All of them, the oldest first. */
async function commandsOf(agent: string): Promise<readonly Command[]> {
  const items: Command[] = []
  for (let cursor: string | undefined; ;) {
    const query = { agent, limit: 500, ...(cursor !== undefined && { cursor }) }
    const { body, status, text } = await client.get<Page<Command>>('/commands', { query })
    assert.equal(status, 200, text)
    items.push(...body.items)
    cursor = body.next
    if (cursor === undefined) return items.toReversed()
  }
}

async function triggerOf(name: string, of: Client = client): Promise<Trigger | undefined> {
  return (await of.get<AgentView>(`/agent/${name}`)).body.triggers[0]
}

test('a schedule fires each of its times once, over kills too, and makes up for the missed ones together', async () => {
  plant(join(folder, 'clock/source'), { 'content/page.html': 'v1' })
  await agent('clock', 'clock/source', 'clock/target', [{ kind: 'schedule', cron: '* * * * * *', paths: ['/content'] }])
  const firings = async (): Promise<readonly Command[]> => commandsOf('clock')
  for (let kills = 1; kills <= 2; kills++) {
    const before = (await firings()).length
    await until('two firings', async () => (await firings()).length >= before + 2)
    await server.crash()
    await pause(2500)
    await server.launch()
    await until('what was missed', async () => {
      return (await firings()).filter(({ cause }) => (cause?.missed ?? 0) > 1).length >= kills
    })
  }
  const { status } = await client.call('PATCH', '/replication/config/clock', { json: { triggers: [] } })
  assert.equal(status, 200)
  const all = await firings()
  for (const { id } of all) assert.equal((await client.finished(id)).state, 'succeeded')
  assert.equal((await firings()).length, all.length)
  // What each firing stands for: the time at which it was due, and those after it that it makes up for. None is there twice.
  const seconds = all.flatMap(({ cause }) => {
    const first = Date.parse(cause?.dueAt ?? '') / 1000
    return Array.from({ length: cause?.missed ?? 1 }, (_, i) => first + i)
  })
  assert.deepEqual(
    seconds,
    Array.from({ length: seconds.length }, (_, i) => (seconds[0] ?? 0) + i),
  )
  const { body } = await client.get<Page<{ message: string }>>('/agent/clock/log')
  assert.ok(body.items.some(({ message }) => message === 'missed firing made up'))
})

test('killed between a delivery and what follows it, it follows each once, in order', async (t) => {
  const source = join(folder, 'chain/source')
  plant(source, { 'content/page.html': 'v0' })
  await agent('first', 'chain/source', 'chain/middle', [])
  await agent('second', 'chain/middle', 'chain/end', [{ kind: 'after', agent: 'first' }])
  const ids: string[] = []
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < 3; n++) {
      plant(source, { 'content/page.html': `v${round}.${n}`, [`content/${round}.${n}`]: 'x' })
      ids.push(await client.send('first', { paths: ['/content'] }))
    }
    const delay = Math.floor(Math.random() * 120)
    t.diagnostic(`killed after ${delay} ms`)
    await pause(delay)
    await server.crash()
    await server.launch()
  }
  for (const id of ids) assert.equal((await client.finished(id)).state, 'succeeded')
  const followed = await until('all to be followed', async () => {
    const commands = await commandsOf('second')
    return commands.length >= ids.length && commands
  })
  for (const { id } of followed) assert.equal((await client.finished(id)).state, 'succeeded')
  assert.deepEqual(
    (await commandsOf('second')).map(({ cause }) => cause?.command),
    ids,
  )
  assertSameTree(join(folder, 'chain/end'), source)
})

test('a watched folder and its target are the same in the end, whatever happens in it', async () => {
  const source = join(folder, 'watched/source')
  await agent('watcher', 'watched/source', 'watched/target', [
    { kind: 'watch', debounceMs: 50, maxWaitMs: 300, initial: 'add' },
  ])
  await until('the watch', async () => (await triggerOf('watcher'))?.watchingSince)
  for (let n = 0; n < 30; n++) {
    plant(source, { [`content/${n % 3}/page-${n}.html`]: `v${n}`, [`content/deep/${n}/a/b/c.txt`]: `v${n}` })
    if (n % 5 === 4) rmSync(join(source, `content/${n % 3}`), { recursive: true })
    if (n % 7 === 6) renameSync(join(source, `content/deep/${n}`), join(source, `content/moved-${n}`))
    if (n % 10 === 9) {
      renameSync(join(source, 'content'), join(source, 'old'))
      plant(source, { 'content/new.html': `v${n}` })
      rmSync(join(source, 'old'), { recursive: true })
    }
    await pause(20)
  }
  plant(source, { last: 'v1' })
  await until('both to be the same', async () => {
    assertSameTree(join(folder, 'watched/target'), source)
    return true
  })
  for (const { actor } of await commandsOf('watcher')) assert.equal(actor, 'trigger:watch')
})

test('a watched folder into which another agent delivers is passed on, and comes to rest', async () => {
  plant(join(folder, 'relay/source'), { 'content/page.html': 'v1' })
  await agent('relay1', 'relay/source', 'relay/middle', [])
  await agent('relay2', 'relay/middle', 'relay/end', [{ kind: 'watch', debounceMs: 50 }])
  await until('the watch', async () => (await triggerOf('relay2'))?.watchingSince)
  await client.deliver('relay1', { paths: ['/content'] })
  await until('what was delivered', async () => textAt(join(folder, 'relay/end'), 'content/page.html') === 'v1')
  const count = (await commandsOf('relay2')).length
  await pause(500)
  assert.equal((await commandsOf('relay2')).length, count)
})

test('triggers that cannot be are refused, with the place and the reason', async () => {
  await agent('x', 'loop/x', 'loop/y', [])
  await agent('y', 'loop/y', 'loop/z', [{ kind: 'after', agent: 'x' }])
  const put = async (triggers: readonly object[]): Promise<Problem> => {
    const json = { name: 'x', source: directory('loop/x'), targets: [directory('loop/y')], triggers }
    const { status, body } = await client.call<Problem>('PUT', '/replication/config/x', { json })
    assert.equal(status, 400)
    return body
  }
  const loop = await put([
    { kind: 'schedule', cron: '@daily' },
    { kind: 'after', agent: 'y' },
  ])
  assert.equal(loop.errors?.[0]?.pointer, '/triggers/1')
  assert.match(loop.errors[0].message, /x -> y -> x/)
  const wrong = await put([
    { kind: 'schedule', cron: '@daily', timezone: 'Nowhere/Town' },
    { kind: 'schedule', cron: '0' },
  ])
  assert.deepEqual(
    wrong.errors?.map(({ pointer }) => pointer),
    ['/triggers/0/timezone', '/triggers/1/cron'],
  )
})

test('a server that watches ends at once when it is told to, and sends what it has seen', async () => {
  const source = join(folder, 'ending/source')
  plant(source, { start: 'v1' })
  await agent('ending', 'ending/source', 'ending/target', [{ kind: 'watch', debounceMs: 3_600_000 }])
  await until('the watch', async () => (await triggerOf('ending'))?.watchingSince)
  plant(source, { 'content/page.html': 'v1' })
  await pause(300)
  server.output = ''
  await server.restart()
  assert.ok(!server.output.includes('task failed'), server.output)
  await until('what was seen', async () => textAt(join(folder, 'ending/target'), 'content/page.html') === 'v1')
})
