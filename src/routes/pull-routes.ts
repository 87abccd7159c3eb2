import type { FastifyInstance } from 'fastify'
import { pull } from '../agents/queues/passive.ts'
import type { Agent } from '../agents/roster.ts'
import { sealForOthers } from '../agents/work/seal.ts'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import { actorOf } from './command-headers.ts'
import { agentName } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import { sendPackage } from './package-routes.ts'
import type { RouteParts } from './parts.ts'

const params = Type.Object({ name: agentName })
const querystring = Type.Object(
  {
    queue: Type.Optional(Type.String({ description: 'The passive queue; may be left out when the agent has one.' })),
    lease: Type.Integer({
      default: 60,
      minimum: 1,
      maximum: 86_400,
      description: 'How long it is the caller’s, in seconds.',
    }),
    holder: Type.Optional(
      Type.String({
        maxLength: 200,
        description: 'Who pulls: what is leased to the same holder is handed out to it again.',
      }),
    ),
  },
  { additionalProperties: false },
)
type Pull = { Params: { name: string }; Querystring: { queue?: string; lease: number; holder?: string } }

/** Handing out what passive queues hold. The acknowledgement is the deletion of the item: queue-routes.ts. */
export function pullRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.post<Pull>(
    '/agent/:name/pull',
    {
      config: { needs: 'operate' },
      schema: {
        ...{ operationId: 'pull', tags: ['queues'], params, querystring },
        summary: 'The head package of a passive queue, leased to the caller until it is acknowledged',
        response: {
          200: answer({
            description:
              'The zip; `Package-Item` names the item, `Package-Lease` has the seconds, `Package-Lease-Number` the lease',
            schema: Type.Unsafe({ type: 'string', format: 'binary' }),
            type: 'application/zip',
          }),
          204: answer({ description: 'Nothing to hand out now; `Retry-After` when the head is leased' }),
          ...problems('conflict'),
        },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const queue = queueOf(agent, request.query.queue)
      const { lease, holder } = request.query
      const pulled = await pull(
        parts,
        { agent: agent.name, queue },
        {
          ...{ leaseMs: lease * 1000, actor: actorOf(request) },
          ...(holder !== undefined && { holder }),
        },
      )
      if (!('item' in pulled)) {
        if (pulled.againMs !== undefined) void reply.header('retry-after', Math.ceil(pulled.againMs / 1000))
        return reply.code(204).send()
      }
      const { item, part, paths } = pulled
      const { command, whole } = pulled.of
      await sealForOthers(parts, agent, command, { whole, given: pulled.package })
      void reply.headers({
        ...{ 'package-item': item, 'package-lease': String(lease), 'package-lease-number': String(pulled.lease) },
        ...(part !== undefined && { 'package-part': `${part.number}/${part.of}` }),
        ...(paths !== undefined && { 'package-paths': encodeURIComponent(JSON.stringify(paths)) }),
      })
      return sendPackage(parts, request, reply, pulled.package)
    },
  )
}

function queueOf({ name, passive }: Agent, asked: string | undefined): string {
  const [only] = passive
  if (asked !== undefined && passive.includes(asked)) return asked
  if (asked !== undefined) throw new ReplicationError('missing', `agent ${name} has no passive queue ${asked}`)
  if (only === undefined) throw new ReplicationError('conflict', `agent ${name} has no passive queue`)
  if (passive.length > 1)
    throw new ReplicationError('invalid', `agent ${name} has several passive queues: name one`, {
      faults: [{ pointer: '/queue', message: `must be one of ${passive.join(', ')}` }],
    })
  return only
}
