/** Events of several servers that share one Redis, heard through any of them. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { EventReader } from '../../event-reader.ts'
import { until } from '../client.ts'
import { Follower } from '../follower.ts'
import { Installation, redisNeeded } from './installation.ts'
import { plant } from '../trees.ts'
import type { Page } from '../views.ts'

suite('events of several servers', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const { folder, redis } = installation
  const first = await installation.server()
  const second = await installation.server()
  const clients = [first.client, second.client] as const
  const origins = clients.map(({ origin }) => origin)
  const source = join(folder, 'source')
  plant(source, { 'content/page.html': 'v0' })
  await first.client.agent({
    name: 'shared',
    source: { kind: 'directory', path: source },
    targets: ['one', 'two'].map((name) => ({ name, kind: 'directory', path: join(folder, name) })),
  })

  /** Sends so many commands, each to the server whose turn it is. */
  async function send(count: number): Promise<string[]> {
    const ids: string[] = []
    for (let n = 0; n < count; n++) {
      plant(source, { 'content/page.html': `v${n}` })
      ids.push(await clients[n % 2 === 0 ? 0 : 1].send('shared', { paths: ['/content'] }))
    }
    return ids
  }

  test('what happens on one is heard on each, in the same order, with the same ids', async () => {
    const readers = await Promise.all(origins.map((origin) => EventReader.open(`${origin}/replication/events`)))
    const ids = await send(10)
    for (const reader of readers) for (const id of ids) await reader.finished(id)
    const [here, there] = readers.map(({ events }) => events)
    const length = Math.min(here?.length ?? 0, there?.length ?? 0)
    assert.ok(length >= 10 * 7, `${length} events`)
    assert.deepEqual(here?.slice(0, length), there?.slice(0, length))
    for (const reader of readers) reader.close()
  })

  test('a follower who comes back to another server each time hears of everything once, in order', async () => {
    const follower = await Follower.open(origins)
    const ids: string[] = []
    for (let round = 0; round < 6; round++) {
      ids.push(...(await send(4)))
      follower.cut()
    }
    await second.crash()
    for (let n = 0; n < 4; n++) ids.push(await first.client.send('shared', { paths: ['/content'] }))
    await second.launch()
    await first.end()
    for (let n = 0; n < 4; n++) ids.push(await second.client.send('shared', { paths: ['/content'] }))
    await first.launch()
    for (const id of ids) await follower.finished(id)
    await follower.close()
    follower.check()
    assert.ok(follower.returns >= 6, `it came back ${follower.returns} times`)
    for (const type of ['command.accepted', 'command.finished'])
      assert.equal(follower.events.filter((event) => event.type === type).length, ids.length, type)
  })

  test('a stream stays open while Redis is away, and goes on without a gap when it is back', async () => {
    const reader = await EventReader.open(`${origins[0]}/replication/events`)
    const before = await send(2)
    for (const id of before) await reader.finished(id)
    const late = reader.lastEventId
    await redis.stop('SIGKILL')
    await redis.launch()
    const again = await until('a command to be accepted', async () => (await send(1))[0])
    await reader.finished(again)
    const other = await EventReader.open(`${origins[1]}/replication/events`, { 'last-event-id': late })
    await other.finished(again)
    const news = reader.events.filter(({ id }) => id > late)
    const length = Math.min(news.length, other.events.length)
    assert.deepEqual(news.slice(0, length), other.events.slice(0, length))
    reader.close()
    other.close()
  })

  test('the log of an agent is the same on each', async () => {
    const [here, there] = await Promise.all(
      clients.map((client) => client.get<Page<object>>('/agent/shared/log', { query: { limit: 100 } })),
    )
    assert.equal(here?.body.items.length, 100)
    assert.deepEqual(here?.body, there?.body)
  })
})
