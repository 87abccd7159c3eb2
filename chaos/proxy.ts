import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { Random } from './random.ts'

/** What goes wrong with connections for a while. */
export type Weather =
  | { readonly kind: 'fair' }
  /** Nobody answers. */
  | { readonly kind: 'refused' }
  /** Every connection breaks, in the middle of whatever is on its way. */
  | { readonly kind: 'cut'; readonly seed: number }
  /** Every answer ends before its end, as if that were in order. */
  | { readonly kind: 'truncated'; readonly seed: number }
  /** Every answer comes late, piece by piece. */
  | { readonly kind: 'delayed'; readonly ms: number }

/** The longest way that a connection gets in bad weather: somewhere within the head or the body of a call or an answer. */
const mostBytesOut = 300_000
const mostBytesBack = 3000

/** Carries TCP connections to one port, through whatever weather it is told. */
export class Proxy {
  readonly #server: Server
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  #weather: Weather = { kind: 'fair' }
  #random = new Random(0)
  /** Connections broken, answers shortened. */
  broken = 0

  private constructor(server: Server, to: number) {
    this.#server = server
    this.#to = to
    server.on('connection', (near: Socket) => this.#take(near))
  }

  static async to(port: number): Promise<Proxy> {
    const server = createServer({ allowHalfOpen: true })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return new Proxy(server, port)
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  set weather(weather: Weather) {
    this.#weather = weather
    if ('seed' in weather) this.#random = new Random(weather.seed)
  }

  async close(): Promise<void> {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #take(near: Socket): void {
    if (this.#weather.kind === 'refused') return void near.resetAndDestroy()
    const far = connect({ port: this.#to, host: '127.0.0.1', allowHalfOpen: true })
    const over = new AbortController()
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(one)
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => {
        this.#sockets.delete(one)
        over.abort()
        other.destroy()
      })
    }
    const carry = (from: Socket, to: Socket, back: boolean): void =>
      void this.#carry(from, to, back, over.signal).catch(() => {
        near.destroy()
        far.destroy()
      })
    carry(near, far, false)
    carry(far, near, true)
  }

  async #carry(from: Socket, to: Socket, back: boolean, signal: AbortSignal): Promise<void> {
    let weather: Weather | undefined
    let left = Infinity
    for await (const chunk of from as AsyncIterable<Buffer>) {
      if (weather !== this.#weather) {
        weather = this.#weather
        left = this.#reach(back)
      }
      if (weather.kind === 'delayed' && back) await pause(weather.ms, undefined, { signal })
      if (weather.kind === 'refused' || chunk.length > left) {
        this.broken++
        to.write(chunk.subarray(0, weather.kind === 'refused' ? 0 : left))
        // An end in order once all that was written is sent; otherwise whatever is still on its way is lost, too.
        if (weather.kind === 'truncated') to.end(() => from.destroy())
        else {
          to.resetAndDestroy()
          from.resetAndDestroy()
        }
        return
      }
      left -= chunk.length
      if (!to.write(chunk)) await once(to, 'drain', { signal })
    }
    to.end()
  }

  #reach(back: boolean): number {
    if (this.#weather.kind === 'truncated' && !back) return Infinity
    if (!('seed' in this.#weather)) return Infinity
    return this.#random.between(0, back ? mostBytesBack : mostBytesOut)
  }
}
