import type { FastifyInstance } from 'fastify'
import { canBe, endpointSchema } from '../agents/config/endpoint-config.ts'
import type { EndpointKind } from '../endpoints/endpoint.ts'
import { Type } from '../resources/type.ts'
import { listOf } from './command-schemas.ts'
import type { RouteParts } from './parts.ts'

const kindView = Type.Object(
  {
    kind: Type.String(),
    title: Type.String(),
    source: Type.Boolean({ description: 'Whether agents can read from it.' }),
    target: Type.Boolean({ description: 'Whether agents can deliver to it.' }),
    secrets: Type.Array(Type.String(), { description: 'Options that are write-only.' }),
    schema: Type.Unsafe({ type: 'object', description: 'JSON Schema of an endpoint of this kind.' }),
  },
  { additionalProperties: false, title: 'EndpointKind' },
)

export function kindRoutes(app: FastifyInstance, { kinds }: RouteParts): void {
  app.get(
    '/endpoint-kinds',
    {
      config: { needs: 'somebody' },
      schema: {
        operationId: 'listEndpointKinds',
        summary: 'Lists the kinds of endpoints, their options, and whether each can be a source, a target, or both',
        tags: ['config'],
        response: { 200: listOf(kindView) },
      },
    },
    () => ({ items: kinds.map(viewOf) }),
  )
}

function viewOf(kind: EndpointKind): object {
  return {
    kind: kind.name,
    title: kind.title,
    source: canBe(kind, 'source'),
    target: canBe(kind, 'target'),
    secrets: kind.secrets ?? [],
    schema: endpointSchema(kind, canBe(kind, 'source') ? 'source' : 'target'),
  }
}
