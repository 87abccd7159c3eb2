import type { FastifyInstance } from 'fastify'
import { nameSchema } from '../agents/config/config.ts'
import { Type } from '../resources/type.ts'
import { listOf, time } from './command-schemas.ts'
import { conditionHeaders } from './conditions.ts'
import { agentConfig, authorOf, configChanges, force, tagged, tags, theConfig } from './config-routes.ts'
import { problems } from './conventions.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { typed } from './typed.ts'

const closed = { additionalProperties: false } as const
const number = Type.Integer({ minimum: 1, maximum: 99_999_999 })

const listed = {
  ...{ number, at: time, actor: Type.String() },
  action: Type.Enum(['created', 'updated', 'restored', 'deleted']),
  restored: Type.Optional(Type.Integer({ description: 'The revision that became current again.' })),
  changes: configChanges('What changed'),
}
const revision = Type.Object(listed, { ...closed, title: 'Revision' })

const whole = Type.Object(
  {
    ...listed,
    config: Type.Optional(agentConfig),
    restoring: Type.Optional(
      configChanges('Unless it was a deletion, what restoring it would change in what is current'),
    ),
    etag: Type.Optional(Type.String({ description: 'Of the config that is current, for If-Match.' })),
  },
  { ...closed, title: 'WholeRevision' },
)

/** Every write of a config can be looked up, and undone. */
export function revisionRoutes(app: FastifyInstance, { configs }: RouteParts): void {
  typed(app).get(
    '/config/:name/revisions',
    {
      config: { needs: 'read' },
      schema: {
        operationId: 'listRevisions',
        summary: 'Lists every write of a config, newest first; also of an agent that was deleted',
        ...{ tags, params: Type.Object({ name: nameSchema }), querystring: pageQuery() },
        response: { 200: listOf(revision) },
      },
    },
    async (request, reply) => {
      const before = numberOf(cursorOf(request.query.cursor))
      const { items, next } = await configs.revisions(request.params.name, {
        limit: request.query.limit,
        ...(before !== undefined && { before }),
      })
      return nextPage(request, reply, { items, ...(next !== undefined && { next: String(next) }) })
    },
  )
  typed(app).get(
    '/config/:name/revisions/:number',
    {
      config: { needs: 'read' },
      schema: {
        operationId: 'readRevision',
        summary: 'Reads one revision: the config that it left, and what restoring it would change now',
        ...{ tags, params: Type.Object({ name: nameSchema, number }) },
        response: { 200: whole },
      },
    },
    async (request) => {
      const { changes, restoring, ...more } = await configs.revision(request.params.name, request.params.number)
      return { ...more, changes: [...changes], ...(restoring && { restoring: [...restoring] }) }
    },
  )
  typed(app).post(
    '/config/:name/revisions/:number/restore',
    {
      config: { needs: 'configure' },
      schema: {
        operationId: 'restoreRevision',
        summary: 'Makes a revision current again, as a new revision; also of an agent that was deleted',
        ...{ tags, params: Type.Object({ name: nameSchema, number }), querystring: force, headers: conditionHeaders },
        response: { 200: theConfig, ...problems('conflict', 'stale') },
      },
    },
    async (request, reply) => {
      const { name, number: wanted } = request.params
      return tagged(reply, await configs.restore(name, wanted, authorOf(request)))
    },
  )
}

function numberOf(position: string | undefined): number | undefined {
  if (position === undefined) return undefined
  if (!/^[1-9][0-9]{0,7}$/.test(position)) throw badCursor()
  return Number(position)
}
