import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startAhead, ThreadPool } from '../../src/threads/pool.ts'
import { receive, send } from '../../src/threads/stream.ts'

const pool = new ThreadPool(2)
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
  const pools = [new ThreadPool(1), new ThreadPool(1)]
  const [one, other] = pools as [ThreadPool, ThreadPool]
  const [first, second] = [new URL('?first', echo), new URL('?second', echo)]
  try {
    startAhead(first)
    startAhead(first)
    // A job of another module leaves it alone.
    const later = await other.run<unknown, number>(second, { how: 'name' }, signal)
    const ahead = await one.run<unknown, number>(first, { how: 'name' }, signal)
    assert.notEqual(ahead, later)
    assert.equal(await other.run(first, { how: 'name' }, signal), ahead, 'it has loaded that')
    assert.equal(await one.run(second, { how: 'name' }, signal), later)
  } finally {
    await Promise.all(pools.map((each) => each.close()))
  }
})

test('a thread that does nothing does the next job of any pool', async () => {
  const pools = [new ThreadPool(1), new ThreadPool(1)]
  const [one, other] = pools as [ThreadPool, ThreadPool]
  const name = await one.run<unknown, number>(echo, { how: 'name' }, signal)
  assert.equal(await other.run(new URL('?other', echo), { how: 'name' }, signal), name)
  const both = pools.map((each) => each.run<unknown, number>(echo, { how: 'name' }, signal))
  assert.equal(new Set(await Promise.all(both)).size, 2, 'no thread does two jobs at a time')
  await Promise.all(pools.map((each) => each.close()))
  await assert.rejects(one.run(echo, { how: 'name' }, signal), { code: 'unavailable' })
})

test('of one pool no more jobs are done at a time than it has threads, in their order', async () => {
  const small = new ThreadPool(1)
  const done: number[] = []
  await Promise.all(
    [1, 2, 3].map(async (n) => {
      await small.run(echo, { how: 'name' }, signal)
      done.push(n)
    }),
  )
  assert.deepEqual(done, [1, 2, 3])
  await small.close()
})

test('an aborted job ends, also while it waits for a thread', async () => {
  const abort = new AbortController()
  const jobs = [1, 2, 3].map(() => assert.rejects(pool.run(echo, { how: 'wait' }, abort.signal)))
  setTimeout(() => abort.abort(), 50)
  await Promise.all(jobs)
})

test('a job that is aborted while it waits for a thread ends at once', async () => {
  const small = new ThreadPool(1)
  const until = new SharedArrayBuffer(4)
  const first = small.run(echo, { how: 'stand still', until }, signal)
  const abort = new AbortController()
  const waiting = small.run(echo, { how: 'name' }, abort.signal)
  const last = small.run<unknown, number>(echo, { how: 'name' }, signal)
  abort.abort(new Error('not any more'))
  await assert.rejects(waiting, /not any more/)
  release(until)
  assert.equal(await last, await first)
  await small.close()
})

test('a job that stands still gives its turn to the next, until there are as many as there may be', async () => {
  const small = new ThreadPool(1, 2)
  const [first, second] = [new SharedArrayBuffer(4), new SharedArrayBuffer(4)]
  const still = [first, second].map((until) => small.run<unknown, number>(echo, { how: 'stand still', until }, signal))
  const ended: string[] = []
  const last = small.run(echo, { how: 'name' }, signal).then(() => ended.push('last'))
  // It is let go by what comes behind the first, which goes on standing still.
  release(second)
  void still[1]?.then(() => ended.push('second'))
  await last
  assert.deepEqual(ended, ['second', 'last'])
  release(first)
  await still[0]
  assert.equal((await Promise.all(still)).length, 2)
  // Then they are one at a time again.
  const third = new SharedArrayBuffer(4)
  const [holding, next] = [
    small.run<unknown, number>(echo, { how: 'stand still', until: third }, signal),
    small.run<unknown, number>(echo, { how: 'name' }, signal),
  ]
  release(third)
  assert.equal(await next, await holding)
  await small.close()
})

function release(until: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(until), 0, 1)
  Atomics.notify(new Int32Array(until), 0)
}

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
