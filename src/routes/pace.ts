import type { FastifyInstance } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerGarbage, hasBody } from './problem.ts'
import { whenOver } from './when-over.ts'

/** How often it is looked, and how much must have come, or gone, in between: 1 KiB a second. */
export const usualPace = { everyMs: 30_000, minBytes: 30 * 1024 }

interface Under {
  readonly response: ServerResponse
  /** It is answered, and its body still comes. */
  isAnswered?: true
  /** At the last look; undefined before the first. */
  at?: { readonly read: number; readonly sent: number }
}

/**
 * Cuts off who sends his body, or takes his answer, so slowly that he only means to keep the connection. What counts is that it goes on:
 * the largest package may come over a slow line for days. Time in which nobody here reads what has come counts for nothing.
 */
export function keepPace(app: FastifyInstance, { everyMs, minBytes } = usualPace): void {
  const underWay = new Map<IncomingMessage, Under>()
  let timer: NodeJS.Timeout | undefined
  const forget = (request: IncomingMessage): void => {
    underWay.delete(request)
    if (underWay.size > 0) return
    clearInterval(timer)
    timer = undefined
  }
  const look = (): void => {
    for (const [request, under] of underWay) {
      const { response, at, isAnswered = false } = under
      const { socket } = request
      if (isAnswered && (request.complete || socket.destroyed)) {
        forget(request)
        continue
      }
      const waiting = socket.writableLength
      const [read, sent] = [socket.bytesRead, socket.bytesWritten - waiting]
      under.at = { read, sent }
      if (at === undefined) continue
      const stalls =
        !request.complete &&
        (isAnswered || (request.readableLength === 0 && !request.isPaused())) &&
        read - at.read < minBytes
      if (waiting > 0 && sent - at.sent < Math.min(minBytes, waiting)) socket.destroy()
      else if (stalls && response.headersSent) socket.destroy()
      else if (stalls) answerGarbage({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket)
    }
  }
  app.addHook('onRequest', async ({ raw }, { raw: response }) => {
    const under: Under = { response }
    underWay.set(raw, under)
    // It keeps nothing up: whoever listens does.
    timer ??= setInterval(look, everyMs).unref()
    whenOver(raw, response, () => {
      // Node.js reads what is left of a body that nobody wanted, however slowly it comes.
      if (!hasBody(raw) || raw.complete || raw.socket.destroyed) forget(raw)
      else under.isAnswered = true
    })
  })
}
