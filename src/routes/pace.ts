import type { FastifyInstance } from 'fastify'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { answerGarbage } from './problem.ts'
import { whenOver } from './when-over.ts'

/** How often it is looked, and how much must have come, or gone, in between: 1 KiB a second. */
export const usualPace = { everyMs: 30_000, minBytes: 30 * 1024 }

interface Under {
  readonly response: ServerResponse
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
  const look = (): void => {
    for (const [request, under] of underWay) {
      const { response, at } = under
      const { socket } = request
      const waiting = socket.writableLength
      const [read, sent] = [socket.bytesRead, socket.bytesWritten - waiting]
      under.at = { read, sent }
      if (at === undefined) continue
      const stalls =
        !request.complete && request.readableLength === 0 && !request.isPaused() && read - at.read < minBytes
      if (waiting > 0 && sent - at.sent < Math.min(minBytes, waiting)) socket.destroy()
      else if (stalls && response.headersSent) socket.destroy()
      else if (stalls) answerGarbage({ code: 'ERR_HTTP_REQUEST_TIMEOUT' }, socket)
    }
  }
  app.addHook('onRequest', async ({ raw }, { raw: response }) => {
    underWay.set(raw, { response })
    timer ??= setInterval(look, everyMs)
    whenOver(raw, response, () => {
      underWay.delete(raw)
      if (underWay.size > 0) return
      clearInterval(timer)
      timer = undefined
    })
  })
}
