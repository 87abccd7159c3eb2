import { signal } from '@preact/signals'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { prefix } from './api.ts'
import { look as lookAt } from './door.ts'

/** An event of the server's one log; the types are those of the API. */
export interface LiveEvent {
  readonly type: string
  readonly at: string
  readonly agent: string
  readonly command?: string
  readonly target?: string
  readonly actor?: string
  readonly [more: string]: unknown
}

/** Whether it may change how something of the agent stands; how far a delivery is does not. */
export function concernsAgent(agent: string): (event: LiveEvent) => boolean {
  return (event) => event.agent === agent && !tellsHeadway(event)
}

/** Told each second while something goes on. */
export function tellsHeadway({ type }: LiveEvent): boolean {
  return type.endsWith('.progress')
}

/** `reset`: something may have been missed, so that everything is to be read again. */
export type News = readonly LiveEvent[] | 'reset'

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'live' }
  | { readonly state: 'lost'; readonly since: number; readonly nextAt: number }

/** Whether what is shown is how things are now. */
export const connection = signal<Connection>({ state: 'connecting' })

/** The server says something at least every 15 s; a connection that is silent for longer is dead, as after a laptop's sleep. */
const silentMs = 40_000
const lookMs = 5000
const retryMs = { first: 500, most: 15_000 }
/** Events are told together: nobody sees more often than this. */
const gatherMs = 100

const listeners = new Set<(news: News) => void>()
let gathered: LiveEvent[] = []
let timer: ReturnType<typeof setTimeout> | undefined

/** Answers how to stop. */
export function onNews(listener: (news: News) => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}

/** Follows the events of all agents for as long as the page is open, from where it was when it comes back. */
export async function follow(): Promise<never> {
  let lastId: string | undefined
  let failures = 0
  let lostSince: number | undefined
  for (;;) {
    const ended = new AbortController()
    let heardAt = Date.now()
    const look = setInterval(() => {
      if (Date.now() - heardAt > silentMs) ended.abort()
    }, lookMs)
    const wake = (): void => {
      if (document.visibilityState === 'visible' && Date.now() - heardAt > silentMs) ended.abort()
    }
    document.addEventListener('visibilitychange', wake)
    try {
      const response = await fetch(`${prefix}/events`, {
        headers: { Accept: 'text/event-stream', ...(lastId !== undefined && { 'Last-Event-ID': lastId }) },
        signal: ended.signal,
        cache: 'no-store',
      })
      lookAt(response)
      if (!response.ok || response.body === null) throw new Error(`the event stream answered ${response.status}`)
      connection.value = { state: 'live' }
      // Without an id there is no telling what has been missed since the page read its state.
      if (lastId === undefined) tell('reset')
      failures = 0
      lostSince = undefined
      const parser = createParser({
        onEvent: (message) => {
          if (message.id !== undefined) lastId = message.id
          take(message)
        },
      })
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        heardAt = Date.now()
        parser.feed(part.value)
      }
    } catch {
      // Whatever it was, the way on is the same.
    } finally {
      clearInterval(look)
      document.removeEventListener('visibilitychange', wake)
    }
    lostSince ??= Date.now()
    const waitMs = Math.min(retryMs.most, retryMs.first * 2 ** failures++)
    connection.value = { state: 'lost', since: lostSince, nextAt: Date.now() + waitMs }
    await pause(waitMs)
  }
}

function take({ event, data }: EventSourceMessage): void {
  if (event === 'reset') return tell('reset')
  if (event === undefined || data === '') return
  gathered.push({ type: event, ...(JSON.parse(data) as Omit<LiveEvent, 'type'>) } as LiveEvent)
  timer ??= setTimeout(flush, gatherMs)
}

function flush(): void {
  timer = undefined
  const news = gathered
  gathered = []
  tell(news)
}

function tell(news: News): void {
  for (const listener of listeners) listener(news)
}

/** Ends early when the machine is on the network again, or the page is looked at again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(late)
      removeEventListener('online', done)
      document.removeEventListener('visibilitychange', done)
      resolve()
    }
    const late = setTimeout(done, ms)
    addEventListener('online', done)
    document.addEventListener('visibilitychange', done)
  })
}
