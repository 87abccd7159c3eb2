import assert from 'node:assert/strict'
import { get, type IncomingMessage } from 'node:http'

/** One event as it came. */
export interface Received {
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>> & { readonly at: string; readonly agent?: string }
}

/** Reads one stream of server-sent events as the HTML standard says that browsers do. */
export class EventReader {
  readonly response: IncomingMessage
  readonly events: Received[] = []
  readonly comments: string[] = []
  /** What a browser would send as `Last-Event-ID` when it came back. */
  lastEventId: string
  retryMs: number | undefined
  /** Everything, as text. */
  text = ''
  /** When the stream has ended: `end` in order, otherwise how it broke. */
  readonly ended: Promise<string>
  #left = ''
  #onNews = new Set<() => void>()

  private constructor(response: IncomingMessage, lastEventId: string) {
    this.response = response
    this.lastEventId = lastEventId
    this.ended = new Promise((resolve) => {
      response.on('end', () => resolve('end'))
      response.on('error', (error) => resolve(error.message))
      response.on('close', () => resolve('closed'))
    })
    void this.ended.then(() => this.#tell())
    response.setEncoding('utf8').on('data', (text: string) => {
      this.text += text
      const blocks = (this.#left + text).split('\n\n')
      this.#left = blocks.pop() ?? ''
      for (const block of blocks) this.#take(block)
      this.#tell()
    })
  }

  /** Answers once the stream is open; throws when there is another answer than 200. */
  static open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventReader> {
    return new Promise((resolve, reject) => {
      const request = get(url, { headers: { accept: 'text/event-stream', ...headers }, agent: false }, (response) => {
        if (response.statusCode === 200) resolve(new EventReader(response, headers['last-event-id'] ?? ''))
        else reject(new Error(`GET ${url} answered ${response.statusCode}`))
      })
      request.on('error', reject)
    })
  }

  /** What `look` finds in the events so far, as soon as it finds something. The limit only ends what would never end. */
  async until<T>(what: string, look: (events: readonly Received[]) => T | undefined | false): Promise<T> {
    const end = performance.now() + 45_000
    for (;;) {
      const found = look(this.events)
      if (found !== undefined && found !== false) return found
      assert.ok(performance.now() < end, `waited in vain for ${what}; there came ${this.types.slice(-20).join(' ')}`)
      await this.#news()
    }
  }

  /** Until the command has ended for all of its agents, or for this one. */
  finished(command: string): Promise<Received> {
    return this.until(`the end of ${command}`, (events) =>
      events.find(({ type, data }) => type === 'command.finished' && data['command'] === command),
    )
  }

  get types(): string[] {
    return this.events.map(({ type }) => type)
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id)
  }

  close(): void {
    this.response.destroy()
  }

  #take(block: string): void {
    const fields: Record<string, string> = {}
    for (const line of block.split('\n')) {
      const [, name = '', value = ''] = /^([^:]*)(?:: ?([^]*))?$/.exec(line) ?? []
      if (name === '') this.comments.push(value)
      else fields[name] = value
    }
    this.lastEventId = fields['id'] ?? this.lastEventId
    if (fields['retry'] !== undefined) this.retryMs = Number(fields['retry'])
    if (fields['data'] === undefined) return
    const data = JSON.parse(fields['data']) as Received['data']
    this.events.push({ id: this.lastEventId, type: fields['event'] ?? 'message', data })
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => wake(), 1000)
      const wake = (): void => {
        clearTimeout(timer)
        this.#onNews.delete(wake)
        resolve()
      }
      this.#onNews.add(wake)
    })
  }

  #tell(): void {
    for (const wake of this.#onNews) wake()
  }
}
