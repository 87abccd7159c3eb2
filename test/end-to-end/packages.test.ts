import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant } from './trees.ts'
import type { Package, Page, Problem } from './views.ts'

const folder = scratch()
const [source, target] = [join(folder, 'source'), join(folder, 'target')]
plant(source, { 'content/a:b.txt': 'a', 'content/50%/c.txt': 'c', 'content/empty': null })
for (let n = 0; n < 7; n++) plant(source, { [`content/many/${n}.txt`]: `${n}`.repeat(1000) })

const server = await Server.start()
const { client } = server
await client.agent({
  name: 'publish',
  source: { kind: 'directory', path: source },
  targets: [{ name: 'default', kind: 'directory', path: target }],
})
const command = await client.replicate('publish', { paths: ['/content'] }, 'export')
const id = command.agents[0]?.package ?? ''
const content = `/replication/packages/${id}/content`

test('a package says what it is and where it comes from', async () => {
  const { status, body } = await client.get<Package>(`/packages/${id}`)
  assert.equal(status, 200)
  const { agent, action, roots, entries } = body
  assert.deepEqual(
    { id: body.id, command: body.command, agent, action, roots, entries },
    { id, command: command.id, agent: 'publish', action: 'add', roots: ['/content'], entries: 13 },
  )
  assert.equal(body.bytes, 7002)
  assert.match(body.createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
})

test('the zip is served with a name and a strong tag, and any unzip can open it', async () => {
  const response = await client.fetch('GET', content)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/zip')
  assert.match(response.headers.get('content-disposition') ?? '', /^attachment; filename="?[^"]*\.zip"?/)
  assert.match(response.headers.get('etag') ?? '', /^"[^"]+"$/)
  const bytes = new Uint8Array(await response.arrayBuffer())
  assert.equal(response.headers.get('content-length'), String(bytes.length))
  // Though fetch accepts it compressed.
  assert.equal(response.headers.get('content-encoding'), null)
  const zip = join(folder, 'package.zip')
  writeFileSync(zip, bytes)
  execFileSync('unzip', ['-tq', zip])
  const names = execFileSync('unzip', ['-Z1', zip], { encoding: 'utf8' }).split('\n')
  for (const name of ['META-INF/vault/filter.xml', 'META-INF/vault/properties.xml'])
    assert.ok(names.includes(name), names.join())
  assert.ok(names.some((name) => name.startsWith('jcr_root/content/many/')))
})

test('ranges of the zip are served', async () => {
  const whole = Buffer.from(await (await client.fetch('GET', content)).arrayBuffer())
  const ranges = {
    'bytes=0-99': whole.subarray(0, 100),
    'bytes=100-': whole.subarray(100),
    'bytes=-50': whole.subarray(-50),
    'bytes=0-0': whole.subarray(0, 1),
    [`bytes=10-${whole.length * 2}`]: whole.subarray(10),
  }
  for (const [range, expected] of Object.entries(ranges)) {
    const response = await client.fetch('GET', content, { headers: { range } })
    assert.equal(response.status, 206, range)
    assert.match(response.headers.get('content-range') ?? '', new RegExp(`^bytes \\d+-\\d+/${whole.length}$`))
    assert.ok(expected.equals(Buffer.from(await response.arrayBuffer())), range)
  }
  const beyond = await client.call<Problem>('GET', content, { headers: { range: `bytes=${whole.length}-` } })
  assert.equal(beyond.status, 416)
  assert.equal(beyond.headers.get('content-range'), `bytes */${whole.length}`)
})

test('a tag that still fits saves the transfer, one that does not voids the range', async () => {
  const tag = (await client.fetch('HEAD', content)).headers.get('etag') ?? ''
  const same = await client.fetch('GET', content, { headers: { 'if-none-match': tag } })
  assert.equal(same.status, 304)
  const other = await client.fetch('GET', content, { headers: { range: 'bytes=0-9', 'if-range': '"other"' } })
  assert.equal(other.status, 200)
  await other.arrayBuffer()
  const fits = await client.fetch('GET', content, { headers: { range: 'bytes=0-9', 'if-range': tag } })
  assert.equal(fits.status, 206)
  await fits.arrayBuffer()
})

test('the entries are paged, in path order', async () => {
  const found: Record<string, unknown>[] = []
  let path = `/replication/packages/${id}/entries?limit=5`
  for (;;) {
    const { status, body, headers } = await client.call<Page<Record<string, unknown>>>('GET', path)
    assert.equal(status, 200)
    assert.ok(body.items.length <= 5)
    found.push(...body.items)
    const link = /<([^>]+)>; rel="next"/.exec(headers.get('link') ?? '')?.[1]
    assert.equal(link === undefined, body.next === undefined)
    if (link === undefined) break
    path = link
  }
  assert.deepEqual(
    found.map((entry) => entry['path']),
    ['/content', '/content/50%', '/content/50%/c.txt', '/content/a:b.txt', '/content/empty', '/content/many'].concat(
      [0, 1, 2, 3, 4, 5, 6].map((n) => `/content/many/${n}.txt`),
    ),
  )
  const c = found.find((entry) => entry['path'] === '/content/50%/c.txt')
  assert.equal(c?.['size'], 1)
  assert.ok(String(c?.['digest']).includes(createHash('sha256').update('c').digest('hex')))
})

test('packages are listed in pages', async () => {
  for (let n = 0; n < 3; n++) await client.replicate('publish', { paths: [`/content/many/${n}.txt`] }, 'export')
  const found = new Set<string>()
  let cursor: string | undefined
  do {
    const query = { limit: 2, ...(cursor !== undefined && { cursor }) }
    const { body } = await client.get<Page<Package>>('/packages', { query })
    for (const item of body.items) found.add(item.id)
    cursor = body.next
  } while (cursor !== undefined)
  assert.equal(found.size, 4)
})

test('the same content gives the same package, another content another one', async () => {
  const again = await client.replicate('publish', { paths: ['/content'] }, 'export')
  assert.equal(again.agents[0]?.package, id)
  plant(source, { 'content/a:b.txt': 'b' })
  const other = await client.replicate('publish', { paths: ['/content'] }, 'export')
  assert.notEqual(other.agents[0]?.package, id)
  plant(source, { 'content/a:b.txt': 'a' })
})

test('a package is deleted, but not while a queue refers to it', async () => {
  await client.post('/agent/publish/pause')
  const { status, body } = await client.post<{ id: string }>('/agent/publish/import', { json: { package: id } })
  assert.equal(status, 202)
  const refused = await client.call<Problem>('DELETE', `/replication/packages/${id}`)
  assert.deepEqual([refused.status, refused.body.code], [409, 'conflict'])
  assert.equal((await client.get(`/packages/${id}`)).status, 200)
  await client.post('/agent/publish/resume')
  assert.equal((await client.finished(body.id)).state, 'succeeded')
  assertSameTree(target, source)
  assert.equal((await client.call('DELETE', `/replication/packages/${id}`)).status, 204)
  for (const path of [`/packages/${id}`, `/packages/${id}/content`, `/packages/${id}/entries`])
    assert.equal((await client.get(path)).status, 404)
  assert.equal((await client.call('DELETE', `/replication/packages/${id}`)).status, 404)
  const anew = await client.replicate('publish', { paths: ['/content'] }, 'export')
  assert.equal(anew.agents[0]?.package, id)
  assert.equal((await client.fetch('GET', content)).status, 200)
})
