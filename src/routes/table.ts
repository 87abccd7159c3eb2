import type { Registry } from 'prom-client'
import type { TSchema } from 'typebox'
import type { ConfigStore } from '../agents/config-store.ts'
import { documentedConfigSchema } from '../agents/endpoint-config.ts'
import type { EndpointKind } from '../endpoints/endpoint.ts'
import { sendable } from '../resources/schema.ts'
import { configRoutes } from './configs.ts'
import { healthRoutes } from './health.ts'
import { kindRoutes } from './kinds.ts'
import { problemSchema } from './problem.ts'
import { revisionRoutes } from './revisions.ts'
import type { Route } from './route.ts'

/*
 * How to add routes: write `things.ts` with
 *
 *     export function thingRoutes({ things }: Parts): Route[] {
 *       return [
 *         route({
 *           method: 'GET', url: '/things/:id', operationId: 'readThing', tag: 'things', summary: 'Reads one thing',
 *           params: Type.Object({ id: thingId }),           // what does not fit is 404
 *           query: Type.Object({…}, closed),                // text is converted; absent: any parameter is 400
 *           body: { schema: Type.Object({…}, closed) },     // nothing is converted; other media types are 415
 *           answers: { 200: { description: 'The thing', schema: thingView } },
 *           problems: ['missing'],
 *           hooks: { preHandler: … },                       // Fastify's own, for this route alone
 *           handler: async ({ params }) => things.read(params.id),
 *         }),
 *       ]
 *     }
 *
 * put what it needs into `Parts` and its name into `routeTable`. All else follows from the entry: the three prefixes,
 * HEAD beside GET, validation, 405 and 415, the OpenAPI document, and the tests that read this table. A handler answers the
 * body, or throws a ReplicationError (problem.ts turns every error into a problem); lists use paging.ts, tags and
 * conditions conditions.ts, links and the caller's name caller.ts. Schemas that several routes show go into
 * `sharedSchemas` and are named as `Type.Unsafe({ $ref: 'Thing#' })`, in answers only: a body is checked by its schema alone.
 */

/** What the routes are made of. */
export interface Parts {
  readonly configs: ConfigStore
  readonly kinds: readonly EndpointKind[]
  readonly registry: Registry
  /** Throws (`unavailable`) while the server cannot do its work; warnings say which promises are weaker. */
  readonly ready: () => Promise<{ readonly warnings: readonly string[] }>
}

/** The prefix that documentation uses, and those of the proposal that this API began with. */
export const prefixes = ['/replication', '/libs/sling/replication', '/system/replication'] as const

/** The routes under each of the prefixes. */
export function routeTable(parts: Parts): Route[] {
  return [...configRoutes(parts), ...revisionRoutes(parts), ...kindRoutes(parts)]
}

/** The routes outside the prefixes. */
export function plainTable(parts: Parts): Route[] {
  return healthRoutes(parts)
}

/** Schemas that the OpenAPI document names once. */
export function sharedSchemas({ kinds }: Parts): TSchema[] {
  const config = documentedConfigSchema(kinds)
  return [
    problemSchema,
    { ...config, $id: 'AgentConfig', title: 'AgentConfig' },
    { ...sendable(config), $id: 'AgentConfigInput', title: 'AgentConfigInput' },
  ]
}
