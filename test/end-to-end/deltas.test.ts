/** Packages that lack what their targets hold, as callers send them and see them. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { writePackage } from '../../src/packages/write.ts'
import { changesOf, headerOf, never, origin, type Tree } from '../packages/trees.ts'
import { trebuchet } from '../cli/program.ts'
import { scratch, Server } from './server.ts'
import type { Package } from './views.ts'

const folder = scratch()
const server = await Server.start()
const { client } = server

interface View extends Package {
  readonly zipBytes: number
  readonly carries?: { readonly files: number; readonly bytes: number; readonly ofFiles: number }
}

await client.agent({ name: 'waits', targets: [{ name: 'far', kind: 'remote', url: client.origin, agent: 'nobody' }] })
await client.post('/agent/waits/pause')

let count = 0
async function zipOf(tree: Tree, delta = true): Promise<Buffer> {
  const file = join(folder, `${++count}.zip`)
  await writePackage(headerOf('/content'), changesOf(tree), { file, origin, delta, signal: never })
  return readFileSync(file)
}

const [a, b] = ['a'.repeat(3000), 'b'.repeat(7000)]
const whole = { '/content': null, '/content/a': a, '/content/b': b }
/** To an agent that passes it on, and waits. Answers the package's id. */
async function send(zip: Buffer): Promise<string> {
  const headers = { 'content-type': 'application/zip' }
  const { status, body, text } = await client.post<{ id: string }>('/agent/waits/import', {
    body: new Uint8Array(zip),
    headers,
  })
  assert.equal(status, 202, text)
  return (await client.command(body.id)).agents[0]?.package ?? ''
}

test('a delta says what it carries, and not any more once all of it is there', async () => {
  const delta = await zipOf({ ...whole, '/content/a': { held: a } })
  const id = await send(delta)
  const seen = await client.get<View>(`/packages/${id}`)
  assert.deepEqual(seen.body.carries, { files: 1, bytes: 7000, ofFiles: 2 })
  assert.deepEqual([seen.body.bytes, seen.body.zipBytes], [10_000, delta.length])
  const listed = await trebuchet(folder, ['package', 'list', '--server', client.origin])
  assert.match(listed.stdout, /1 of 2 files, 7000 bytes/)
  const shown = await trebuchet(folder, ['package', 'get', id, '--server', client.origin])
  assert.match(shown.stdout, /^carries: 1 of 2 files, 7000 bytes$/m)

  const content = `/replication/packages/${id}/content`
  const before = await client.fetch('GET', content)
  const tag = before.headers.get('etag') ?? ''
  assert.equal(seen.headers.get('etag'), tag)
  assert.deepEqual(Buffer.from(await before.arrayBuffer()), delta)
  const all = await zipOf(whole, false)
  assert.equal(await send(all), id)
  const now = await client.get<View>(`/packages/${id}`)
  assert.deepEqual([now.body.carries, now.body.zipBytes], [undefined, all.length])
  assert.equal(now.headers.get('etag'), `"${id}"`)
  // Whoever has some of the one does not get the rest of the other.
  const rest = await client.fetch('GET', content, { headers: { range: 'bytes=100-', 'if-range': tag } })
  assert.equal(rest.status, 200)
  assert.deepEqual(Buffer.from(await rest.arrayBuffer()), all)
})
