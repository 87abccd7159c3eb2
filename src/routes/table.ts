import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { documentedConfigSchema } from '../agents/config/endpoint-config.ts'
import { sendable } from '../resources/schema.ts'
import { auditRoutes } from './audit-routes.ts'
import { broughtRoutes } from './brought-routes.ts'
import { commandRoutes } from './command-routes.ts'
import { comparisonRoutes } from './comparison-routes.ts'
import { configRoutes } from './config-routes.ts'
import { eventRoutes } from './event-routes.ts'
import { hookRoutes } from './hook-routes.ts'
import { keepAnswers } from './keep-answers.ts'
import { holdingsRoutes } from './holdings-routes.ts'
import { kindRoutes } from './kind-routes.ts'
import { monitoringRoutes } from './monitoring-routes.ts'
import { packageRoutes } from './package-routes.ts'
import type { RouteParts } from './parts.ts'
import { prefixes } from './prefixes.ts'
import { problemSchema } from './problem.ts'
import { pullRoutes } from './pull-routes.ts'
import { queueRoutes } from './queue-routes.ts'
import { revisionRoutes } from './revision-routes.ts'
import { serverRoutes } from './server-routes.ts'
import { sessionRoutes } from './session-routes.ts'
import { tokenRoutes } from './token-routes.ts'
import { versionRoutes } from './version-routes.ts'
import { whereRoutes } from './where-routes.ts'

/*
 * How to add routes: write `thing-routes.ts` with
 *
 *     export function thingRoutes(app: FastifyInstance, { things }: RouteParts): void {
 *       typed(app).get(
 *         '/things/:id',
 *         {
 *           config: { needs: 'read' },                   // what its callers must be allowed: needs.ts
 *           schema: {
 *             operationId: 'readThing', summary: 'Reads one thing', tags: ['things'],
 *             params: Type.Object({ id: thingId }),      // what does not fit is 404
 *             querystring: Type.Object({…}, closed),     // text is converted; without it, any parameter is 400
 *             body: Type.Object({…}, closed),            // nothing is converted; JSON, or the types in `consumes`, else 415
 *             response: { 200: thingView, ...problems('conflict') },
 *           },
 *         },
 *         async (request) => things.read(request.params.id),
 *       )
 *     }
 *
 * put what it needs into `RouteParts` and its name into `table`. conventions.ts gives it the rest: validation, media
 * types, the problems that any call may end with, HEAD, 405, the OpenAPI document (test/routes/openapi.test.ts reads it
 * against the routes). A handler answers the body, or throws: problem.ts turns every error into a problem. Lists use
 * paging.ts, tags and conditions conditions.ts, links prefixes.ts, forms and streams body.ts. A schema that several
 * answers show goes into `sharedSchemas`, and is named as `Type.Unsafe({ $ref: 'Thing#' })`.
 */

type Routes = (app: FastifyInstance, parts: RouteParts) => void

/** What is served under each of the prefixes. */
const table: readonly Routes[] = [
  configRoutes,
  revisionRoutes,
  kindRoutes,
  packageRoutes,
  comparisonRoutes,
  holdingsRoutes,
  whereRoutes,
  monitoringRoutes,
  queueRoutes,
  hookRoutes,
  versionRoutes,
  eventRoutes,
  serverRoutes,
  auditRoutes,
]

/** Those that see to `Idempotency-Key` themselves, or whose answer is a stream or a secret, which is not kept. */
const ownKeys: readonly Routes[] = [commandRoutes, broughtRoutes, pullRoutes, sessionRoutes, tokenRoutes]

/** All routes of the API, under each of the prefixes. */
export async function addRoutes(app: FastifyInstance, parts: RouteParts): Promise<void> {
  for (const schema of sharedSchemas(parts)) app.addSchema(schema)
  for (const prefix of prefixes)
    await app.register(
      async (scope) => {
        for (const routes of ownKeys) routes(scope, parts)
        await scope.register(async (rest) => {
          keepAnswers(rest, parts.idempotency)
          for (const routes of table) routes(rest, parts)
        })
      },
      { prefix },
    )
}

/** Schemas that the OpenAPI document names once. */
function sharedSchemas({ kinds }: RouteParts): TSchema[] {
  const config = documentedConfigSchema(kinds)
  return [
    problemSchema,
    { ...config, $id: 'AgentConfig', title: 'AgentConfig' },
    { ...sendable(config), $id: 'AgentConfigInput', title: 'AgentConfigInput' },
  ]
}
