import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../agents/metrics/metrics.ts'

/** Asked every few seconds: they would be most of what is seen of a server that has little to do. */
const ofOperations = new Set(['/health/live', '/health/ready', '/metrics'])

/**
 * Tells how long answers take, and of which class they are. Not by route: agents have many, and a route more would be a label
 * more. What waits because it was asked to says nothing of the server.
 */
export function measureRequests(app: FastifyInstance, metrics: Pick<Metrics, 'answered'>): void {
  app.addHook('onResponse', (request, reply, done) => {
    const waits = reply.getHeader('content-type') === 'text/event-stream' || reply.hasHeader('preference-applied')
    if (!waits && !ofOperations.has(request.routeOptions.url ?? ''))
      metrics.answered(reply.statusCode, reply.elapsedTime)
    done()
  })
}
