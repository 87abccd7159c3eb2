import { LogController, type FastifyReply, type FastifyRequest } from 'fastify'
import { requestTraceparent, traceIdIn } from '../tracing/span.ts'

/** One line for each request, when it is answered; the framework's own are two, with more in them than anybody reads. */
export class RequestLog extends LogController {
  constructor() {
    super({ requestIdLogLabel: 'requestId' })
  }

  override incomingRequest(): void {}

  override routeNotFound(): void {}

  override requestCompleted(error: Error | null | undefined, request: FastifyRequest, reply: FastifyReply): void {
    const { method, url } = request.raw
    const tookMs = Math.round(reply.elapsedTime)
    const facts = { method, url, status: reply.statusCode, tookMs, ...traceIdIn(requestTraceparent(request)) }
    if (error) request.log.warn({ ...facts, err: error }, 'request broken off')
    else request.log.info(facts, 'request answered')
  }
}
