import type { FastifyReply } from 'fastify'

/**
 * Aborts when the caller has gone before the answer was sent. Fastify's own `request.signal` aborts as soon as a body has been
 * read to its end, because the incoming message closes then.
 */
export function callerGone(reply: FastifyReply): AbortSignal {
  const abort = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) abort.abort()
  })
  return abort.signal
}
