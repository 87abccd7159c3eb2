import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { levels, listLog } from '../agents/events/agent-log.ts'
import { eventTypes } from '../agents/events/events.ts'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import { accepts } from './accepts.ts'
import { agentName, listOf, time } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import { factsOf } from './door.ts'
import { sequenceIn } from './event-frames.ts'
import { streamHeaders } from './event-streams.ts'
import { seenBy } from './needs.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { HttpError } from './problem.ts'
import { typed } from './typed.ts'

const params = Type.Object({ name: agentName })
const lastEventId = Type.String({
  pattern: '^\\d{1,16}$',
  description: 'As the header, for those who cannot send it; the header wins.',
})
const querystring = Type.Object(
  {
    type: Type.Optional(Type.Array(Type.Enum(eventTypes), { description: 'Only events of these types.' })),
    lastEventId: Type.Optional(lastEventId),
  },
  { additionalProperties: false },
)
const headers = Type.Object({
  'last-event-id': Type.Optional(
    Type.String({ description: 'The id behind which to go on; without it, from now on.' }),
  ),
})

const stream = {
  200: answer({
    description:
      'Server-sent events, until either side ends it: `id`, `event` and as `data` a JSON object with `at`, `agent`, where they ' +
      'apply `actor`, `command` and `target`, and what the type has to say. `reset` comes first where it is not possible to go ' +
      'on behind the id, and says why: read the state again; the stream goes on from now. Comments are heartbeats.',
    schema: Type.String(),
    type: 'text/event-stream',
  }),
  ...problems('unavailable'),
}

const line = Type.Object(
  {
    at: time,
    level: Type.Enum(levels),
    message: Type.String(),
    actor: Type.Optional(Type.String()),
    command: Type.Optional(Type.String()),
    target: Type.Optional(Type.String()),
    traceId: Type.Optional(Type.String({ description: 'Of the trace that the command belongs to.' })),
    fields: Type.Object({}, { additionalProperties: true, description: 'What else was known.' }),
  },
  { additionalProperties: false, title: 'LogLine' },
)

const filters = {
  level: Type.Optional(Type.Enum(levels, { description: 'Lines of this level, and more important ones.' })),
  since: Type.Optional(Type.String({ format: 'date-time', description: 'From then on.' })),
  until: Type.Optional(Type.String({ format: 'date-time', description: 'Before then.' })),
  command: Type.Optional(Type.String()),
  target: Type.Optional(Type.String()),
}

type Query = Static<typeof querystring>

/** What happens, as it happens, and what has happened to one agent. */
export function eventRoutes(app: FastifyInstance, parts: RouteParts): void {
  typed(app).get(
    '/events',
    {
      config: { needs: 'read', streams: true },
      schema: { operationId: 'streamEvents', tags: ['events'], headers, querystring, response: stream },
    },
    async (request, reply) => streamEvents(parts, request, reply, request.query),
  )
  typed(app).get(
    '/agent/:name/events',
    {
      config: { needs: 'read', streams: true },
      schema: { operationId: 'streamAgentEvents', tags: ['events'], params, headers, querystring, response: stream },
    },
    async (request, reply) => {
      await demandKnown(parts, request.params.name)
      return streamEvents(parts, request, reply, request.query, request.params.name)
    },
  )
  typed(app).get(
    '/agent/:name/log',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'readAgentLog', summary: 'What has happened to the agent, newest first', tags: ['events'] },
        ...{ params, querystring: pageQuery(filters), response: { 200: listOf(line) } },
      },
    },
    async (request, reply) => {
      const { name } = request.params
      await demandKnown(parts, name)
      const { limit, cursor, ...wanted } = request.query
      const after = cursorOf(cursor)
      if (after !== undefined && sequenceIn(after) === undefined) throw badCursor()
      const before = after === undefined ? {} : { before: Number(after) }
      const { items, next } = await listLog(parts.store, name, { limit, ...before, ...wanted })
      return nextPage(request, reply, { items, ...(next !== undefined && { next: String(next) }) })
    },
  )
}

/** Also agents that were deleted: whoever followed them, or asks what became of them, hears it. */
async function demandKnown({ configs }: RouteParts, name: string): Promise<void> {
  if (!(await configs.everHad(name))) throw new ReplicationError('missing', `no agent is named ${name}`)
}

async function streamEvents(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  query: Query,
  agent?: string,
): Promise<unknown> {
  if (!accepts(request.headers.accept, streamHeaders['content-type']))
    throw new HttpError(406, 'invalid', 'this is a stream of events: accept text/event-stream')
  const after = lastEventOf(request, query)
  if (request.method === 'HEAD') return reply.headers(streamHeaders).send()
  const types = query.type === undefined ? {} : { types: new Set(query.type) }
  const wanted = { ...(after !== undefined && { after }), ...(agent !== undefined && { agent }), ...types }
  const watch = parts.access.watch(request.caller, factsOf(request))
  try {
    const more = { sees: seenBy(request), until: watch.signal }
    return await parts.eventStreams.send(request, reply, { ...wanted, ...more }, parts.closing)
  } finally {
    watch.stop()
  }
}

/** A browser that comes back sends the header, and the address that it began with. */
function lastEventOf(request: FastifyRequest, query: Query): number | undefined {
  const id = [request.headers['last-event-id'] ?? []].flat()[0] || query.lastEventId
  if (id === undefined) return undefined
  const sequence = sequenceIn(id)
  if (sequence === undefined)
    throw new ReplicationError('invalid', 'Last-Event-ID is none that a server of this kind has given out')
  return sequence
}
