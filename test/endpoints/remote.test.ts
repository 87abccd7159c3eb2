/** What a delivery to another server says of itself on its way; all else is in test/end-to-end/remote-conformance.test.ts. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { remote } from '../../src/endpoints/remote.ts'
import { deliveryOf, pack, puts } from './deliveries.ts'
import { never } from './trees.ts'

test('a package has been sent once the other server has read it, not before, and before that answers', async (t) => {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const target = remote.target?.({ url, agent: 'import' }, { installation: 'test' })
  // More than the system holds of it on the way.
  const large = await pack(t, puts({ '/a': randomBytes(32 * 1024 * 1024) }))
  let told = 0
  const sent = new Promise<void>((resolve) => {
    const delivery = deliveryOf(large, {
      sent: () => {
        told++
        resolve()
      },
    })
    // Its answer, 404, fails it.
    target?.apply(delivery, never).catch(() => undefined)
  })
  const [request, response] = (await once(server, 'request')) as [IncomingMessage, ServerResponse]
  await once(request, 'readable')
  assert.equal(told, 0)
  request.resume()
  await once(request, 'end')
  await sent
  assert.ok(!response.headersSent)
  response.writeHead(404).end()
})
