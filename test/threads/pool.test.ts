import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startAhead, ThreadPool } from '../../src/threads/pool.ts'
import { receive, send } from '../../src/threads/stream.ts'

const pool = new ThreadPool(2, 50)
after(() => pool.close())
const echo = new URL('./echo.js', import.meta.url)
const signal = new AbortController().signal

test('an error in a thread arrives as it was thrown', async () => {
  await assert.rejects(pool.run(echo, { how: 'fail' }, signal), {
    name: 'ReplicationError',
    code: 'corrupt',
    transient: false,
    final: true,
    faults: [{ pointer: '/a', message: 'b' }],
  })
})

test('a thread that dies fails its job, and the next job gets a new thread', async () => {
  await Promise.all(
    [1, 2, 3, 4].map(() => assert.rejects(pool.run(echo, { how: 'die' }, signal), { code: 'unavailable' })),
  )
  await assert.rejects(pool.run(echo, { how: 'fail' }, signal), { code: 'corrupt' })
})

test('a thread that was started ahead gets the first job of its module, whichever pool has it, and only that one', async () => {
  const [one, other] = [new ThreadPool(1), new ThreadPool(1)]
  try {
    startAhead(echo)
    startAhead(echo)
    // As another module, so that its thread is one made later.
    const later = await other.run<unknown, number>(new URL('?later', echo), { how: 'name' }, signal)
    const ahead = await one.run<unknown, number>(echo, { how: 'name' }, signal)
    assert.ok(ahead < later, `${ahead} was made after ${later}`)
    assert.equal(await one.run(echo, { how: 'name' }, signal), ahead)
    const third = new ThreadPool(1)
    assert.ok((await third.run<unknown, number>(echo, { how: 'name' }, signal)) > later)
    await third.close()
  } finally {
    await Promise.all([one.close(), other.close()])
  }
})

test('an aborted job ends, also while it waits for a thread', async () => {
  const abort = new AbortController()
  const jobs = [1, 2, 3].map(() => assert.rejects(pool.run(echo, { how: 'wait' }, abort.signal)))
  setTimeout(() => abort.abort(), 50)
  await Promise.all(jobs)
})

test('batches arrive in order and all', async () => {
  const job = pool.start<unknown, number>(echo, { how: 'count' }, signal)
  const seen: number[] = []
  for await (const n of receive<number>(job.port)) seen.push(n)
  assert.deepEqual(
    seen,
    Array.from({ length: 1000 }, (_, i) => i),
  )
  assert.equal(await job.result, 1000)
})

test('a sender stops soon after its receiver has left', async () => {
  const job = pool.start<unknown, number>(echo, { how: 'count' }, signal)
  for await (const n of receive<number>(job.port)) if (n === 10) break
  const sent = await job.result
  assert.ok(sent < 20, `${sent} were sent`)
})

test('what a thread sent before it ended arrives, however soon it ends', async () => {
  for (let i = 0; i < 200; i++) {
    const job = pool.start<unknown, void>(echo, { how: 'break off' }, signal)
    const seen: number[] = []
    await assert.rejects(async () => {
      for await (const n of receive<number>(job.port)) seen.push(n)
    }, /as asked/)
    assert.deepEqual(seen, [1])
    await job.result
  }
})

test('a job that never starts ends its stream', async () => {
  const job = pool.start<unknown, void>(echo, { how: 'count' }, AbortSignal.abort())
  await Promise.all([assert.rejects(job.result), assert.rejects(receive(job.port).next(), /ended before/)])
})

test('batches can be sent to a thread', async () => {
  const job = pool.start<unknown, number>(echo, { how: 'double' }, signal)
  await send(job.port, [1, 2, 3])
  assert.equal(await job.result, 6)
})

test('a stream that fails on the sending side fails on the receiving side', async () => {
  const job = pool.start<unknown, number>(echo, { how: 'double' }, signal)
  await send(
    job.port,
    (function* () {
      yield 1
      throw new Error('broken off')
    })(),
  )
  await assert.rejects(job.result, { message: 'broken off' })
})
