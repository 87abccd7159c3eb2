/** An installation moves from one server's folder to a Redis, and back, in the middle of its work. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { trebuchet } from '../../cli/program.ts'
import { until } from '../client.ts'
import { scratch, Server } from '../server.ts'
import { assertSameTree, plant, textAt } from '../trees.ts'
import type { Accepted, AgentView, Command, HistoryEntry, Page, Queue } from '../views.ts'
import { Installation, redisNeeded } from './installation.ts'

const folder = scratch()
const source = join(folder, 'source')
const target = (name: string): string => join(folder, 'targets', name)

/** Embedded, whatever engine this run is for. */
const embedded = { REDIS_URL: '', REDIS_PREFIX: '' }

async function state(
  server: Server,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const outcome = await trebuchet(server.folder, ['state', ...args], { env: { ...environmentOf(server), ...env } })
  assert.equal(outcome.code, 0, outcome.stderr)
  return outcome.stderr
}

function environmentOf(server: Server): Record<string, string> {
  return Object.fromEntries(Object.entries(server.environment).filter(([, value]) => value !== undefined)) as Record<
    string,
    string
  >
}

/** All lines but the first: the state itself. */
function body(file: string): string {
  const text = readFileSync(file, 'utf8')
  return text.slice(text.indexOf('\n') + 1)
}

suite('an installation that moves', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start()
  const first = await Server.start({ env: embedded })
  const seen: { history: unknown; queues: unknown; finished: Command; waiting: Command; failed: Command } = {} as never
  const key = { 'idempotency-key': 'once' }
  let accepted: Accepted
  const export1 = join(folder, 'first.ndjson')
  const export2 = join(folder, 'second.ndjson')
  const export3 = join(folder, 'third.ndjson')

  const look = async ({ client }: Server): Promise<Pick<typeof seen, 'history' | 'queues'>> => ({
    history: (await client.get<Page<HistoryEntry>>('/agent/author/replicate/history')).body.items,
    queues: (await client.get<Page<Queue>>('/agent/author/queues')).body.items.map(({ name, size, state: one }) => [
      name,
      size,
      one,
    ]),
  })

  test('it has commands that are finished, that wait, and that failed for good', async () => {
    const { client } = first
    plant(source, { 'content/page.html': 'v1' })
    const agent = { source: { kind: 'directory', path: source } }
    await client.agent({
      name: 'author',
      ...agent,
      targets: ['one', 'two'].map((name) => ({ name, kind: 'directory', path: target(name) })),
    })
    await client.agent({
      ...{ name: 'strict', ...agent, queue: { onFailure: 'error-queue', attempts: 1 } },
      targets: [{ name: 'far', kind: 'remote', url: 'http://127.0.0.1:1', agent: 'x', token: 'a plain secret' }],
    })
    seen.finished = await client.deliver('author', { paths: ['/content'] })
    seen.failed = await client.replicate('strict', { paths: ['/content'] })
    assert.equal(seen.failed.state, 'failed')
    await client.post('/agent/author/queues/two/pause')
    plant(source, { 'content/page.html': 'v2' })
    const call = { json: { paths: ['/content'] }, headers: key }
    accepted = (await client.post<Accepted>('/agent/author/replicate', call)).body
    await until('the first of two targets to have it, which is also on record', async () => {
      seen.waiting = await client.command(accepted.id)
      return seen.waiting.agents[0]?.targets.some(({ state }) => state === 'delivered')
    })
    assert.equal(textAt(target('one'), 'content/page.html'), 'v2')
    assert.equal(seen.waiting.state, 'running')
    Object.assign(seen, await look(first))
  })

  test('while a server is there, its state is neither exported nor replaced', async () => {
    const outcome = await trebuchet(first.folder, ['state', 'export', export1], { env: environmentOf(first) })
    assert.equal(outcome.code, 1)
    assert.match(outcome.stderr, /in use by another server \(process \d+\)/)
    assert.ok(!existsSync(export1))
  })

  test('from the folder to Redis and back, the export stays the same, byte for byte', async () => {
    await first.end()
    assert.match(await state(first, ['export', export1, '--packages', join(folder, 'packages')]), /\(\d+ copied\)/)
    const second = await Server.prepare({ env: installation.environment })
    assert.match(await state(second, ['import', export1]), /warning: \d+ of these packages are not in /)
    await state(second, ['export', export2])
    const third = await Server.prepare({ env: embedded })
    await state(third, ['import', export2, '--packages', join(folder, 'packages')])
    await state(third, ['export', export3])
    assert.equal(body(export2), body(export1))
    assert.equal(body(export3), body(export1))
    assert.notEqual(readFileSync(export2, 'utf8'), readFileSync(export1, 'utf8'))
  })

  for (const [where, env] of [
    ['on Redis', installation.environment],
    ['in another folder', embedded],
  ] as const)
    test(`${where} everything is known as it was, what waited is delivered, and it goes on`, async () => {
      const server = await Server.prepare({ env: { ...env, REDIS_PREFIX: env['REDIS_PREFIX'] && 'moved' } })
      await state(server, ['import', export3, '--packages', join(folder, 'packages')])
      await server.launch()
      const { client } = server
      assert.deepEqual(await look(server), { history: seen.history, queues: seen.queues })
      for (const known of [seen.finished, seen.waiting, seen.failed])
        assert.deepEqual(await client.command(known.id), known)
      const again = await client.post<Accepted>('/agent/author/replicate', {
        json: { paths: ['/content'] },
        headers: key,
      })
      assert.deepEqual([again.headers.get('idempotent-replayed'), again.body], ['true', accepted])
      const { body: config } = await client.get<{ targets: readonly { token: unknown }[] }>('/config/strict')
      assert.deepEqual(config.targets[0]?.token, { secret: 'set' })

      rmSync(target('two'), { recursive: true })
      await client.post('/agent/author/queues/two/resume')
      assert.equal((await client.finished(accepted.id)).state, 'succeeded')
      assertSameTree(target('two'), source)
      await server.end()
    })

  test('servers that have nothing to do may be exported, and are in the way of an import', async () => {
    const server = await installation.server({ REDIS_PREFIX: 'quiet', PACKAGES_DIR: join(folder, 'quiet') })
    const file = join(folder, 'quiet.ndjson')
    await state(server, ['export', file])
    const outcome = await trebuchet(server.folder, ['state', 'import', file, '--replace'], {
      env: environmentOf(server),
    })
    assert.equal(outcome.code, 1)
    assert.match(outcome.stderr, /in use \(server on .*\): stop all servers first/)
    await server.end()
    await state(server, ['import', file, '--replace'])
    await server.launch()
    assert.deepEqual((await server.client.get<Page<AgentView>>('/agent')).body.items, [])
  })
})
