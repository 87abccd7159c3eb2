import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import { Type } from '../resources/type.ts'
import type { AuditEntry, AuditFilter } from '../access/audit.ts'
import { accepts } from './accepts.ts'
import { agentName, time } from './command-schemas.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'

const closed = { additionalProperties: false } as const
const text = Type.String()
const ndjson = 'application/x-ndjson'

const entry = Type.Object(
  {
    ...{ sequence: Type.Integer(), at: time },
    actor: Type.Optional(Type.String({ description: 'Absent where nobody could be told.' })),
    caller: Type.Optional(Type.String({ description: 'The id of the token, `admin` or `anonymous`.' })),
    operation: Type.String({ description: 'As this document calls it.' }),
    params: Type.Optional(Type.Record(text, text)),
    agents: Type.Optional(Type.Array(text)),
    reason: Type.Optional(text),
    made: Type.Optional(Type.String({ description: 'Where what was made is to be found.' })),
    address: text,
    userAgent: Type.Optional(text),
    requestId: text,
    status: Type.Integer({ description: 'What was answered.' }),
    omitted: Type.Optional(Type.Integer({ description: 'Refusals before this one that came too fast to be written.' })),
  },
  { ...closed, title: 'AuditEntry' },
)

const page = Type.Object({ items: Type.Array(entry), next: Type.Optional(text) }, closed)

const filters = {
  since: Type.Optional(Type.String({ format: 'date-time' })),
  until: Type.Optional(Type.String({ format: 'date-time' })),
  actor: Type.Optional(Type.String({ maxLength: 64 })),
  agent: Type.Optional(agentName),
}

/** Who did what. */
export function auditRoutes(app: FastifyInstance, { access: { audit } }: RouteParts): void {
  app.get<{ Querystring: AuditFilter & { limit: number; cursor?: string } }>(
    '/audit',
    {
      config: { needs: 'admin' },
      schema: {
        ...{ operationId: 'readAudit', tags: ['audit'], querystring: pageQuery(filters) },
        summary: 'Every change and every refusal, newest first; as NDJSON all of them, oldest first',
        response: {
          200: {
            description: 'A page, or a line for each',
            content: { 'application/json': { schema: page }, [ndjson]: { schema: text } },
          },
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor, ...filter } = request.query
      if (
        request.headers.accept !== undefined &&
        accepts(request.headers.accept, ndjson) &&
        !accepts(request.headers.accept, 'application/json')
      )
        return reply.type(ndjson).send(Readable.from(lines(audit.all(filter)), { objectMode: false }))
      const before = cursorOf(cursor)
      if (before !== undefined && !/^\d{1,16}$/.test(before)) throw badCursor()
      const { items, next } = await audit.list(filter, {
        limit,
        ...(before !== undefined && { before: Number(before) }),
      })
      return nextPage(request, reply, { items, ...(next !== undefined && { next: String(next) }) })
    },
  )
}

async function* lines(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string, void, void> {
  for await (const one of entries) yield `${JSON.stringify(one)}\n`
}
