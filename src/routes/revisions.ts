import { Type } from 'typebox'
import { nameSchema } from '../agents/config.ts'
import { authorOf, force, named, sendConfig, theConfig } from './configs.ts'
import { conditionHeaders } from './conditions.ts'
import { cursorOf, pageQuery, pageSchema, sendPage } from './paging.ts'
import { route, type Route } from './route.ts'
import type { Parts } from './table.ts'

const closed = { additionalProperties: false } as const
const number = Type.Integer({ minimum: 1, maximum: 99_999_999 })

const revision = Type.Object(
  {
    number,
    at: Type.String({ format: 'date-time' }),
    actor: Type.String(),
    action: Type.Enum(['created', 'updated', 'restored', 'deleted']),
    restored: Type.Optional(Type.Integer({ description: 'The revision that became current again.' })),
    changes: Type.Array(
      Type.Object({ pointer: Type.String(), before: Type.Optional(Type.Unknown()), after: Type.Optional(Type.Unknown()) }, closed),
      { description: 'What changed, as JSON Pointers into the config; secrets are not shown.' },
    ),
  },
  { ...closed, title: 'Revision' },
)

const cursor = cursorOf('revisions', Type.Object({ before: number }, closed))

export function revisionRoutes({ configs }: Parts): Route[] {
  return [
    route({
      method: 'GET',
      url: '/config/:name/revisions',
      operationId: 'listRevisions',
      tag: 'config',
      summary: 'Lists every write of a config, newest first; also of an agent that was deleted',
      params: named,
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: 'One page', schema: pageSchema(revision) } },
      problems: ['invalid', 'missing'],
      handler: async (request, reply) => {
        const { limit } = request.query
        const before = cursor.decode(request.query.cursor)?.before
        const { items, next } = await configs.revisions(request.params.name, {
          limit,
          ...(before !== undefined && { before }),
        })
        return sendPage(request, reply, items, next === undefined ? undefined : cursor.encode({ before: next }))
      },
    }),
    route({
      method: 'POST',
      url: '/config/:name/revisions/:number/restore',
      operationId: 'restoreRevision',
      tag: 'config',
      summary: 'Makes a revision current again, as a new revision; also of an agent that was deleted',
      params: Type.Object({ name: nameSchema, number }),
      query: force,
      headers: conditionHeaders,
      answers: { 200: theConfig },
      problems: ['invalid', 'missing', 'conflict', 'stale'],
      handler: async (request, reply) => {
        const { name, number: wanted } = request.params
        return sendConfig(reply, await configs.restore(name, wanted, authorOf(request)))
      },
    }),
  ]
}
