import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { listCommands, type CommandView } from '../../../src/agents/commands/views.ts'
import { viewAgent } from '../../../src/agents/views.ts'
import type { TriggerView } from '../../../src/agents/triggers/views.ts'
import { givenEngine, type Given } from '../given-engine.ts'
import { until } from '../until.ts'

interface Watching {
  readonly given: Given
  readonly source: string
  write(file: string, text?: string): void
  /** Waits until the target has this at the path. */
  has(path: string, text: string | undefined): Promise<void>
  commands(): Promise<readonly CommandView[]>
  state(): Promise<TriggerView | undefined>
}

/** An agent `author` that watches a folder, as soon as it does. */
async function givenWatch(t: TestContext, trigger: object = {}, more: object = {}): Promise<Watching> {
  const given = await givenEngine(t)
  const source = join(await mkdtemp(join(tmpdir(), 'watched.')), 'source')
  t.after(() => rm(dirname(source), { recursive: true }))
  const write = (file: string, text = file): void => {
    mkdirSync(dirname(join(source, file)), { recursive: true })
    writeFileSync(join(source, file), text)
  }
  write('start')
  const triggers = [{ kind: 'watch', debounceMs: 30, ...trigger }]
  await given.agent('author', ['one'], { source: { kind: 'directory', path: source }, triggers, ...more })
  const state = async (): Promise<TriggerView | undefined> =>
    (await viewAgent(given.parts.store, await given.parts.roster.get('author'))).triggers[0]
  await until(async () => (await state())?.watchingSince)
  return {
    ...{ given, source, write, state },
    has: async (path, text) => {
      await until(async () => (given.read('one', path) === text ? true : undefined))
    },
    commands: async () => (await listCommands(given.parts.store, { agent: 'author', limit: 100 })).items,
  }
}

test('what is written into a watched folder is at the target soon, and what is removed is gone', async (t) => {
  const { write, has, source, commands, state } = await givenWatch(t)
  write('a/one')
  write('a/two')
  await has('/a/one', 'a/one')
  await has('/a/two', 'a/two')
  rmSync(join(source, 'a/one'))
  renameSync(join(source, 'a/two'), join(source, 'three'))
  await has('/a/one', undefined)
  await has('/a/two', undefined)
  await has('/three', 'a/two')
  const all = await commands()
  assert.ok(all.every(({ actor, cause }) => actor === 'trigger:watch' && cause?.trigger === 'watch'))
  assert.equal((await state())?.lastCommand, all[0]?.id)
  assert.equal((await state())?.error, undefined)
})

test('what changes in quick succession goes in one command of each action', async (t) => {
  const { write, has, source, commands } = await givenWatch(t, { debounceMs: 400 })
  for (let n = 0; n < 20; n++) write(`a/${n}`)
  await has('/a/19', 'a/19')
  for (let n = 0; n < 10; n++) rmSync(join(source, `a/${n}`))
  write('a/new')
  await has('/a/9', undefined)
  await has('/a/new', 'a/new')
  assert.deepEqual(
    (await commands()).map(({ action, paths }) => `${action} ${paths.length}`),
    ['delete 10', 'add 1', 'add 1'],
  )
})

test('a folder that never comes to rest is sent all the same', async (t) => {
  const { write, has } = await givenWatch(t, { debounceMs: 2000, maxWaitMs: 2200 })
  write('done')
  const busy = setInterval(() => write('busy', String(Date.now())), 50)
  try {
    await has('/done', 'done')
  } finally {
    clearInterval(busy)
  }
})

test('what was in the folder before is sent only when asked for, and mirrored when asked for', async (t) => {
  const plain = await givenWatch(t)
  plain.write('a')
  await plain.has('/a', 'a')
  assert.equal(plain.given.read('one', '/start'), undefined)
  const initial = await givenWatch(t, { initial: 'add' })
  await initial.has('/start', 'start')
  const mirror = await givenWatch(t, { initial: 'mirror' })
  await mirror.has('/start', 'start')
  assert.equal((await mirror.commands())[0]?.mode, 'mirror')
})

test('a watch goes on after a restart, and ends with its trigger', async (t) => {
  const { write, has, given, commands, state } = await givenWatch(t)
  const before = (await state())?.watchingSince
  await given.restart()
  await until(async () => {
    const since = (await state())?.watchingSince
    return since === before ? undefined : since
  })
  write('a')
  await has('/a', 'a')
  await given.configs.patch('author', { triggers: [] }, { actor: 'test' })
  assert.equal(await state(), undefined)
  await given.configs.patch('author', { triggers: [{ kind: 'watch', debounceMs: 20 }] }, { actor: 'test' })
  await until(async () => (await state())?.watchingSince)
  write('b')
  await has('/b', 'b')
  await given.configs.patch('author', { enabled: false }, { actor: 'test' })
  const count = (await commands()).length
  write('c')
  await new Promise((resolve) => setTimeout(resolve, 300))
  assert.equal((await commands()).length, count)
})

test('a server that ends sends what it has seen, without waiting for more', async (t) => {
  const { write, given, has } = await givenWatch(t, { debounceMs: 3_600_000 })
  write('a')
  await new Promise((resolve) => setTimeout(resolve, 300))
  await given.restart()
  await has('/a', 'a')
})

test('what vanishes between the look and the export does not keep the others', async (t) => {
  const { write, given, has, source } = await givenWatch(t)
  await given.parts.store.get('config/author')
  for (let n = 0; n < 40; n++) {
    write('kept', String(n))
    write(`brief${n}`)
    await new Promise((resolve) => setTimeout(resolve, 33))
    rmSync(join(source, `brief${n}`))
  }
  await has('/kept', '39')
  for (let n = 0; n < 40; n++) await has(`/brief${n}`, undefined)
})

test('a full queue keeps what was seen until there is room', async (t) => {
  const { write, given, has, state } = await givenWatch(
    t,
    {},
    { queue: { limit: 1, backoff: { initialMs: 20, maxMs: 50 } } },
  )
  let open: () => void = () => undefined
  const opened = new Promise<void>((resolve) => (open = resolve))
  given.gate('one', () => opened)
  write('a')
  await until(async () => (await state())?.lastCommand)
  write('b')
  await until(async () => (await state())?.error)
  write('c')
  open()
  for (const name of ['a', 'b', 'c']) await has(`/${name}`, name)
  assert.equal((await state())?.error, undefined)
})
