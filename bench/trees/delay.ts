import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { once } from 'node:events'
import { Duplex, pipeline } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'

interface Waiting {
  /** Null is the end. */
  readonly chunk: Buffer | null
  /** By `performance.now()`. */
  readonly dueAt: number
}

/** No line holds more than what it takes in within its delay at this speed; beyond that whoever writes has to wait. */
const bytesPerMs = 2_500_000
const leastBytes = 2 ** 20

/**
 * Gives what is written to it, and its end, some milliseconds later, in order and whole: how long a way is, not how wide. The delay may
 * change at any time; what came earlier still goes first. A reader that is slow holds it back as a socket would.
 */
export class DelayLine extends Duplex {
  bytes = 0
  readonly #delayMs: () => number
  readonly #waiting: Waiting[] = []
  #held = 0
  #lastDueAt = 0
  #isWanted = false
  #timer: NodeJS.Timeout | undefined
  #writer: (() => void) | undefined

  constructor(delayMs: () => number) {
    super()
    this.#delayMs = delayMs
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.bytes += chunk.length
    this.#held += chunk.length
    this.#add(chunk)
    if (this.#isFull()) this.#writer = done
    else done()
  }

  override _final(done: () => void): void {
    this.#add(null)
    done()
  }

  override _read(): void {
    this.#isWanted = true
    this.#deliver()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.#timer)
    done(error)
  }

  #add(chunk: Buffer | null): void {
    // A delay that has become shorter must not let the new overtake the old.
    this.#lastDueAt = Math.max(this.#lastDueAt, performance.now() + this.#delayMs())
    this.#waiting.push({ chunk, dueAt: this.#lastDueAt })
    this.#deliver()
  }

  #deliver(): void {
    clearTimeout(this.#timer)
    while (this.#isWanted) {
      const [head] = this.#waiting
      if (head === undefined) break
      const waitMs = head.dueAt - performance.now()
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#deliver(), Math.ceil(waitMs))
        break
      }
      this.#waiting.shift()
      this.#held -= head.chunk?.length ?? 0
      // A push may ask for more at once, and so must not find that more is wanted already.
      this.#isWanted = false
      if (this.push(head.chunk)) this.#isWanted = true
    }
    if (this.#writer === undefined || this.#isFull()) return
    const resume = this.#writer
    this.#writer = undefined
    resume()
  }

  #isFull(): boolean {
    return this.#held > Math.max(leastBytes, this.#delayMs() * bytesPerMs)
  }
}

/** Passes on every connection to a port of the loopback, and counts. */
export class DelayingProxy {
  /** One way, so half of the round trip. */
  delayMs: number
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #lines = new Set<DelayLine>()
  #ended = 0

  private constructor(server: Server, delayMs: number) {
    this.#server = server
    this.delayMs = delayMs
  }

  static async start(toPort: number, delayMs: number): Promise<DelayingProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true })
    const proxy = new DelayingProxy(server, delayMs)
    server.on('connection', (socket) => void proxy.#pass(socket, toPort))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Of all connections so far, in both directions. */
  get bytes(): number {
    return [...this.#lines].reduce((sum, line) => sum + line.bytes, this.#ended)
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  async #pass(socket: Socket, toPort: number): Promise<void> {
    this.#keep(socket)
    // The socket was accepted at once; far away that would have taken a round trip.
    if (this.delayMs > 0) await sleep(2 * this.delayMs)
    const upstream = connect({ port: toPort, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    this.#keep(upstream)
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      // Before the pipelines hear of it, which would end the other side as if all were well.
      from.on('error', () => to.resetAndDestroy())
      const line = new DelayLine(() => this.delayMs)
      this.#lines.add(line)
      pipeline(from, line, to, () => {
        this.#lines.delete(line)
        this.#ended += line.bytes
      })
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => socket.destroy()).on('close', () => this.#sockets.delete(socket))
  }
}
