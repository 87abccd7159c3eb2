import assert from 'node:assert/strict'
import { test } from 'node:test'
import { untilFinished } from '../../../src/agents/commands/waiting.ts'
import { givenEngine } from '../given-engine.ts'
import { watchedStore } from '../watched-store.ts'

const never = new AbortController().signal

test('whoever waits for a command asks when he comes and when it has finished, and never in between', async (t) => {
  const given = await givenEngine(t, { idle: true })
  given.write('/content', 'page')
  await given.agent('author', ['one'])
  const command = await given.ask({ agents: ['author'] })
  let reads = 0
  const store = watchedStore(given.parts.store, { onRead: () => reads++ })
  const parts = { store, events: given.parts.events }
  const waiters = 50
  const waiting = Promise.all(Array.from({ length: waiters }, () => untilFinished(parts, command.id, 60_000, never)))
  // Others come and go meanwhile, and the command makes its way.
  for (let n = 0; n < 5; n++) {
    const other = await given.ask({ agents: ['author'], kind: 'export' })
    await given.export(other, 'author')
    await given.finished(other)
  }
  await given.export(command, 'author')
  assert.equal(reads, waiters)
  await given.deliver('author', 'one')
  await waiting
  assert.equal(reads, 2 * waiters)
  // Of what has finished nobody waits.
  await untilFinished(parts, command.id, 60_000, never)
  assert.equal(reads, 2 * waiters + 1)
})

test('waiting ends when the time is up, when the caller has gone, and when there is no such command', async (t) => {
  const given = await givenEngine(t, { idle: true })
  given.write('/content', 'page')
  await given.agent('author', ['one'])
  const { id } = await given.ask({ agents: ['author'] })
  // As a server's connections do: a deadline alone keeps no process alive.
  const alive = setInterval(() => undefined, 1000)
  t.after(() => clearInterval(alive))
  await untilFinished(given.parts, id, 20, never)
  const gone = new AbortController()
  const waiting = untilFinished(given.parts, id, 3_600_000, gone.signal)
  gone.abort()
  await waiting
  await untilFinished(given.parts, 'nobody', 3_600_000, never)
})
