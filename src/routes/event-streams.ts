import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { EventHub } from '../agents/events/hub.ts'
import { placeOf, tailEvents, type Place, type Tailed } from '../agents/events/tail.ts'
import type { EventType } from '../agents/events/events.ts'
import { ReplicationError } from '../errors.ts'
import { outsideCalls } from '../state/patience.ts'
import type { Store } from '../state/store.ts'
import { frameOf, idOf, resetFrame, retryLine } from './event-frames.ts'

/** A connection that takes nothing for `stalledMs` has a reader that is no more. */
const times = { heartbeatMs: 15_000, stalledMs: 30_000 }
/** How long the end of a stream may take. */
const endMs = 1000
/** When there are too many. */
const retryAfterMs = 5000

export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store, no-transform',
  // nginx would collect the events until its buffer is full.
  'x-accel-buffering': 'no',
  // Nothing follows it, and a server that ends has one connection less to look after.
  connection: 'close',
}

/** What a reader asked for. */
export interface Wanted {
  /** Behind which event; undefined: from now on. */
  readonly after?: number
  /** Undefined: of all agents. */
  readonly agent?: string
  /** Whose events the reader may see; without it, those of all agents. */
  readonly sees?: (agent: string) => boolean
  /** Aborts when he may see none any more. */
  readonly until?: AbortSignal
  /** Undefined: of all types. */
  readonly types?: ReadonlySet<EventType>
}

interface Parts {
  readonly store: Store
  readonly events: EventHub
  readonly registry: Registry
}

/**
 * The event streams of a server, so many at most. Each holds one page of events, whatever its reader does: what is written next
 * waits until the connection takes more. When so much happens meanwhile that memory no longer holds it, the reader is cut
 * off, and may come back for it.
 */
export class EventStreams {
  readonly #parts: Parts
  readonly #most: number
  readonly #times: typeof times
  readonly #dropped: Counter
  readonly #responses = new Set<ServerResponse>()
  #open = 0

  constructor(parts: Parts, most: number, more: Partial<typeof times> = {}) {
    this.#parts = parts
    this.#most = most
    this.#times = { ...times, ...more }
    const registers = [parts.registry]
    const open: Gauge = new Gauge({
      name: 'trebuchet_event_streams',
      help: 'Event streams that are open.',
      registers,
      collect: () => open.set(this.#open),
    })
    const waiting: Gauge = new Gauge({
      name: 'trebuchet_event_streams_waiting_bytes',
      help: 'What is written to event streams and not yet taken by their connections.',
      registers,
      collect: () => waiting.set([...this.#responses].reduce((sum, { writableLength }) => sum + writableLength, 0)),
    })
    this.#dropped = new Counter({
      name: 'trebuchet_event_streams_dropped_total',
      help: 'Event streams that were cut off because their readers were too slow.',
      registers,
    })
  }

  /** Answers when the stream has ended: its reader went, was too slow, or the server closes. Throws `unavailable`. */
  async send(request: FastifyRequest, reply: FastifyReply, wanted: Wanted, closing: AbortSignal): Promise<void> {
    if (this.#open >= this.#most) throw tooMany(this.#most)
    this.#open++
    try {
      const place = await placeOf(this.#parts, wanted.after)
      reply.hijack()
      reply.raw.writeHead(200, reply.headers(streamHeaders).getHeaders() as OutgoingHttpHeaders)
      // A stream lasts longer than a call's patience.
      await outsideCalls(() => this.#serve(request, reply.raw, wanted, place, closing))
    } finally {
      this.#open--
    }
  }

  async #serve(
    request: FastifyRequest,
    response: ServerResponse,
    wanted: Wanted,
    place: Place,
    closing: AbortSignal,
  ): Promise<void> {
    this.#responses.add(response)
    try {
      const { end, position } = await this.#stream(response, wanted, place, closing)
      if (end === 'over') return
      this.#dropped.inc()
      request.log.warn({ position }, 'event stream dropped: its reader is too slow')
    } finally {
      this.#responses.delete(response)
      if (closing.aborted && !response.writableNeedDrain) endSoon(response)
      else response.destroy()
    }
  }

  async #stream(
    response: ServerResponse,
    wanted: Wanted,
    place: Place,
    closing: AbortSignal,
  ): Promise<{ end: 'over' | 'slow'; position: number }> {
    const over = new AbortController()
    const onEnd = (): void => over.abort()
    response.once('close', onEnd)
    closing.addEventListener('abort', onEnd)
    wanted.until?.addEventListener('abort', onEnd)
    if (closing.aborted || wanted.until?.aborted === true || response.destroyed) onEnd()
    let { position } = place
    let said = position
    // Whoever was lost keeps his id until he has heard of it.
    response.write(`${retryLine()}${place.lost === undefined ? `id: ${idOf(position)}\n` : ''}\n`)
    const heartbeat = setInterval(() => {
      if (response.writableNeedDrain) return
      // Where nothing of the reader's taste happens, his place would otherwise be forgotten one day.
      response.write(`: heartbeat\n${position === said ? '' : `id: ${idOf(position)}\n`}\n`)
      said = position
    }, this.#times.heartbeatMs)
    try {
      for await (const tailed of tailEvents(this.#parts, place, over.signal)) {
        const frames = framesOf(tailed, wanted)
        if (frames.length > 0) response.write(Buffer.concat(frames))
        position = tailed.position
        if (response.writableNeedDrain && !(await this.#drained(response, over.signal)))
          return { end: over.signal.aborted ? 'over' : 'slow', position }
      }
      return { end: 'over', position }
    } finally {
      clearInterval(heartbeat)
      response.off('close', onEnd)
      closing.removeEventListener('abort', onEnd)
      wanted.until?.removeEventListener('abort', onEnd)
    }
  }

  /** Whether the connection has taken what was written, before too much has happened or too much time has passed. */
  #drained(response: ServerResponse, signal: AbortSignal): Promise<boolean> {
    const { recent } = this.#parts.events
    return new Promise((resolve) => {
      const end = (drained: boolean): void => {
        clearTimeout(timer)
        response.off('drain', onDrain)
        signal.removeEventListener('abort', onAbort)
        unlose()
        resolve(drained)
      }
      const onDrain = (): void => end(true)
      const onAbort = (): void => end(false)
      const timer = setTimeout(onAbort, this.#times.stalledMs)
      response.once('drain', onDrain)
      signal.addEventListener('abort', onAbort)
      const unlose = recent.onLoss(recent.newest, onAbort)
    })
  }
}

function tooMany(most: number): ReplicationError {
  const detail = `this server has ${most} event streams open, and gives no more; come back later`
  return new ReplicationError('unavailable', detail, { retryAfterMs })
}

/** In order, unless its reader does not read: who closes would wait for him. */
function endSoon(response: ServerResponse): void {
  const limit = setTimeout(() => response.destroy(), endMs)
  response.once('close', () => clearTimeout(limit))
  response.end(`${retryLine()}\n`)
}

function framesOf(tailed: Tailed, { agent, types, sees }: Wanted): Buffer[] {
  if (tailed.kind === 'lost') return [resetFrame(tailed.reason, tailed.position, agent)]
  return tailed.events
    .filter(
      ({ event }) =>
        (agent === undefined || event.agent === agent) &&
        types?.has(event.type) !== false &&
        sees?.(event.agent) !== false,
    )
    .map(frameOf)
}
