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
      components: {
        securitySchemes: {
          bearer: {
            ...{ type: 'http', scheme: 'bearer', bearerFormat: 'trb_<id>_<secret>' },
            description:
              'A token of POST /replication/tokens, or ADMIN_TOKEN. While a server has neither, it serves callers of its own ' +
              'machine without one, and nobody else. What each operation needs is its x-needs: docs/SECURITY.md.',
          },
        },
      },
      security: [{ bearer: [] }, {}],
      ...(of.publicUrl === undefined ? {} : { servers: [{ url: of.publicUrl }] }),
    },
    transformObject: (documents) => ('openapiObject' in documents ? withOptionalBodies(documents.openapiObject) : {}),
    convertConstToEnum: false,
    stripBasePath: false,
    refResolver: { buildLocalReference: (schema, _base, _fragment, i) => String(schema['$id'] ?? `def-${i}`) },
  }
}

interface Operation {
  requestBody?: { required?: boolean; readonly content?: Readonly<Record<string, { readonly schema?: object }>> }
}

/** The plugin calls every body required; one that may be null may be left out. */
function withOptionalBodies<T extends { readonly paths?: object }>(document: T): T {
  for (const path of Object.values(document.paths ?? {}) as Record<string, Operation>[])
    for (const { requestBody } of Object.values(path))
      if (requestBody !== undefined && admitsNone(requestBody.content?.['application/json']?.schema ?? {}))
        requestBody.required = false
  return document
}

/** Whether a schema of a body admits that there is none. */
export function admitsNone({ anyOf = [] }: { readonly anyOf?: readonly { readonly type?: string }[] }): boolean {
  return anyOf.some(({ type }) => type === 'null')
}
