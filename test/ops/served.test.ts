/** What a server serves at /metrics. */
import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { seriesIn } from '../agents/metrics/scraped.ts'
import { Server } from '../end-to-end/server.ts'
import { plant } from '../end-to-end/trees.ts'
import { onRedis } from '../home.ts'
import { documented, familyOf, promtool } from './promtool.ts'

const [author, publish] = [await Server.start(), await Server.start()]

async function scrape({ client }: Server): Promise<string> {
  return (await client.call<string>('GET', '/metrics')).body
}

plant(author.folder, { 'source/a.txt': 'four' })
mkdirSync(join(publish.folder, 'target'))
await publish.client.agent({ name: 'import', targets: [{ kind: 'directory', path: join(publish.folder, 'target') }] })
await author.client.agent({
  name: 'publish',
  source: { kind: 'directory', path: join(author.folder, 'source') },
  targets: [{ name: 'far', kind: 'remote', url: publish.client.origin, agent: 'import' }],
})
await author.client.deliver('publish', { paths: ['/a.txt'] })

test('promtool finds nothing wrong with it', async (t) => promtool(t, ['check', 'metrics'], await scrape(author)))

test('docs/OPERATIONS.md lists every metric, of its kind and with its labels, and none besides', async () => {
  const text = await scrape(author)
  const table = documented()
  const kinds = new Map([...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name = '', kind = '']) => [name, kind]))
  const listed = [...table].filter(([name]) => onRedis || !name.startsWith('trebuchet_redis_'))
  assert.deepEqual(Object.fromEntries(kinds), Object.fromEntries(listed.map(([name, { kind }]) => [name, kind])))
  const histograms = new Set([...kinds].filter(([, kind]) => kind === 'histogram').map(([name]) => name))
  for (const key of seriesIn(text).keys()) {
    const [, name = '', labels = ''] = /^(\w+)(?:\{(.*)\})?$/.exec(key) ?? []
    const used = [...labels.matchAll(/(\w+)="/g)].map(([, label]) => label).filter((label) => label !== 'le')
    if (!name.startsWith('trebuchet_')) continue
    assert.deepEqual(used, table.get(familyOf(name, histograms))?.labels, key)
  }
})

test('no label is there but agent, target and result, save the version in the one that tells of the software', () => {
  const labels = [...documented()]
    .filter(([name]) => name.startsWith('trebuchet_') && name !== 'trebuchet_build_info')
    .flatMap(([, { labels: own }]) => own)
  assert.deepEqual([...new Set(labels)].toSorted(), ['agent', 'result', 'target'])
})

test('what goes to another server is sent there, and then applied there', async () => {
  const [here, there] = [seriesIn(await scrape(author)), seriesIn(await scrape(publish))]
  const far = 'agent="publish",target="far"'
  for (const phase of ['transfer', 'apply'])
    assert.equal(here.get(`trebuchet_${phase}_duration_seconds_count{${far},result="ok"}`), 1, phase)
  assert.equal(here.get(`trebuchet_delivered_bytes_total{${far}}`), 4)
  const near = 'agent="import",target="default",result="ok"'
  assert.equal(there.get(`trebuchet_transfer_duration_seconds_count{${near}}`), undefined)
  assert.equal(there.get(`trebuchet_apply_duration_seconds_count{${near}}`), 1)
})

test('answers are counted by their class; not those that wait, health checks and scrapes', async () => {
  const count = async (result: string): Promise<number> =>
    seriesIn(await scrape(author)).get(`trebuchet_http_request_duration_seconds_count{result="${result}"}`) ?? 0
  const [fine, wrong] = [await count('2xx'), await count('4xx')]
  await author.client.get('/agent')
  await author.client.get('/agent/nobody')
  await author.client.call('GET', '/health/ready')
  await author.client.deliver('publish', { paths: ['/a.txt'] })
  assert.deepEqual([await count('2xx'), await count('4xx')], [fine + 1, wrong + 1])
})
