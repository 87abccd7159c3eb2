import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Type } from '../resources/type.ts'
import { acceptsGzip } from './accepts.ts'
import { answer, problems } from './conventions.ts'
import type { RouteParts } from './parts.ts'

const tags = ['operations']
/** Asked every few seconds: only failures are worth a line. */
const logLevel = 'warn'

const live = Type.Object({ status: Type.Literal('live') })
const ready = Type.Object({ status: Type.Literal('ready'), warnings: Type.Array(Type.String()) })

/** What whoever runs the server asks; outside the prefixes. */
export function healthRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get(
    '/health/live',
    {
      logLevel,
      config: { needs: 'health' },
      schema: { operationId: 'isLive', summary: 'Whether the process answers at all', tags, response: { 200: live } },
    },
    () => ({ status: 'live' }),
  )
  app.get(
    '/health/ready',
    {
      logLevel,
      config: { needs: 'health' },
      schema: {
        operationId: 'isReady',
        summary: 'Whether the server can do its work, and which promises are weaker than they could be',
        tags,
        response: { 200: ready, ...problems('unavailable') },
      },
    },
    async () => ({ status: 'ready', warnings: (await parts.ready()).warnings }),
  )
  app.get(
    '/metrics',
    {
      logLevel,
      config: { needs: 'metrics' },
      schema: {
        ...{ operationId: 'readMetrics', summary: 'Metrics for Prometheus', tags },
        response: { 200: answer({ description: 'Text format', schema: Type.String(), type: 'text/plain' }) },
      },
    },
    async (_request, reply) =>
      reply.type(parts.metrics.contentType).send(Readable.from(await parts.metrics.exposition())),
  )
  let document: Promise<Document> | undefined
  app.get(
    '/openapi.json',
    {
      config: { needs: 'nothing' },
      schema: {
        ...{ operationId: 'readOpenApi', summary: 'The OpenAPI 3.1 document of this server', tags },
        response: { 200: Type.Unsafe({ type: 'object' }) },
      },
    },
    async (request, reply) => {
      const { text, zipped } = await (document ??= written(app))
      const isZipped = acceptsGzip(request.headers['accept-encoding'])
      return reply
        .headers({ vary: 'accept-encoding', ...(isZipped && { 'content-encoding': 'gzip' }) })
        .type('application/json; charset=utf-8')
        .send(isZipped ? zipped : text)
    },
  )
}

interface Document {
  readonly text: Buffer
  readonly zipped: Buffer
}

/** It is the same for as long as the server runs, and a tenth of its size when it is zipped. */
async function written(app: FastifyInstance): Promise<Document> {
  const text = Buffer.from(JSON.stringify(app.swagger()))
  return { text, zipped: await promisify(gzip)(text) }
}
