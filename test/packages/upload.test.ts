import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { writeUpload } from '../../src/packages/upload.ts'
import { makeFolder, never } from '../endpoints/trees.ts'

const content = randomBytes(5_000_000)

test('what came over a connection takes no memory once it is written', async (t) => {
  const file = join(await makeFolder(t), 'upload')
  const server = createServer().listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sent = request({ port, host: '127.0.0.1', method: 'POST' }).on('error', () => undefined)
  sent.end(content)
  const [upload] = (await once(server, 'request')) as [IncomingMessage]
  t.after(() => sent.destroy())
  const chunks: Buffer[] = []
  upload.on('data', (chunk: Buffer) => chunks.push(chunk))
  const { flushed } = await writeUpload(upload, { file }, content.length, never)
  await flushed()
  assert.ok(readFileSync(file).equals(content))
  assert.ok(chunks.length > 1)
  assert.deepEqual([...new Set(chunks.map(({ buffer }) => buffer.byteLength))], [0])
})

test('what came from elsewhere stays its own', async (t) => {
  const file = join(await makeFolder(t), 'upload')
  const own = Buffer.from(content)
  await writeUpload(Readable.from([own]), { file }, content.length, never)
  assert.ok(own.equals(content))
})
