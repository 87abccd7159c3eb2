import assert from 'node:assert/strict'
import { availableParallelism } from 'node:os'
import { after, test } from 'node:test'
import { MessageChannel } from 'node:worker_threads'
import { Assistant } from '../../src/threads/assistant.ts'
import { ThreadPool } from '../../src/threads/pool.ts'
import type { Ask } from './share.ts'

const pool = new ThreadPool(4)
after(() => pool.close())
const share = new URL('./share.js', import.meta.url)
const echo = new URL('./echo.js', import.meta.url)
const signal = new AbortController().signal
const alone = { skip: availableParallelism() < 2 && 'there is one processor' }

interface Shared {
  readonly by: number
  readonly told: readonly { readonly n: number; readonly by: number }[]
}

async function shared(ask: Ask, asked = signal): Promise<Shared> {
  return pool.run<Ask, Shared>(share, ask, asked)
}

test(
  'another thread does what a job gives away, in the order of giving, though the job never waits meanwhile',
  alone,
  async () => {
    const { by, told } = await shared({ how: 'do', tasks: 10 })
    assert.deepEqual(
      told.map(({ n }) => n),
      [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    )
    assert.equal(new Set(told.map((each) => each.by)).size, 1)
    assert.notEqual(told[0]?.by, by)
  },
)

test('what an assistant throws arrives as it was thrown', alone, async () => {
  await assert.rejects(shared({ how: 'fail', tasks: 3 }), { name: 'ReplicationError', code: 'corrupt' })
})

test('an assistant that dies fails what it had, and so the job', alone, async () => {
  await assert.rejects(shared({ how: 'die', tasks: 3 }), { code: 'unavailable', message: /ended unexpectedly/ })
  assert.equal((await shared({ how: 'do', tasks: 2 })).told.length, 2)
})

test('a job goes on at once when it hears that its assistant has died', async () => {
  const { port1, port2 } = new MessageChannel()
  const assistant = new Assistant<number, number>(port1)
  port2.postMessage('ready')
  const given = assistant.give(1)
  port2.close()
  await assert.rejects(given ?? Promise.resolve(), { code: 'unavailable' })
  assert.equal(assistant.give(2), undefined)
})

test('an abort reaches the assistant, for whom the job waits', alone, async () => {
  const abort = new AbortController()
  const job = pool.start<Ask, Shared>(share, { how: 'wait', tasks: 1 }, abort.signal)
  job.port.on('message', () => abort.abort())
  await assert.rejects(job.result, { name: 'ReplicationError', code: 'unavailable' })
})

test('an assistant of a job that is over before it comes does not stay', alone, async () => {
  for (let i = 0; i < 3; i++) await shared({ how: 'ask only', tasks: 0 })
  // It comes only if no other is at work.
  assert.equal((await shared({ how: 'do', tasks: 2 })).told.length, 2)
})

test('nobody helps while all processors have something to do, or another job waits', async () => {
  const busy = new AbortController()
  const jobs = Array.from({ length: availableParallelism() - 1 }, async () =>
    assert.rejects(pool.run(echo, { how: 'wait' }, busy.signal)),
  )
  assert.equal((await shared({ how: 'do', tasks: 1 })).told.length, 0)
  busy.abort()
  await Promise.all(jobs)
  const small = new ThreadPool(1)
  const both = [1, 2].map(() => small.run<Ask, Shared>(share, { how: 'do', tasks: 1 }, signal))
  assert.equal((await both[0])?.told.length, 0)
  await both[1]
  await small.close()
})
