/** Whether another server holds just what a package lists: asked before all of it is listed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createReadStream, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request as forward, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Source } from '../../src/endpoints/endpoint.ts'
import { HttpCaller } from '../../src/endpoints/http-caller.ts'
import { remoteHoldings } from '../../src/endpoints/remote/holdings.ts'
import { PackageStore } from '../../src/packages/store.ts'
import { comparePaths, parsePath } from '../../src/resources/path.ts'
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
  await asking(older, async (there) => {
    assert.equal(await there.listedAs?.(content, [listing], never), listing)
    assert.equal(await there.listedAs?.(content, [listing, other], never), undefined)
  })
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

const large = 'large '.repeat(100_000)
const many = Object.fromEntries(Array.from({ length: 1500 }, (_, i) => [`many/${i}`, `of ${i}`]))
plant(place, { ...many, 'many/large': large })

async function picked(from: Source, paths: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  const asked = paths.map((path) => parsePath(path)).toSorted(comparePaths)
  for await (const { path, content: bytes } of from.pick?.(asked, never) ?? []) {
    const whole = bytes?.()
    assert.ok(whole)
    found[path] = (whole instanceof Uint8Array ? Buffer.from(whole) : await buffer(whole)).toString()
  }
  return found
}

const asked = [...Object.keys(many), 'many/large', 'many', 'content/gone', 'content/sub/b'].map((path) => `/${path}`)
const expected = {
  ...Object.fromEntries(Object.entries(many).map(([path, text]) => [`/${path}`, text])),
  ...{ '/many/large': large, '/content/sub/b': files['content/sub/b'] },
}

test('contents are fetched many together, large ones by themselves; what is not there, or a folder, is left out', async () => {
  const found = await picked(holdings, asked)
  assert.deepEqual(found, expected)
  assert.deepEqual(Object.keys(found), Object.keys(found).toSorted(comparePathsOf))
  for (const path of ['/content/a', '/content/gone', '/many'])
    assert.deepEqual(await picked(holdings, [path]), path === '/content/a' ? { [path]: 'is there' } : {})
})

test('several contents are one question, and of an older server they are asked for one by one', async () => {
  for (const isOlder of [false, true]) {
    const seen: string[] = []
    const before = createServer((request, response) => {
      seen.push(request.method ?? '')
      if (isOlder && request.method === 'POST') return void response.writeHead(404).end()
      request.pipe(
        forward(`${client.origin}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        }),
      )
    })
    await asking(before, async (there) => {
      assert.deepEqual(await picked(there, asked.slice(0, 20)), await picked(holdings, asked.slice(0, 20)))
    })
    assert.deepEqual(seen, isOlder ? ['POST', ...Array.from({ length: 20 }, () => 'GET')] : ['POST'])
  }
})

test('contents that break off are not taken for all, and what is none is refused', async () => {
  const answers: [string, string][] = [
    ['', 'unavailable'],
    ['{"path":"/a","size":3}\nabc', 'unavailable'],
    ['{"path":"/a","size":3}\nab', 'unavailable'],
    ['{"path":"/a","size":3}\nabc{"end":2}\n', 'unavailable'],
    ['{"path":"/a","size":3}\nabc{"end":1}\nmore', 'unavailable'],
    ['{"path":"/a","size":-1}\n', 'rejected'],
    ['{"path":"/a","size":999999999}\n', 'rejected'],
    ['hello\n', 'rejected'],
    ['x'.repeat(100_000), 'rejected'],
  ]
  for (const [answer, code] of answers) {
    const before = createServer((_, response) => void response.end(answer))
    await asking(before, async (there) => {
      await assert.rejects(picked(there, ['/a', '/b']), { code }, answer.slice(0, 50))
    })
  }
})

/** Holdings of whatever answers for the server. */
async function asking(before: HttpServer, use: (there: Source) => Promise<void>): Promise<void> {
  before.listen(0, '127.0.0.1')
  await once(before, 'listening')
  try {
    const at = `http://127.0.0.1:${(before.address() as AddressInfo).port}`
    await use(remoteHoldings(new HttpCaller(at, {}, {}), 'far'))
  } finally {
    before.closeAllConnections()
    before.close()
  }
}

function comparePathsOf(one: string, other: string): number {
  return comparePaths(parsePath(one), parsePath(other))
}
