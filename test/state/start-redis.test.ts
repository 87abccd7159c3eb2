import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { promisify } from 'node:util'
import type { RedisServer } from '../redis.ts'
import { ownRedis, ownStore, persistently, withRedis } from './given-redis.ts'

const script = resolve(import.meta.dirname, '../../../deploy/start-redis.sh')

/** A Redis that was killed, where `done` was answered, and `half` is the last that is in its file. */
async function killed(t: TestContext): Promise<{ server: RedisServer; file: string }> {
  const server = await ownRedis(t)
  const store = await ownStore(t, server.url)
  await store.commit({ writes: ['done', 'done too'].map((put) => ({ put, value: 1 })) })
  await store.commit({ writes: ['half', 'other half'].map((put) => ({ put, value: 'x'.repeat(100) })) })
  await server.stop('SIGKILL')
  const folder = join(server.folder, 'appendonlydir')
  const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.incr.aof')) ?? '')
  return { server, file }
}

/** Runs what docker-compose.yml runs, with something else than Redis to start. */
function start(folder: string): Promise<{ stdout: string; stderr: string }> {
  return promisify(execFile)('sh', [script, folder, 'echo', 'it starts'])
}

async function keysOf(t: TestContext, server: RedisServer): Promise<string[]> {
  await server.launch()
  const store = await ownStore(t, server.url)
  return (await persistently(() => store.range({ from: 'a', to: 'z', limit: 9 }))).map(({ key }) => key)
}

suite('what starts Redis', withRedis, () => {
  test('starts it where there is nothing yet, and where the file is whole, and changes nothing', async (t) => {
    const { server, file } = await killed(t)
    const before = readFileSync(file)
    assert.match((await start(server.folder)).stdout, /^it starts$/m)
    assert.deepEqual(readFileSync(file), before)
    assert.equal((await start(join(server.folder, 'nothing'))).stdout, 'it starts\n')
    assert.deepEqual(await keysOf(t, server), ['done', 'done too', 'half', 'other half'])
  })

  test('cuts off a batch that the failure of a machine has cut, all of it and nothing else', async (t) => {
    for (const bytes of [1, 60, 200]) {
      const { server, file } = await killed(t)
      truncateSync(file, statSync(file).size - bytes)
      assert.match((await start(server.folder)).stdout, /^it starts$/m)
      assert.deepEqual(await keysOf(t, server), ['done', 'done too'])
    }
  })

  test('does not cut off more than a batch, and does not start Redis then', async (t) => {
    const { server, file } = await killed(t)
    const size = statSync(file).size + 100_000_000
    truncateSync(file, size)
    await assert.rejects(start(server.folder), (error: { code: number; stdout: string; stderr: string }) => {
      assert.deepEqual([error.code, error.stdout], [1, ''])
      assert.match(error.stderr, /damaged before its end: copy it, then see redis-check-aof --fix/)
      return true
    })
    assert.equal(statSync(file).size, size)
  })
})
