/** A Redis that is away, hangs, is full or may not be written, as callers and operators see it. */
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { until } from '../client.ts'
import { Installation, redisNeeded } from './installation.ts'
import { plant, textAt } from '../trees.ts'
import type { Problem } from '../views.ts'

suite('Redis in trouble', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const { redis, folder } = installation
  const server = await installation.server()
  const { client } = server
  const source = join(folder, 'source')
  const target = join(folder, 'target')
  plant(source, { 'content/page.html': 'v0' })
  await client.agent({
    name: 'publish',
    source: { kind: 'directory', path: source },
    targets: [{ name: 'default', kind: 'directory', path: target }],
  })

  const replicate = (): Promise<{ status: number; text: string }> =>
    client.post('/agent/publish/replicate', { json: { paths: ['/content'] } })

  /** Every call is answered in time, and says what is wrong. */
  async function unavailable(...calls: (() => Promise<{ status: number; text: string }>)[]): Promise<void> {
    for (const call of calls) {
      const start = performance.now()
      const { status, text } = await call()
      assert.equal(status, 503, text)
      assert.equal((JSON.parse(text) as Problem).code, 'unavailable')
      // Two seconds are promised; a busy machine may take a moment more.
      assert.ok(performance.now() - start < 5000, 'a caller waits for ever')
    }
    assert.ok(await server.isAlive())
  }

  const read = (): Promise<{ status: number; text: string }> => client.get('/agent/publish')
  const ready = async (): Promise<{ status: number; text: string }> => {
    const response = await fetch(`${client.origin}/health/ready`)
    return { status: response.status, text: await response.text() }
  }

  async function goesOn(text: string): Promise<void> {
    plant(source, { 'content/page.html': text })
    const id = await until('a command to be accepted', async () => {
      const { status, text: answer } = await replicate()
      return status === 202 && (JSON.parse(answer) as { id: string }).id
    })
    assert.equal((await client.finished(id)).state, 'succeeded')
    assert.equal(textAt(target, 'content/page.html'), text)
  }

  test('away: calls are refused in time, and all goes on when it is back', async () => {
    await goesOn('before')
    await redis.stop('SIGKILL')
    await unavailable(replicate, read, ready)
    await redis.launch()
    await goesOn('after it was away')
  })

  test('hanging: calls are refused in time, and all goes on when it answers again', async () => {
    redis.pause()
    await unavailable(replicate, read, ready)
    redis.resume()
    await goesOn('after it hung')
  })

  test('full: nothing more is accepted, everything can be read, and all goes on when there is room', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory', '1mb')
    await unavailable(replicate)
    assert.equal((await read()).status, 200)
    assert.match((await ready()).text, /memory/)
    await redis.command('CONFIG', 'SET', 'maxmemory', '0')
    await goesOn('after it was full')
  })

  test('read-only: nothing more is accepted, and all goes on when it may be written', async () => {
    await redis.command('REPLICAOF', '127.0.0.1', '1')
    await unavailable(replicate)
    await redis.command('REPLICAOF', 'NO', 'ONE')
    await goesOn('after it was read-only')
  })

  test('what waits for its next attempt while Redis is away is delivered when both are back', async () => {
    rmSync(target, { recursive: true })
    writeFileSync(target, 'in the way')
    plant(source, { 'content/page.html': 'waited' })
    const id = await client.send('publish', { paths: ['/content'] })
    await until('a failed attempt', async () => (await client.command(id)).state === 'retrying')
    await redis.stop('SIGKILL')
    rmSync(target)
    mkdirSync(target)
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await redis.launch()
    assert.equal((await client.finished(id)).state, 'succeeded')
    assert.equal(textAt(target, 'content/page.html'), 'waited')
  })

  test('what Redis does not keep is said, and the server is ready all the same', async () => {
    assert.deepEqual(JSON.parse((await ready()).text), { status: 'ready', warnings: [] })
    await redis.command('CONFIG', 'SET', 'appendfsync', 'everysec')
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru')
    const { status, text } = await ready()
    assert.equal(status, 200)
    assert.match(text, /appendfsync everysec.*maxmemory-policy allkeys-lru/)
    await redis.command('CONFIG', 'SET', 'appendfsync', 'always')
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction')
  })

  test('a server ends in order while Redis hangs, and while it is away', async () => {
    const other = await installation.server()
    redis.pause()
    await other.end()
    redis.resume()
    const third = await installation.server()
    await redis.stop('SIGKILL')
    await third.end()
    await redis.launch()
    await goesOn('after others had gone')
  })

  test('a server that starts before its Redis waits for it', async () => {
    await redis.stop('SIGTERM')
    const early = installation.server()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    await redis.launch()
    await (await early).end()
  })
})
