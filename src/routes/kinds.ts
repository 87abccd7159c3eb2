import { Type } from 'typebox'
import { endpointSchema } from '../agents/endpoint-config.ts'
import type { EndpointKind } from '../endpoints/endpoint.ts'
import { route, type Route } from './route.ts'
import type { Parts } from './table.ts'

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

export function kindRoutes({ kinds }: Parts): Route[] {
  return [
    route({
      method: 'GET',
      url: '/endpoint-kinds',
      operationId: 'listEndpointKinds',
      tag: 'config',
      summary: 'Lists the kinds of endpoints with their options, and whether each can be a source, a target, or both',
      answers: { 200: { description: 'All of them', schema: Type.Object({ items: Type.Array(kindView) }) } },
      problems: [],
      handler: () => ({ items: kinds.map(viewOf) }),
    }),
  ]
}

function viewOf(kind: EndpointKind): object {
  return {
    kind: kind.name,
    title: kind.title,
    source: kind.source !== undefined,
    target: kind.target !== undefined,
    secrets: kind.secrets ?? [],
    schema: endpointSchema(kind, kind.source === undefined ? 'target' : 'source'),
  }
}
