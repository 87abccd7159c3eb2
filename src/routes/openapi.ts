import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { Type } from 'typebox'
import { route, type Route } from './route.ts'

/** Settings of the document; what is in it comes from the routes. */
export function openApi(of: { readonly version: string; readonly publicUrl?: string }): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: 'Trebuchet',
        version: of.version,
        description:
          'Named agents replicate resource trees from one environment to others, in order, without loss. The same routes ' +
          'are served under /libs/sling/replication and /system/replication.',
      },
      ...(of.publicUrl === undefined ? {} : { servers: [{ url: of.publicUrl }] }),
    },
    convertConstToEnum: false,
    stripBasePath: false,
    refResolver: { buildLocalReference: (schema, _base, _fragment, i) => String(schema['$id'] ?? `def-${i}`) },
  }
}

export function openApiRoutes(document: () => object): Route[] {
  return [
    route({
      method: 'GET',
      url: '/openapi.json',
      operationId: 'readOpenApi',
      tag: 'operations',
      summary: 'This document',
      answers: { 200: { description: 'OpenAPI 3.1', schema: Type.Unsafe({ type: 'object' }) } },
      problems: [],
      handler: document,
    }),
  ]
}
