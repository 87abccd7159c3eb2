import assert from 'node:assert/strict'
import { test } from 'node:test'
import { forgetHeadway, headwayKey, type Headway } from '../../../src/agents/commands/headway.ts'
import { viewCommand } from '../../../src/agents/commands/views.ts'
import { listLog } from '../../../src/agents/events/agent-log.ts'
import type { ReplicationEvent } from '../../../src/agents/events/events.ts'
import { below } from '../../../src/state/store.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

/** A door that stays shut until it is opened. */
function door(): { readonly passed: Promise<void>; open: () => void } {
  let open = (): void => undefined
  const passed = new Promise<void>((resolve) => {
    open = resolve
  })
  return { passed, open }
}

async function shown({ parts }: Given, { id }: { id: string }): Promise<Headway | undefined> {
  return (await viewCommand(parts.store, id)).agents[0]?.targets[0]?.progress
}

async function left({ parts }: Given): Promise<string[]> {
  return (await parts.store.range({ ...below('progress/'), limit: 10 })).map(({ key }) => key)
}

function heard({ parts }: Given): ReplicationEvent[] {
  const events: ReplicationEvent[] = []
  parts.events.listen((event) => events.push(event))
  return events
}

test('a delivery that takes its time says how far it is, by its command and by events, and nothing of that stays', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  given.write('/content/a', 'hello')
  const events = heard(given)
  const { passed, open } = door()
  given.gate('one', async ({ progress }) => {
    progress?.(1, 3)
    await passed
  })
  const command = await given.ask({ agents: ['author'] })
  const progress = await until(() => shown(given, command))
  const { startedAt, at, ...rest } = progress
  assert.deepEqual(rest, { phase: 'applying', entries: 1, bytes: 3, totalEntries: 2, totalBytes: 5 })
  assert.ok(startedAt < at)
  const event = await until(async () => events.find(({ type }) => type === 'delivery.progress'))
  assert.deepEqual(event, {
    ...{ type: 'delivery.progress', at, agent: 'author', command: command.id, target: given.name('one') },
    data: progress,
  })
  open()
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.equal(await shown(given, command), undefined)
  assert.deepEqual(await left(given), [])
  const { items } = await listLog(given.parts.store, 'author', { limit: 100 })
  assert.ok(items.length > 0 && !items.some(({ message }) => message === 'delivery goes on'))
})

test('an export that takes its time says how much it has read', async (t) => {
  const given = await givenEngine(t)
  await given.agent('author', ['one'])
  for (const name of ['a', 'b', 'c']) given.write(`/content/${name}`, name)
  const events = heard(given)
  const { passed, open } = door()
  given.gateSource(async (read) => {
    if (read === 3) await passed
  })
  const command = await given.ask({ agents: ['author'] })
  const progress = await until(async () => (await viewCommand(given.parts.store, command.id)).agents[0]?.progress)
  assert.deepEqual([progress.phase, progress.entries, progress.bytes], ['reading', 3, 2])
  await until(async () => events.find(({ type, target }) => type === 'export.progress' && target === undefined))
  open()
  assert.equal((await given.finished(command)).state, 'succeeded')
  assert.deepEqual(await left(given), [])
})

test('whoever was overtaken in a delivery says nothing more of how far he is', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'])
  given.write('/content/a', 'hello')
  const events = heard(given)
  const [first, second] = [door(), door()]
  const tell: ((entries: number) => void)[] = []
  given.gate('one', async ({ progress }) => {
    const me = tell.push((entries) => progress?.(entries, entries))
    await (me === 1 ? first : second).passed
  })
  const command = await given.ask({ agents: ['author'] })
  await given.export(command, 'author')
  const overtaken = given.deliver('author', 'one')
  await until(async () => tell[0])
  tell[0]?.(1)
  await until(() => shown(given, command))

  const successor = given.deliver('author', 'one')
  await until(async () => tell[1])
  assert.equal(await shown(given, command), undefined)
  tell[0]?.(7)
  tell[1]?.(2)
  const at = async (entries: number): Promise<true | undefined> =>
    (await shown(given, command))?.entries === entries || undefined
  await until(() => at(2))
  // By the time that this is told the other has had his turn.
  tell[1]?.(3)
  await until(() => at(3))
  first.open()
  await overtaken
  assert.equal((await shown(given, command))?.entries, 3)
  second.open()
  await successor
  assert.deepEqual(await left(given), [])
  const told = events.filter(({ type }) => type === 'delivery.progress').map(({ data }) => (data as Headway).entries)
  assert.deepEqual(told, [1, 2, 3])
})

test('what a server that died has left of its progress goes with the next try, or is swept', async (t) => {
  const given = await givenEngine(t, { idle: true })
  await given.agent('author', ['one'])
  given.write('/content/a', 'hello')
  const [command, other] = [await given.ask({ agents: ['author'] }), await given.ask({ agents: ['author'] })]
  await given.export(command, 'author')
  const keys = [command, other].map(({ id }) => headwayKey(id, 'author', given.name('one')))
  await given.parts.store.commit({ writes: [...keys, 'progress/gone/author'].map((put) => ({ put, value: {} })) })
  assert.equal(await shown(given, command), undefined)
  let during: string[] = []
  given.gate('one', async () => {
    await forgetHeadway(given.parts.store, new AbortController().signal)
    during = await left(given)
  })
  await given.parts.store.commit({ writes: [{ put: keys[0] ?? '', value: {} }] })
  await given.deliver('author', 'one')
  assert.deepEqual(during, [keys[0]])
  await forgetHeadway(given.parts.store, new AbortController().signal)
  assert.deepEqual(await left(given), [])
})
