import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'

/** How the OpenAPI document is made; what is in it comes from the routes. */
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
