/** Several servers that share one Redis and one folder of packages. */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { until } from '../client.ts'
import { Installation, redisNeeded } from './installation.ts'
import { scratch, Server } from '../server.ts'
import { assertSameTree, plant, textAt } from '../trees.ts'
import type { Accepted, AgentView, Command, Page } from '../views.ts'

suite('several servers', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const { folder } = installation
  const first = await installation.server()
  const second = await installation.server()
  const both = [first.client, second.client] as const

  async function agent(name: string, targets: readonly string[] = ['default']): Promise<string> {
    const source = join(folder, name, 'source')
    plant(source, { 'content/page.html': 'v1' })
    await first.client.agent({
      name,
      source: { kind: 'directory', path: source },
      targets: targets.map((target) => ({ name: target, kind: 'directory', path: join(folder, name, target) })),
    })
    return source
  }

  test('what is changed on one is so on the other at once', async () => {
    await agent('shown')
    const [here, there] = both
    assert.equal((await there.get<AgentView>('/agent/shown')).body.state, 'idle')
    await there.post('/agent/shown/pause')
    assert.equal((await here.get<AgentView>('/agent/shown')).body.state, 'paused')
    const id = await here.send('shown', { paths: ['/content'] })
    assert.equal((await there.command(id)).id, id)
    await here.post('/agent/shown/resume')
    assert.equal((await there.finished(id)).state, 'succeeded')
    assert.equal((await there.call('DELETE', '/replication/config/shown')).status, 204)
    assert.equal((await here.get('/agent/shown')).status, 404)
  })

  test('a command on one whose answer is awaited may be carried out by the other', async () => {
    const source = await agent('awaited')
    for (let n = 0; n < 6; n++) {
      plant(source, { 'content/page.html': `v${n}` })
      const command = await both[n % 2 === 0 ? 0 : 1].deliver('awaited', { paths: ['/content'] })
      assert.equal(textAt(join(folder, 'awaited/default'), 'content/page.html'), `v${n}`)
      for (const client of both) assert.deepEqual(await client.command(command.id), command)
    }
  })

  test('the same key sent to both at the same time is one command', async () => {
    await agent('once')
    const call = { json: { paths: ['/content'] }, headers: { 'idempotency-key': 'the-same' } }
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        both[i % 2 === 0 ? 0 : 1].post<Accepted>('/agent/once/replicate', call).then(async (answer) =>
          // In one process, the first that is still being handled is said to be so.
          answer.status === 409 ? first.client.post<Accepted>('/agent/once/replicate', call) : answer,
        ),
      ),
    )
    await until('all of them to be answered', async () => {
      const again = await second.client.post<Accepted>('/agent/once/replicate', call)
      return again.status === 202
    })
    const ids = new Set(answers.filter(({ status }) => status === 202).map(({ body }) => body.id))
    assert.equal(ids.size, 1, JSON.stringify(answers.map(({ status, text }) => ({ status, text }))))
    const { body } = await first.client.get<Page<Command>>('/commands', { query: { agent: 'once' } })
    assert.equal(body.items.length, 1)
  })

  test('exports and deliveries share out over all servers, each lane in order', async () => {
    const names = Array.from({ length: 12 }, (_, i) => `shared${i}`)
    const sources = new Map<string, string>()
    for (const name of names) sources.set(name, await agent(name, ['one', 'two']))
    for (let n = 1; n <= 4; n++) {
      for (const name of names) plant(sources.get(name) ?? '', { 'content/page.html': `v${n}` })
      await Promise.all(names.map((name, i) => both[(i + n) % 2 === 0 ? 0 : 1].send(name, { paths: ['/content'] })))
    }
    for (const name of names)
      for (const target of ['one', 'two'])
        await until(`v4 in ${name}`, async () => textAt(join(folder, name, target), 'content/page.html') === 'v4')
    for (const server of [first, second])
      for (const done of ['package ready', 'delivery applied'])
        await until(`a server to say: ${done}`, async () => server.output.includes(`"msg":"${done}"`))
  })

  test('a server does what its roles say', async () => {
    const caller = await installation.server({ ROLES: 'api' })
    const worker = await installation.server({ ROLES: 'worker' })
    assert.equal((await fetch(`${worker.client.origin}/health/ready`)).status, 200)
    assert.equal((await worker.client.get('/agent')).status, 404)
    const source = await agent('roles')
    await Promise.all([first.end(), second.end()])
    await caller.client.deliver('roles', { paths: ['/content'] })
    assertSameTree(join(folder, 'roles/default'), source)
    // A line is written behind the commit that others see.
    await until('the worker to say so', async () => worker.output.includes('delivery applied'))
    assert.ok(!caller.output.includes('delivery applied'))
    await worker.end()
    const waiting = await caller.client.send('roles', { paths: ['/content'] })
    await new Promise((resolve) => setTimeout(resolve, 300))
    assert.equal((await caller.client.command(waiting)).state, 'queued')
    await first.launch()
    await second.launch()
    assert.equal((await caller.client.finished(waiting)).state, 'succeeded')
    await caller.end()
  })

  test('a server that sees another folder of packages does not start, and says so', async () => {
    const astray = await Server.prepare({
      env: { ...installation.environment, PACKAGES_DIR: join(scratch(), 'other') },
    })
    astray.spawn()
    assert.notEqual((await astray.ended()).code, 0)
    assert.match(astray.output, /trebuchet: PACKAGES_DIR .* is not the folder that the other servers/)
  })

  test('a server that is ended in order hands its work to the others, and loses nothing', async () => {
    const source = await agent('handed')
    const ids: string[] = []
    for (let n = 0; n < 20; n++) {
      plant(source, { 'content/page.html': `v${n}` })
      ids.push(await first.client.send('handed', { paths: ['/content'] }))
      if (n === 10) void second.end()
    }
    for (const id of ids) assert.equal((await first.client.finished(id)).state, 'succeeded')
    assert.equal(textAt(join(folder, 'handed/default'), 'content/page.html'), 'v19')
    rmSync(join(folder, 'handed'), { recursive: true })
  })
})
