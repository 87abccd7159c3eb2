import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { EventHub } from '../agents/event-hub.ts'
import { placeOf, tailEvents, type Place, type Tailed } from '../agents/event-tail.ts'
import type { EventType } from '../agents/events.ts'
import { ReplicationError } from '../errors.ts'
import type { Store } from '../state/store.ts'
import { frameOf, idOf, resetFrame, retryLine } from './event-frames.ts'

const heartbeatMs = 15_000
/** A connection that takes nothing for so long has a reader that is no more. */
const stalledMs = 30_000
/** When there are too many. */
const retryAfterMs = 5000

export const streamHeaders = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // nginx would collect the events until its buffer is full.
  'x-accel-buffering': 'no',
}

/** What a reader asked for. */
export interface Wanted {
  /** Behind which event; undefined: from now on. */
  readonly after?: number
  /** Undefined: of all agents. */
  readonly agent?: string
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
 * waits until the connection takes more. Whoever is so slow that the newest events pass him by is cut off, and may
 * come back for them.
 */
export class EventStreams {
  readonly #parts: Parts
  readonly #most: number
  readonly #dropped: Counter
  #open = 0

  constructor(parts: Parts, most: number) {
    this.#parts = parts
    this.#most = most
    const registers = [parts.registry]
    const open: Gauge = new Gauge({
      name: 'trebuchet_event_streams',
      help: 'Event streams that are open.',
      registers,
      collect: () => open.set(this.#open),
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
      await this.#serve(request, reply.raw, wanted, place, closing)
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
    try {
      const { end, position } = await this.#stream(response, wanted, place, closing)
      if (end === 'over') return
      this.#dropped.inc()
      request.log.warn({ position }, 'event stream dropped: its reader is too slow')
    } finally {
      // What is still to be written to one who does not read would hold up the end of the server.
      if (closing.aborted && !response.writableNeedDrain) response.end(`${retryLine()}\n`)
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
    if (closing.aborted || response.destroyed) onEnd()
    let { position } = place
    let said = position
    // Whoever was lost keeps his id until he has heard of it.
    response.write(`${retryLine()}${place.lost === undefined ? `id: ${idOf(position)}\n` : ''}\n`)
    const heartbeat = setInterval(() => {
      if (response.writableNeedDrain) return
      // Where nothing of the reader's taste happens, his place would otherwise be forgotten one day.
      response.write(`: heartbeat\n${position === said ? '' : `id: ${idOf(position)}\n`}\n`)
      said = position
    }, heartbeatMs)
    try {
      for await (const tailed of tailEvents(this.#parts, place, over.signal)) {
        const frames = framesOf(tailed, wanted)
        if (frames.length > 0) response.write(Buffer.concat(frames))
        position = tailed.position
        if (response.writableNeedDrain && !(await this.#drained(response, tailed, over.signal)))
          return { end: over.signal.aborted ? 'over' : 'slow', position }
      }
      return { end: 'over', position }
    } finally {
      clearInterval(heartbeat)
      response.off('close', onEnd)
      closing.removeEventListener('abort', onEnd)
    }
  }

  /** Whether the connection has taken what was written before its reader was passed by, or nothing moved for too long. */
  #drained(response: ServerResponse, tailed: Tailed, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (drained: boolean): void => {
        clearTimeout(timer)
        response.off('drain', onDrain)
        signal.removeEventListener('abort', onAbort)
        unlose?.()
        resolve(drained)
      }
      const onDrain = (): void => end(true)
      const onAbort = (): void => end(false)
      const timer = setTimeout(onAbort, stalledMs)
      response.once('drain', onDrain)
      signal.addEventListener('abort', onAbort)
      // One who catches up on the past is passed by all the time.
      const catchingUp = tailed.kind === 'lost' || !tailed.recent
      const unlose = catchingUp ? undefined : this.#parts.events.recent.onLoss(tailed.position, onAbort)
    })
  }
}

function tooMany(most: number): ReplicationError {
  const detail = `this server has ${most} event streams open, and gives no more; come back later`
  return new ReplicationError('unavailable', detail, { retryAfterMs })
}

function framesOf(tailed: Tailed, { agent, types }: Wanted): Buffer[] {
  if (tailed.kind === 'lost') return [resetFrame(tailed.reason, tailed.position, agent)]
  return tailed.events
    .filter(({ event }) => (agent === undefined || event.agent === agent) && types?.has(event.type) !== false)
    .map(frameOf)
}
