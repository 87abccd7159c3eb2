import { test } from 'node:test'
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import { DelayingProxy, DelayLine } from '../bench/trees/delay.ts'

const deadline = { timeout: 30_000 }

/** A server that answers each connection as `serve` does, with a proxy before it. */
async function through(
  t: { after(done: () => Promise<void>): void },
  delayMs: number,
  serve: (socket: Socket) => Promise<void>,
): Promise<{ proxy: DelayingProxy; call: () => Socket }> {
  const served: Promise<void>[] = []
  const server = createServer({ allowHalfOpen: true }, (socket) => void served.push(serve(socket)))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const proxy = await DelayingProxy.start((server.address() as AddressInfo).port, delayMs)
  t.after(async () => {
    await proxy.close()
    server.close()
    await Promise.allSettled(served)
  })
  return { proxy, call: () => connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true }) }
}

const digestOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

for (const delayMs of [0, 5])
  test(`a proxy of ${delayMs} ms passes on every byte in order, and counts it`, deadline, async (t) => {
    const { proxy, call } = await through(t, delayMs, async (socket) => pipeline(socket, socket))
    const sent = randomBytes(8_000_000)
    const callers = Array.from({ length: 3 }, async () => {
      const socket = call()
      const [back] = await Promise.all([buffer(socket), pipeline(Readable.from(pieces(sent)), socket, { end: true })])
      return digestOf(back)
    })
    assert.deepEqual(await Promise.all(callers), [digestOf(sent), digestOf(sent), digestOf(sent)])
    assert.equal(proxy.bytes, 3 * 2 * sent.length)
  })

test('an answer still comes when the caller has ended its side', deadline, async (t) => {
  const { call } = await through(t, 5, async (socket) => {
    const heard = await heardBy(socket)
    socket.end(`heard ${heard.length}`)
  })
  const socket = call()
  socket.end('a question')
  assert.equal((await heardBy(socket)).toString(), 'heard 10')
})

test('a server that speaks first is heard, and its end is passed on while the caller goes on', deadline, async (t) => {
  let heard: Promise<Buffer> | undefined
  const { call } = await through(t, 5, async (socket) => {
    socket.end('welcome')
    await (heard = heardBy(socket))
  })
  const socket = call()
  assert.equal((await heardBy(socket)).toString(), 'welcome')
  socket.end('thanks')
  await once(socket, 'close')
  assert.equal((await heard)?.toString(), 'thanks')
})

test('a connection that the server breaks off ends at the caller, too', deadline, async (t) => {
  const { call } = await through(t, 0, async (socket) => {
    await once(socket, 'data')
    socket.resetAndDestroy()
  })
  const socket = call()
  // Node sends the end before the reset, and the caller may see either first.
  const ended = new Promise<void>((resolve) => {
    for (const event of ['end', 'error'] as const) socket.on(event, () => resolve())
  })
  socket.resume().write('x')
  await ended
  socket.destroy()
})

test('what comes later never overtakes, also when the delay becomes shorter', deadline, async () => {
  let delayMs = 50
  const line = new DelayLine(() => delayMs)
  line.write('first ')
  delayMs = 0
  line.write('second ')
  line.end('third')
  assert.equal((await buffer(line)).toString(), 'first second third')
})

test('a line that nobody reads does not take in more than it may hold', deadline, async () => {
  const line = new DelayLine(() => 0)
  const piece = Buffer.alloc(2 ** 16)
  let taken = 0
  while (taken < 1000 && line.write(piece)) taken++
  // What waits in the line, in its reader and in its writer, in pieces of 64 KiB.
  for (let turn = 0; turn < 100; turn++) {
    while (taken < 1000 && !line.writableNeedDrain) {
      line.write(piece)
      taken++
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.ok(taken < 30, `${taken} pieces were taken in`)
  line.destroy()
})

/** Until the other side ends; the socket stays open to be written to, which it would not if it were iterated over. */
async function heardBy(socket: Socket): Promise<Buffer> {
  const heard: Buffer[] = []
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  await once(socket, 'end')
  return Buffer.concat(heard)
}

function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = Math.min(size * 3 + 1, 300_000))
    yield bytes.subarray(at, at + size)
}
