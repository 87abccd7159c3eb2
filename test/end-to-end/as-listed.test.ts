/** Whether another server holds just what a package lists: asked before all of it is listed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { HttpCaller } from '../../src/endpoints/http-caller.ts'
import { remoteHoldings } from '../../src/endpoints/remote/holdings.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { parsePath } from '../../src/resources/path.ts'
import type { Resource } from '../../src/resources/resource.ts'
import { changesOf, headerOf, never, origin } from '../packages/trees.ts'
import { scratch, Server } from './server.ts'
import { plant } from './trees.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server
const place = join(folder, 'held')
const content = parsePath('/content')
const files = { 'content/a': 'is there', 'content/sub/b': 'ü "quoted"', 'content/sub/c': 'c' }
plant(place, files)
await client.agent({ name: 'far', targets: [{ name: 'default', kind: 'directory', path: place }] } as never)
const holdings = remoteHoldings(new HttpCaller(client.origin, {}, {}), 'far')

const store = await PackageStore.open(join(folder, 'packages'))
const { id, listing = '' } = await store.write(
  headerOf('/content'),
  changesOf({
    ...{ '/content': null, '/content/a': 'is there', '/content/sub': null },
    ...{ '/content/sub/b': files['content/sub/b'], '/content/sub/c': 'c' },
  }),
  origin,
  never,
)

test('a server that holds what a package lists says so, and otherwise that it does not', async () => {
  const asked = async (): Promise<boolean> => (await holdings.listedAs?.(content, [listing], never)) === listing
  assert.equal(await asked(), true)
  for (const [change, back] of [
    [
      () => writeFileSync(join(place, 'content/a'), 'is THERE'),
      () => writeFileSync(join(place, 'content/a'), 'is there'),
    ],
    [() => mkdirSync(join(place, 'content/more')), () => rmSync(join(place, 'content/more'), { recursive: true })],
    [() => rmSync(join(place, 'content/sub/c')), () => writeFileSync(join(place, 'content/sub/c'), 'c')],
  ] as const) {
    change()
    assert.equal(await asked(), false)
    back()
    assert.equal(await asked(), true)
  }
})

test('of several listings the one is named that it is, and an older server knows none of several', async () => {
  const other = '0'.repeat(64)
  assert.equal(await holdings.listedAs?.(content, [other, listing], never), listing)
  assert.equal(await holdings.listedAs?.(content, [listing, other], never), listing)
  assert.equal(await holdings.listedAs?.(content, [other, '1'.repeat(64)], never), undefined)
  // One that knows of a single tag takes two for none, and answers with the list.
  const older = createServer((request, response) => {
    response.writeHead(/^"[0-9a-f]{64}"$/.test(request.headers['if-none-match'] ?? '') ? 304 : 200, {
      etag: `"${listing}"`,
    })
    response.end()
  })
  older.listen(0, '127.0.0.1')
  await once(older, 'listening')
  try {
    const at = `http://127.0.0.1:${(older.address() as AddressInfo).port}`
    const there = remoteHoldings(new HttpCaller(at, {}, {}), 'far')
    assert.equal(await there.listedAs?.(content, [listing], never), listing)
    assert.equal(await there.listedAs?.(content, [listing, other], never), undefined)
  } finally {
    older.closeAllConnections()
    older.close()
  }
})

test('who asks for the list with the digest of what he knows gets it when it differs', async () => {
  const list = async (known: string): Promise<Response> =>
    fetch(`${client.origin}/replication/agent/far/holdings?path=/content`, {
      headers: { 'if-none-match': `"${known}"` },
    })
  const same = await list(listing)
  assert.deepEqual([same.status, same.headers.get('etag'), await same.text()], [304, `"${listing}"`, ''])
  const other = await list('0'.repeat(64))
  assert.equal(other.status, 200)
  assert.match(await other.text(), /\{"end":5\}\n$/)
})

test('the digest of what a package lists is the same for who makes it, and for who receives it', async () => {
  const { file } = await store.file(id)
  const other = await PackageStore.open(join(folder, 'others'))
  assert.equal((await other.receive(createReadStream(file), never)).listing, listing)
  assert.notEqual(listing, id.slice('sha256-'.length))
})

test('contents are fetched in their order, and what is not there is left out', async () => {
  const paths = ['/content/a', '/content/gone', '/content/sub/b', '/content/sub/c'].map((path) => parsePath(path))
  const found: Resource[] = []
  for await (const resource of holdings.pick?.(paths, never) ?? []) found.push(resource)
  assert.deepEqual(
    found.map(({ path, content: bytes }) => [path, Buffer.from(bytes?.() as Uint8Array).toString()]),
    [
      ['/content/a', 'is there'],
      ['/content/sub/b', files['content/sub/b']],
      ['/content/sub/c', 'c'],
    ],
  )
})
