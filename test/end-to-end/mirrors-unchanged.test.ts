/** A mirror of another server that has nothing to change costs one question, which is asked while the source is listed. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { scratch, Server } from './server.ts'
import { assertSameTree, plant, textAt } from './trees.ts'

const folder = scratch()
const [author, far] = await Promise.all([Server.start(), Server.start()])
const [source, target] = [join(folder, 'source'), join(folder, 'target')]

/** What is asked of the far server, apart from the deliveries. */
const asked: string[] = []
const before = createServer((call, response) => {
  if (call.url?.includes('/holdings') === true) asked.push(call.method ?? '')
  const on = request(`${far.client.origin}${call.url}`, { method: call.method, headers: call.headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers)
    answer.pipe(response)
  })
  on.on('error', () => response.destroy())
  call.pipe(on)
}).listen(0, '127.0.0.1')
await once(before, 'listening')
after(() => {
  before.closeAllConnections()
  before.close()
})

const files = Object.fromEntries(Array.from({ length: 700 }, (_, i) => [`content/f${i % 7}/${i}`, `content ${i}`]))
plant(source, files)
await far.client.agent({ name: 'publish', targets: [{ name: 'default', kind: 'directory', path: target }] })
await author.client.agent({
  ...{ name: 'author', source: { kind: 'directory', path: source } },
  targets: [
    {
      name: 'far',
      kind: 'remote',
      url: `http://127.0.0.1:${(before.address() as AddressInfo).port}`,
      agent: 'publish',
    },
  ],
})

async function mirror(): Promise<{ readonly id: string; readonly asked: readonly string[] }> {
  asked.length = 0
  const { id, state } = await author.client.replicate('author', { paths: ['/content'], mode: 'mirror' })
  assert.equal(state, 'succeeded')
  assertSameTree(join(target, 'content'), join(source, 'content'))
  return { id, asked: [...asked] }
}

test('what has not changed is asked for once, and cannot be taken back', async () => {
  await mirror()
  for (let again = 0; again < 2; again++) {
    const { id, asked: questions } = await mirror()
    assert.deepEqual(questions, ['HEAD'])
    assert.equal((await author.client.post(`/commands/${id}/revert`)).status, 409)
  }
})

test('what others have changed there is put back, and kept before', async () => {
  plant(target, { 'content/f3/3': 'of somebody else', 'content/f3/more': '' })
  const { id } = await mirror()
  assert.equal(textAt(target, 'content/f3/3'), 'content 3')
  assert.equal((await author.client.post(`/commands/${id}/revert`)).status, 201)
  assert.deepEqual((await mirror()).asked, ['HEAD'])
})

test('what has changed here is brought, and a question that was asked for nothing does no harm', async () => {
  plant(source, { 'content/f4/4': 'new' })
  await mirror()
  assert.deepEqual((await mirror()).asked, ['HEAD'])
})
