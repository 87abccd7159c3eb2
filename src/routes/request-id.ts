import type { FastifyInstance } from 'fastify'
import type { IncomingMessage } from 'node:http'
import { ulid } from 'ulid'

/** Whatever goes into a log line and back into a header must not be able to forge either. */
const usable = /^[\w.:/+=@-]{1,128}$/

/** The caller's own id of the request, when it is usable, or a new one. */
export function requestIdOf(raw: Pick<IncomingMessage, 'headers'>): string {
  const sent = raw.headers['x-request-id']
  return typeof sent === 'string' && usable.test(sent) ? sent : ulid()
}

export function echoRequestId(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id)
  })
}
