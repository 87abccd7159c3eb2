import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { after } from 'node:test'

/** Stands before a server, passes bytes on, and cuts connections or stands still when so many have gone there. */
export class CuttingProxy {
  /** Gone to the server, of all connections. */
  sent = 0
  /** The head of each request that a connection or a packet began with. */
  readonly heads: string[] = []
  /** What happens when `sent` reaches it, once. */
  next: { readonly at: number; readonly how: 'cut' | 'hold' } | undefined
  /** Come back from the server, of all connections; it is cut when `nextBack` is reached, once. */
  back = 0
  nextBack: number | undefined
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  private constructor(to: number) {
    this.#server = createServer((near) => {
      const far = connect(to, '127.0.0.1')
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one)
        one.on('error', () => undefined)
        one.once('close', () => {
          this.#sockets.delete(one)
          // What has been passed on arrives.
          other.destroySoon()
        })
      }
      near.on('data', (bytes: Buffer) => this.#pass(bytes, near, far))
      far.on('data', (bytes: Buffer) => {
        if (!near.write(bytes)) {
          far.pause()
          near.once('drain', () => far.resume())
        }
        this.#cutBack(bytes.length, near)
      })
    })
  }

  static async before(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    after(() => {
      proxy.#server.close()
      for (const socket of proxy.#sockets) socket.destroy()
    })
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Where uploads went on, 0 for those that began. */
  get offsets(): number[] {
    const imports = this.heads.filter((head) => head.startsWith('POST') && /^package-tag:/m.test(head))
    return imports.map((head) => Number(/^upload-offset: (\d+)/m.exec(head)?.[1] ?? 0))
  }

  #cutBack(bytes: number, near: Socket): void {
    this.back += bytes
    if (this.nextBack === undefined || this.back < this.nextBack) return
    this.nextBack = undefined
    near.destroySoon()
  }

  #pass(bytes: Buffer, near: Socket, far: Socket): void {
    if (/^(GET|POST) /.test(bytes.toString('latin1', 0, 5))) this.heads.push(bytes.toString('latin1', 0, 4096))
    if (!far.write(bytes)) {
      near.pause()
      far.once('drain', () => near.resume())
    }
    this.sent += bytes.length
    if (this.next === undefined || this.sent < this.next.at) return
    const { how } = this.next
    this.next = undefined
    if (how === 'hold') {
      // For good: one of the two has to go.
      near.removeAllListeners('data').removeAllListeners('drain').pause()
      far.removeAllListeners('drain')
    } else near.destroy()
  }
}
