import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** A way to a server on this machine that a test can slow down, block, cut and shut. */
export class Gate {
  /** How much later each answer comes. */
  delayMs = 0
  /** Looks at what a client has sent: the bytes that go on to the server, and 'cut' to break the connection behind them. */
  onRequest: ((data: Buffer) => Buffer | 'cut') | undefined
  /** Looks at what the server answers; 'cut' breaks the connection instead. */
  onAnswer: ((data: Buffer) => Buffer | 'cut') | undefined
  readonly #target: number
  readonly #pairs = new Set<Pair>()
  #server: Server | undefined
  #port = 0
  #blocked = false

  private constructor(target: number) {
    this.#target = target
  }

  static async to(port: number): Promise<Gate> {
    const gate = new Gate(port)
    await gate.open()
    return gate
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`
  }

  /** Listens, on the same port as before. */
  async open(): Promise<void> {
    const server = createServer((client) => this.#pair(client))
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve))
    this.#port = (server.address() as AddressInfo).port
    this.#server = server
  }

  /** Cuts all connections, and refuses new ones. */
  async shut(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise((resolve) => (server === undefined ? resolve(undefined) : server.close(resolve)))
    this.cut()
    await closed
  }

  cut(): void {
    for (const pair of this.#pairs) pair.cut()
  }

  /** Nothing goes through, and nobody is told: new connections are taken, and hang too. */
  block(): void {
    this.#blocked = true
    for (const pair of this.#pairs) pair.pause()
  }

  unblock(): void {
    this.#blocked = false
    for (const pair of this.#pairs) pair.resume()
  }

  #pair(client: Socket): void {
    const pair = new Pair(client, connect(this.#target, '127.0.0.1'), this)
    this.#pairs.add(pair)
    client.once('close', () => this.#pairs.delete(pair))
    if (this.#blocked) pair.pause()
  }
}

class Pair {
  readonly #client: Socket
  readonly #server: Socket

  constructor(client: Socket, server: Socket, gate: Gate) {
    this.#client = client
    this.#server = server
    for (const socket of [client, server]) {
      socket.on('error', () => undefined)
      socket.on('close', () => this.cut())
    }
    client.on('data', (data) => this.#pass(server, data, gate.onRequest))
    let due = 0
    server.on('data', (data) => {
      due = Math.max(due, performance.now() + gate.delayMs)
      if (due <= performance.now()) this.#pass(client, data, gate.onAnswer)
      else setTimeout(() => this.#pass(client, data, gate.onAnswer), due - performance.now())
    })
  }

  #pass(to: Socket, data: Buffer, look: Gate['onRequest']): void {
    const passed = look === undefined ? data : look(data)
    if (passed === 'cut') this.cut()
    else to.write(passed)
    // Less than there was: what is missing never comes.
    if (passed !== 'cut' && passed.length < data.length) this.cut()
  }

  cut(): void {
    this.#client.destroy()
    this.#server.destroySoon()
  }

  pause(): void {
    this.#client.pause()
    this.#server.pause()
  }

  resume(): void {
    this.#client.resume()
    this.#server.resume()
  }
}
