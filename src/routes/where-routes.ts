import type { FastifyInstance } from 'fastify'
import { whereIs, type PlaceOfPath } from '../agents/comparisons/where.ts'
import { parsePath, type ResourcePath } from '../resources/path.ts'
import { pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { agentName, errorView, packageId, time } from './command-schemas.ts'
import { seenBy } from './needs.ts'
import { cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'

const closed = { additionalProperties: false } as const

const whereabouts = {
  state: Type.Enum(['present', 'absent', 'unknown']),
  folder: Type.Optional(Type.Boolean({ description: 'Present, and no content.' })),
  digest: Type.Optional(Type.String({ description: 'SHA-256 of the content.' })),
  size: Type.Optional(Type.Integer({ minimum: 0 })),
}

const place = Type.Object(
  {
    agent: Type.String(),
    target: Type.String(),
    ...whereabouts,
    since: Type.Optional({ ...time, description: 'When that was delivered which made it so.' }),
    command: Type.Optional(Type.String({ description: 'The newest command that was delivered and made it so.' })),
    package: Type.Optional(packageId),
    verifiedAt: Type.Optional({ ...time, description: 'When the target was last compared as a whole.' }),
    source: Type.Optional(Type.Object({ ...whereabouts, error: Type.Optional(errorView) }, closed)),
  },
  { ...closed, title: 'PlaceOfPath' },
)

const querystring = pageQuery({
  path: pathSchema,
  agent: Type.Optional(agentName),
  source: Type.Boolean({ default: false, description: 'Also what the source of each agent has now.' }),
})

interface Query {
  readonly path: ResourcePath
  readonly agent?: string
  readonly source: boolean
  readonly limit: number
  readonly cursor?: string
}

/** Where a page is. */
export function whereRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<{ Querystring: Query }>(
    '/where',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'where', tags: ['comparisons'], querystring },
        summary: 'What the last receipts say of a path at each target of the agents whose roots admit it',
        response: {
          200: Type.Object(
            { path: Type.String(), items: Type.Array(place), next: Type.Optional(Type.String()) },
            closed,
          ),
        },
      },
    },
    async (request, reply) => {
      const { agent, source, limit, cursor } = request.query
      const path = parsePath(request.query.path)
      const asked = { source, signal: callerGone(reply) }
      if (agent !== undefined) request.caller.demand('read', agent)
      if (agent !== undefined) return { path, items: await whereIs(parts, await parts.roster.get(agent), path, asked) }
      const items: PlaceOfPath[] = []
      for (let after = cursorOf(cursor); ;) {
        // All targets of an agent are on the same page.
        const page = await parts.configs.list({
          ...{ limit: 20, sees: seenBy(request) },
          ...(after !== undefined && { after }),
        })
        for (const { config } of page.items) {
          if (items.length >= limit)
            return { path, ...nextPage(request, reply, { items, ...(after !== undefined && { next: after }) }) }
          const found = await parts.roster.find(config.name)
          if (found !== undefined) items.push(...(await whereIs(parts, found, path, asked)))
          after = config.name
        }
        if (page.next === undefined) return { path, items }
      }
    },
  )
}
