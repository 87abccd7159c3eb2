import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { makeVersion } from '../agents/work/versions.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { actorOf } from './command-headers.ts'
import { agentName } from './command-schemas.ts'
import { problems } from './conventions.ts'
import type { RouteParts } from './parts.ts'

const closed = { additionalProperties: false } as const

const body = Type.Object(
  {
    path: Type.String({
      ...{ minLength: 1, maxLength: 4096 },
      description: 'Where the new version is to be, and nothing is yet: relative to what is copied, or absolute.',
    }),
    of: Type.Enum(['source', 'target'], { default: 'source', description: '`target`: with its policies.' }),
    target: Type.Optional({ ...agentName, description: 'May be absent when there is only one.' }),
    version: Type.Optional(
      Type.String({ minLength: 1, maxLength: 200, description: 'What `info.version` of the copy is.' }),
    ),
  },
  closed,
)

const made = Type.Object(
  {
    path: Type.String(),
    version: Type.Optional(Type.String()),
    digest: Type.String({ pattern: '^sha256-[0-9a-f]{64}$' }),
    bytes: Type.Integer({ minimum: 0 }),
  },
  { ...closed, title: 'Version' },
)

/** New versions beside those that are resynchronised. */
export function versionRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.post<{ Params: { name: string }; Body: Static<typeof body> }>(
    '/agent/:name/versions',
    {
      config: { needs: 'resync' },
      schema: {
        ...{ operationId: 'makeVersion', tags: ['versions'], params: Type.Object({ name: agentName }), body },
        summary: 'Copies the definition as a new version to a new place, and leaves the old one alone',
        response: { 201: made, ...problems('conflict', 'rejected', 'unavailable') },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const asked = { ...request.body, actor: actorOf(request) }
      return reply.code(201).send(await makeVersion(parts, parts.kinds, agent, asked, callerGone(reply)))
    },
  )
}
