import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { openShared } from '../../src/state/redis/store.ts'
import { freePort } from '../redis.ts'
import { everyCall, ownClients, ownRedis, unavailable, withRedis } from './given-redis.ts'

suite('closing while Redis is in trouble', withRedis, () => {
  test('ends reads that wait for a connection at once, and all else in time', async (t) => {
    const clients = ownClients(t, { url: `redis://127.0.0.1:${await freePort()}` })
    const store = openShared(clients)
    const calls = Promise.all(everyCall(store).map((call) => unavailable(call)))
    // Neither this nor what a worker waits for is ever sent.
    const worker = assert.rejects(clients.workers.ping())
    await new Promise((resolve) => setTimeout(resolve, 300))
    const read = unavailable(store.get('a'), /closed/)
    const closing = store.close()
    await read
    await Promise.all([calls, closing])
    clients.close()
    await worker
  })

  test('ends what hangs, and commits under way are known to be lost in time', async (t) => {
    const server = await ownRedis(t)
    const clients = ownClients(t, { url: server.url })
    const store = openShared(clients)
    await store.commit({ writes: [{ append: 'log', value: 1 }] })
    const follower = store.follow('log', 0, new AbortController().signal)[Symbol.asyncIterator]()
    await follower.next()
    const followed = follower.next()
    server.pause()
    const read = unavailable(store.get('a'), /closed/)
    const committed = unavailable(store.commit({ writes: [{ put: 'a', value: 1 }] }))
    const worker = assert.rejects(clients.workers.ping())
    await new Promise((resolve) => setTimeout(resolve, 50))
    const closing = store.close()
    await Promise.all([read, unavailable(followed, /closed/)])
    await Promise.all([committed, closing])
    clients.close()
    await worker
    server.resume()
  })

  for (const trouble of ['none', 'away', 'hanging', 'hung again', 'without Sentinel'] as const)
    test(`leaves nothing that keeps the process: ${trouble}`, async (t) => {
      const server = await ownRedis(t)
      const port = trouble === 'away' || trouble === 'without Sentinel' ? await freePort() : server.port
      const child = spawn(process.execPath, [join(import.meta.dirname, 'closer.js'), String(port), trouble], {
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      t.after(() => child.kill('SIGKILL'))
      const said = text(child.stderr)
      // It says when it is where it should be.
      await once(child.stdout, 'data')
      if (trouble === 'hanging' || trouble === 'hung again') server.pause()
      child.stdin.end()
      const [code] = (await once(child, 'exit')) as [number]
      server.resume()
      assert.deepEqual([code, await said], [0, ''])
    })
})
