/** What fires by itself fires once over all servers, whichever of them die. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../client.ts'
import { Installation, redisNeeded } from './installation.ts'
import { plant, textAt } from '../trees.ts'
import type { AgentView, Command, Endpoint, Page, Trigger } from '../views.ts'

suite('triggers of several servers', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const { folder } = installation
  const dying = await installation.server()
  const staying = await installation.server()
  const { client } = staying

  const directory = (path: string): Endpoint => ({ kind: 'directory', path: join(folder, path) })
  const commandsOf = async (agent: string): Promise<readonly Command[]> =>
    (await client.get<Page<Command>>('/commands', { query: { agent, limit: 500 } })).body.items.toReversed()
  const triggerOf = async (name: string, { client } = staying): Promise<Trigger | undefined> =>
    (await client.get<AgentView>(`/agent/${name}`)).body.triggers[0]

  test('each time of a schedule is fired by one of them, also while one is killed and another comes', async () => {
    plant(join(folder, 'clock/source'), { 'content/page.html': 'v1' })
    await client.agent({
      name: 'clock',
      ...{ source: directory('clock/source'), targets: [directory('clock/target')] },
      triggers: [{ kind: 'schedule', cron: '* * * * * *', paths: ['/content'] }],
    })
    await until('some firings', async () => (await commandsOf('clock')).length >= 3)
    await dying.crash()
    const before = (await commandsOf('clock')).length
    await until('more of them', async () => (await commandsOf('clock')).length >= before + 2)
    await dying.launch()
    await pause(2000)
    await client.call('PATCH', '/replication/config/clock', { json: { triggers: [] } })
    const seconds = (await commandsOf('clock')).flatMap(({ cause }) => {
      const first = Date.parse(cause?.dueAt ?? '') / 1000
      return Array.from({ length: cause?.missed ?? 1 }, (_, i) => first + i)
    })
    assert.deepEqual(
      seconds,
      Array.from({ length: seconds.length }, (_, i) => (seconds[0] ?? 0) + i),
    )
  })

  test('what one agent delivered is followed once, while a server is killed', async () => {
    const source = join(folder, 'chain/source')
    plant(source, { 'content/page.html': 'v0' })
    await client.agent({ name: 'first', source: directory('chain/source'), targets: [directory('chain/middle')] })
    await client.agent({
      name: 'second',
      ...{ source: directory('chain/middle'), targets: [directory('chain/end')] },
      triggers: [{ kind: 'after', agent: 'first' }],
    })
    const ids: string[] = []
    for (let n = 0; n < 12; n++) {
      plant(source, { 'content/page.html': `v${n}` })
      ids.push(await client.send('first', { paths: ['/content'] }))
      if (n === 6) await dying.crash()
    }
    await dying.launch()
    for (const id of ids) assert.equal((await client.finished(id)).state, 'succeeded')
    await until('all to be followed', async () => (await commandsOf('second')).length >= ids.length)
    assert.deepEqual(
      (await commandsOf('second')).map(({ cause }) => cause?.command),
      ids,
    )
    await until('the last one', async () => textAt(join(folder, 'chain/end'), 'content/page.html') === 'v11')
  })

  test('a folder is watched by one of them, and by the other when that one ends or is killed', async () => {
    const source = join(folder, 'watched/source')
    plant(source, { 'content/page.html': 'v0' })
    await client.agent({
      name: 'watcher',
      ...{ source: directory('watched/source'), targets: [directory('watched/target')] },
      triggers: [{ kind: 'watch', debounceMs: 50 }],
    })
    const at = (text: string): Promise<true> =>
      until(text, async () => textAt(join(folder, 'watched/target'), 'content/page.html') === text)
    const since = async (before?: string, server = staying): Promise<string> =>
      until('somebody to watch', async () => {
        const { watchingSince } = (await triggerOf('watcher', server)) ?? {}
        return watchingSince !== before && watchingSince
      })
    const first = await since()
    plant(source, { 'content/page.html': 'v1' })
    await at('v1')
    assert.equal((await commandsOf('watcher')).length, 1)
    const watches = (output: string): boolean => output.includes('source watched')
    const [its, other] = watches(dying.output) ? [dying, staying] : [staying, dying]
    assert.ok(!watches(other.output))
    await its.end()
    const second = await since(first, other)
    await its.launch()
    plant(source, { 'content/page.html': 'v2' })
    await at('v2')
    assert.ok(watches(other.output))
    await other.crash()
    await other.launch()
    await since(second)
    plant(source, { 'content/page.html': 'v3' })
    await at('v3')
  })
})
