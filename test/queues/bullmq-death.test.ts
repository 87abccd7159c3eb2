/** What becomes of the work of servers that die, or stand still and come back. */
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { suite, test, type TestContext } from 'node:test'
import type { Task } from '../../src/queues/work.ts'
import { delivery, promised } from './given.ts'
import { needsServer, OwnRedis, type WorkOptions } from './given-bullmq.ts'

const brisk: WorkOptions = { lockMs: 1500, stalledMs: 500 }

/** A server in a process of its own: see serving.ts. */
class Serving {
  readonly #child: ChildProcess
  readonly #said: string[] = []
  #listener: (() => void) | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    if (child.stdout === null) throw new Error('it says nothing')
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#said.push(line)
      this.#listener?.()
    })
  }

  static start(t: TestContext, { server }: OwnRedis, options: WorkOptions): Serving {
    const program = join(import.meta.dirname, 'serving.js')
    const child = spawn(process.execPath, [program, server.url, 'test', JSON.stringify(options)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(() => child.kill('SIGKILL'))
    return new Serving(child)
  }

  async said(line: string): Promise<void> {
    while (!this.#said.includes(line)) await new Promise<void>((resolve) => (this.#listener = resolve))
  }

  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(signal)
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
  }
}

suite('The work of servers that die', { ...needsServer, timeout: 60_000, concurrency: 3 }, () => {
  test('what a killed server was doing, another does', async (t) => {
    const redis = await OwnRedis.start(t)
    const dying = Serving.start(t, redis, {})
    const done = promised<Task>()
    const work = redis.open()
    const task = { ...delivery('lane', { agent: 'publish1' }), label: 'first' }
    await work.wake(task)
    await dying.said('began lane')
    work.handle(
      'deliveries',
      async (seen) => {
        done.fulfil(seen)
        return undefined
      },
      { concurrency: 1 },
    )
    await work.start()
    await dying.kill()
    assert.deepEqual(await done.promise, task)
  })

  test('a server that starts goes on with what a killed one was doing, and leaves to the living what is theirs', async (t) => {
    const redis = await OwnRedis.start(t)
    // Nobody would wait for these locks to lapse.
    const patient = { lockMs: 3_600_000, stalledMs: 3_600_000 }
    const living = Serving.start(t, redis, patient)
    const work = redis.open(patient)
    await work.wake(delivery('living'))
    await living.said('began living')
    const dying = Serving.start(t, redis, patient)
    await work.wake(delivery('lane'))
    await dying.said('began lane')
    await dying.kill()
    const seen: string[] = []
    const done = promised()
    work.handle(
      'deliveries',
      async ({ key }) => {
        seen.push(key)
        done.fulfil()
        return undefined
      },
      { concurrency: 2 },
    )
    await work.start()
    await done.promise
    assert.deepEqual(seen, ['lane'])
  })

  test('a task that was under way in two servers that died is no worse than others', async (t) => {
    const redis = await OwnRedis.start(t)
    const work = redis.open(brisk)
    await work.wake(delivery('lane'))
    for (let i = 0; i < 2; i++) {
      const dying = Serving.start(t, redis, brisk)
      await dying.said('began lane')
      await dying.kill()
    }
    const done = promised()
    work.handle(
      'deliveries',
      async () => {
        done.fulfil()
        return undefined
      },
      { concurrency: 1 },
    )
    await work.start()
    await done.promise
    assert.deepEqual(redis.logged, [])
  })

  test('a server that stood still and comes back hears that its work is another’s, and has no say in it', async (t) => {
    const redis = await OwnRedis.start(t)
    const standing = Serving.start(t, redis, brisk)
    const work = redis.open(brisk)
    const begun = promised()
    const go = promised()
    const last = promised()
    let runs = 0
    work.handle(
      'deliveries',
      async ({ key }) => {
        if (key === 'last') last.fulfil()
        else {
          runs++
          begun.fulfil()
          await go.promise
        }
        return undefined
      },
      { concurrency: 2 },
    )
    await work.wake(delivery('lane'))
    await standing.said('began lane')
    await work.start()
    standing.signal('SIGSTOP')
    await begun.promise
    standing.signal('SIGCONT')
    await standing.said('aborted lane')
    // Had its answer counted, the lane would go on at once.
    await new Promise((resolve) => setTimeout(resolve, 300))
    go.fulfil()
    await standing.kill()
    await work.wake(delivery('last'), Date.now() + 300)
    await last.promise
    assert.equal(runs, 1)
  })
})
