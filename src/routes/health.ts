import { Type } from 'typebox'
import { route, type Route } from './route.ts'
import type { Parts } from './table.ts'

const tag = 'operations'

/** What whoever runs the server asks; outside the prefixes. */
export function healthRoutes({ ready, registry }: Parts): Route[] {
  return [
    route({
      method: 'GET',
      url: '/health/live',
      operationId: 'isLive',
      tag,
      summary: 'Whether the process answers at all',
      quiet: true,
      answers: { 200: { description: 'It does', schema: Type.Object({ status: Type.Literal('live') }) } },
      problems: [],
      handler: () => ({ status: 'live' }),
    }),
    route({
      method: 'GET',
      url: '/health/ready',
      operationId: 'isReady',
      tag,
      summary: 'Whether the server can do its work, and which promises are weaker than they could be',
      quiet: true,
      answers: {
        200: {
          description: 'It can',
          schema: Type.Object({ status: Type.Literal('ready'), warnings: Type.Array(Type.String()) }),
        },
      },
      problems: ['unavailable'],
      handler: async () => ({ status: 'ready', warnings: (await ready()).warnings }),
    }),
    route({
      method: 'GET',
      url: '/metrics',
      operationId: 'readMetrics',
      tag,
      summary: 'Metrics for Prometheus',
      quiet: true,
      answers: { 200: { description: 'In the text format', schema: Type.String(), type: 'text/plain' } },
      problems: [],
      handler: async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
    }),
  ]
}
