import type { FastifyInstance } from 'fastify'
import type { Readable } from 'node:stream'
import { neededOf } from '../agents/brought.ts'
import { ability } from '../agents/commands/accept.ts'
import { takesMirrorsInParts } from '../agents/commands/mirrors.ts'
import { receivePackage } from '../agents/packages.ts'
import type { PackageId } from '../packages/manifest.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { checkAnnounced, feedOf } from './command-headers.ts'
import { agentName, packageId } from './command-schemas.ts'
import { problems, uncheckedBody } from './conventions.ts'
import { mayHave } from './imported.ts'
import type { RouteParts } from './parts.ts'
import { routeOf } from './prefixes.ts'
import { receivedRoute, resumptionOf, uploadHeaders } from './upload-routes.ts'

const params = Type.Object({ name: agentName })
const closed = { additionalProperties: false } as const
const count = Type.Integer({ minimum: 0 })
const binary = { schema: Type.Unsafe({ type: 'string', format: 'binary' }) }

/** What is asked about at a time. */
const maxAsked = 5000
const maxFurther = 8

const asked = Type.Object(
  {
    packages: Type.Array(
      Type.Object(
        {
          id: packageId,
          carries: Type.Optional({
            ...count,
            description: 'Of so many of its files the caller has the contents; of all if absent.',
          }),
        },
        closed,
      ),
      { maxItems: maxAsked },
    ),
    further: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: maxFurther,
        description: 'So many servers behind this one may be asked what they take; 0 if absent.',
      }),
    ),
  },
  closed,
)

interface Asked {
  readonly packages: readonly { readonly id: PackageId; readonly carries?: number }[]
  readonly further?: number
}

/** What is brought before an index that names it is imported: packages that are kept, and of which nothing is applied. */
export function broughtRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.post<{ Params: { name: string }; Body: Asked }>(
    '/agent/:name/import/needed',
    {
      config: { needs: 'import', looks: true },
      schema: {
        ...{ operationId: 'listNeeded', tags: ['commands'], params, body: asked },
        summary: 'Which of these packages are not here, and whether the agent takes a mirror as an index and its parts',
        response: {
          200: Type.Object(
            {
              needed: Type.Array(packageId, {
                description: 'What is not here, or with less. The others are kept for another day.',
              }),
              mirrorsInParts: Type.Boolean({
                description: 'Whether the index of a mirror may be imported; else a mirror comes whole.',
              }),
            },
            closed,
          ),
        },
      },
    },
    async (request, reply) => {
      const { packages, further = 0 } = request.body
      const agent = await parts.roster.get(request.params.name)
      return {
        needed: await neededOf(parts, packages, (record) => mayHave(request, record)),
        mirrorsInParts: await takesMirrorsInParts(agent, agent.queues, further, callerGone(reply)),
      }
    },
  )
  app.post<{ Params: { name: string } }>(
    '/agent/:name/import/packages',
    {
      ...{ config: { needs: 'import' }, ...uncheckedBody },
      schema: {
        ...{ operationId: 'bringPackage', tags: ['commands'], params, headers: uploadHeaders },
        summary: 'Keeps a package for a day, and applies nothing: an index that names it may be imported then',
        body: { content: { 'application/zip': binary, 'application/octet-stream': binary } },
        response: {
          200: Type.Object({ id: packageId, entries: count, bytes: count }, closed),
          ...problems('conflict', 'corrupt'),
        },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const unable = ability(agent, { kind: 'import', action: 'add' })
      if (unable !== undefined) throw unable
      const key = request.headers['idempotency-key']
      const { feed } = feedOf(request)
      // Whoever sends it under this key in an older epoch is cut off.
      const reserved =
        key === undefined
          ? undefined
          : await parts.idempotency.begin({
              ...{ caller: request.caller.id, method: 'POST', path: routeOf(request), key: String(key) },
              ...(feed !== undefined && { epoch: feed.epoch }),
              cut: () => reply.raw.destroy(),
            })
      try {
        const resumption = resumptionOf(request)
        const into = resumption && (await parts.packages.unfinished.begin(resumption, resumption.from))
        const how = { into, takers: [agent] }
        const { id, entries, bytes } = await receivePackage(parts, request.body as Readable, callerGone(reply), how)
        checkAnnounced(request, id)
        return { id, entries, bytes }
      } finally {
        reserved?.release()
      }
    },
  )
  receivedRoute(app, parts, {
    url: '/agent/:name/import/packages',
    operationId: 'getBroughtUpload',
    summary: 'How much is here of a package that was being brought, and broke off: as of an import',
  })
}
