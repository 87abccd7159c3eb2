import type { FastifyInstance } from 'fastify'
import { hookTypes } from '../agents/config/hooks.ts'
import { listMessages, replay } from '../agents/webhooks/views.ts'
import { Type } from '../resources/type.ts'
import { actorOf } from './command-headers.ts'
import { agentName, errorView, listOf, time } from './command-schemas.ts'
import { problems } from './conventions.ts'
import { operation } from './operation.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'

const byName = Type.Object({ name: agentName })
const byId = Type.Object({ name: agentName, id: Type.String() })

const message = Type.Object(
  {
    id: Type.String({ description: 'The `webhook-id`, the same each time that it is sent.' }),
    url: Type.String({ description: 'Without its query; of the server’s own hook only the origin.' }),
    from: Type.Enum(['agent', 'server'], {
      description: 'Whose hook it is: one of the agent, or the one that the server has for all agents (NOTIFY_URL).',
    }),
    type: Type.Enum(hookTypes),
    command: Type.Optional(Type.String()),
    target: Type.Optional(Type.String()),
    createdAt: time,
    status: Type.Enum(['pending', 'sent', 'failed']),
    tries: Type.Integer({ minimum: 0 }),
    nextAttemptAt: Type.Optional(time),
    answer: Type.Optional(Type.Integer({ description: 'The status that the receiver answered last.' })),
    error: Type.Optional(errorView),
    finishedAt: Type.Optional(time),
    replayedBy: Type.Optional(Type.String()),
    replayedAt: Type.Optional(time),
    payload: Type.Unknown({ description: 'What is sent.' }),
  },
  { additionalProperties: false, title: 'HookMessage' },
)

/** What an agent tells others, and how that went. */
export function hookRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<{ Params: { name: string }; Querystring: { limit: number; cursor?: string } }>(
    '/agent/:name/hooks',
    operation('read', 'listHookMessages', 'hooks', { params: byName, querystring: pageQuery() }, listOf(message)),
    async (request, reply) => {
      const { name } = await parts.roster.get(request.params.name)
      const before = cursorOf(request.query.cursor)
      if (before !== undefined && !/^[0-9A-Z]{26}$/.test(before)) throw badCursor()
      const page = { limit: request.query.limit, ...(before !== undefined && { before }) }
      return nextPage(request, reply, await listMessages(parts.store, name, page))
    },
  )
  app.post<{ Params: { name: string; id: string } }>(
    '/agent/:name/hooks/:id/replay',
    {
      config: { needs: 'operate' },
      schema: {
        ...{ operationId: 'replayHookMessage', tags: ['hooks'], params: byId },
        response: { 202: message, ...problems('conflict') },
      },
    },
    async (request, reply) => {
      const { name, id } = request.params
      return reply.code(202).send(await replay(parts, await parts.roster.get(name), id, actorOf(request)))
    },
  )
}
