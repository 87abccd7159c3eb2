import assert from 'node:assert/strict'
import { once } from 'node:events'
import { Agent, request, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { fastify, type FastifyInstance } from 'fastify'
import { closeApp } from '../src/app.ts'

async function listening(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

test('a kept connection does not hold up the end once its answer is there', { timeout: 20_000 }, async () => {
  const app = fastify()
  let finish = (): void => undefined
  app.get('/', (_, reply) => {
    // Its head is out before the server is told to close, and cannot say that the connection will be closed.
    reply.hijack()
    reply.raw.write('a')
    finish = () => reply.raw.end('b')
  })
  const agent = new Agent({ keepAlive: true })
  const call = request({ port: await listening(app), host: '127.0.0.1', agent }).end()
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  const closed = closeApp(app, 60_000)
  while (app.server.listening) await new Promise(setImmediate)
  finish()
  assert.equal((await response.setEncoding('utf8').toArray()).join(''), 'ab')
  await closed
  agent.destroy()
})

test('a client that does not read its answer is cut off when the time is up', { timeout: 20_000 }, async () => {
  const app = fastify()
  const answering = new Promise<void>((resolve) => {
    app.get('/', (_, reply) => {
      reply.raw.once('pipe', () => resolve())
      return reply.send(Readable.from(Array.from({ length: 1000 }, () => Buffer.alloc(100_000))))
    })
  })
  const socket = connect(await listening(app), '127.0.0.1')
  socket.on('error', () => undefined)
  socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await answering
  await closeApp(app, 200)
  socket.destroy()
})
