/** From one REST service to another by way of the server: commands, queues, mirrors and secrets as for any other kind. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HalService } from '../interop/hal-service.ts'
import { Server } from './server.ts'

const server = await Server.start()
const { client } = server

test('documents go from one service to another, what is gone is mirrored, and a second time nothing is written', async (t) => {
  const [here, there] = [await HalService.start(t), await HalService.start(t, { authorization: 'Bearer s3cret' })]
  for (let i = 0; i < 40; i++) here.add('foo', String(i))
  here.add('bar', '1', {}, { 'parent:foo': { href: '/api/foo/3' } })
  const config = {
    name: 'services',
    source: { kind: 'rest', url: `${here.origin}/api/`, follow: 'all' },
    targets: [
      { name: 'default', kind: 'rest', url: `${there.origin}/api/`, follow: 'all', auth: { bearer: 's3cret' } },
    ],
  }
  await client.agent(config)
  await client.deliver('services', { paths: ['/'] })
  assert.deepEqual([...there.documents.keys()].toSorted(), [...here.documents.keys()].toSorted())

  there.forget()
  await client.deliver('services', { paths: ['/'] })
  assert.equal(there.writes.length, 0)

  here.documents.delete('/api/foo/9')
  await client.deliver('services', { paths: ['/'], mode: 'mirror' })
  assert.deepEqual(
    there.writes.map(({ method, path }) => `${method} ${path}`),
    ['DELETE /api/foo/9'],
  )

  await client.deliver('services', { paths: ['/foo/5'], action: 'delete' })
  assert.equal(there.documents.has('/api/foo/5'), false)
})

test('a service that is down for a while keeps its place in the queue', async (t) => {
  const [here, there] = [await HalService.start(t), await HalService.start(t)]
  here.add('foo', '1')
  there.fault = (_, times) => (times < 3 ? { status: 503 } : undefined)
  await client.agent({
    name: 'waiting',
    source: { kind: 'rest', url: `${here.origin}/api/foo` },
    targets: [{ name: 'default', kind: 'rest', url: `${there.origin}/api/foo`, attempts: 1 }],
    queue: { backoff: { initialMs: 50, maxMs: 100 } },
  })
  await client.deliver('waiting', { paths: ['/foo'] })
  assert.equal(there.documents.size, 1)
})
