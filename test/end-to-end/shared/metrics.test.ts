/** What the servers of one installation tell of it, and what is left of that while their Redis is away. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { seriesIn } from '../../agents/metrics/scraped.ts'
import { until } from '../client.ts'
import type { Server } from '../server.ts'
import { plant } from '../trees.ts'
import { Installation, redisNeeded } from './installation.ts'

const scrape = async ({ client }: Server): Promise<ReadonlyMap<string, number>> => {
  const { status, body } = await client.call<string>('GET', '/metrics')
  assert.equal(status, 200)
  return seriesIn(body)
}

suite('metrics of several servers', redisNeeded, async () => {
  if (redisNeeded.skip !== false) return
  const installation = await Installation.start(['--maxmemory', '256mb'])
  const { folder, redis } = installation
  const servers = [await installation.server(), await installation.server()] as const
  plant(folder, { 'source/a.txt': 'four' })
  await servers[0].client.agent({
    name: 'a',
    source: { kind: 'directory', path: join(folder, 'source') },
    targets: [{ name: 'default', kind: 'directory', path: join(folder, 'target') }],
  })
  await servers[0].client.deliver('a', { paths: ['/a.txt'] })
  await servers[0].client.post('/agent/a/pause')
  for (const _ of [1, 2]) await servers[0].client.send('a', { paths: ['/a.txt'] })

  test('queues are the same on each, and what each has done adds up', async () => {
    const [one, other] = [await scrape(servers[0]), await scrape(servers[1])]
    const of = (name: string, labels = ''): (number | undefined)[] =>
      [one, other].map((series) => series.get(`trebuchet_${name}{agent="a",target="default"${labels}}`))
    assert.deepEqual(of('queue_size'), [2, 2])
    assert.deepEqual(of('queue_paused'), [1, 1])
    const sum = of('deliveries_total', ',result="delivered"').reduce<number>((all, count) => all + (count ?? NaN), 0)
    assert.equal(sum, 1)
    for (const series of [one, other]) {
      assert.equal(series.get('trebuchet_redis_up'), 1)
      assert.equal(series.get('trebuchet_redis_memory_max_bytes'), 256 * 1024 * 1024)
      assert.ok((series.get('trebuchet_redis_memory_used_bytes') ?? 0) > 0)
      assert.ok((series.get('trebuchet_redis_command_duration_seconds_count{result="ok"}') ?? 0) > 0)
      assert.equal(series.get('trebuchet_redis_disconnects_total'), 0)
    }
  })

  test('while Redis is away that is told, and what each has done; afterwards all is told again', async () => {
    await redis.stop('SIGKILL')
    const without = await until('Redis to be missed', async () => {
      const series = await scrape(servers[0])
      return series.get('trebuchet_state_up') === 0 && series
    })
    assert.equal(without.get('trebuchet_redis_up'), 0)
    assert.ok((without.get('trebuchet_redis_disconnects_total') ?? 0) > 0)
    assert.ok((without.get('trebuchet_redis_command_duration_seconds_count{result="failed"}') ?? 0) > 0)
    assert.ok([...without.keys()].every((key) => !key.startsWith('trebuchet_queue_size')))
    assert.ok(without.has('trebuchet_http_request_duration_seconds_count{result="2xx"}'))
    await redis.launch()
    const again = await until('Redis to be back', async () => {
      const series = await scrape(servers[0])
      return series.get('trebuchet_state_up') === 1 && series
    })
    assert.equal(again.get('trebuchet_redis_up'), 1)
    assert.equal(again.get('trebuchet_queue_size{agent="a",target="default"}'), 2)
  })
})
