import type { FastifyInstance, FastifyRequest } from 'fastify'
import { clearLane, moveItem, removeItem, retryHead, skipItem, type Author } from '../agents/queues/item-verbs.ts'
import { pause, resume } from '../agents/commands/operate.ts'
import { acknowledge } from '../agents/queues/passive.ts'
import { findItem, listItems, type ItemView } from '../agents/queues/items.ts'
import { laneOf, queueOf, queuesOf } from '../agents/queues/views.ts'
import { isPlaceIn, type LaneId } from '../queues/lanes.ts'
import { Type } from '../resources/type.ts'
import { actorOf } from './command-headers.ts'
import { agentName, listOf, mayReason, reason, type MayReason } from './command-schemas.ts'
import { operation } from './operation.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { itemDetail, itemStates, queuePage, queueSummary } from './queue-schemas.ts'

const closed = { additionalProperties: false } as const
const byName = Type.Object({ name: agentName })
const byQueue = Type.Object({ name: agentName, queue: Type.String() })
const byItem = Type.Object({ name: agentName, queue: Type.String(), id: Type.String() })

type Named = { Params: { name: string } }
type Queued = { Params: { name: string; queue: string }; Body: MayReason }
type OfItem = { Params: { name: string; queue: string; id: string } }

/** Reading queues, and what operators do to them. */
export function queueRoutes(app: FastifyInstance, parts: RouteParts): void {
  readingRoutes(app, parts)
  verbRoutes(app, parts)
  itemRoutes(app, parts)
}

function readingRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<Named>(
    '/agent/:name/queues',
    operation('read', 'listQueues', 'queues', { params: byName }, listOf(queueSummary)),
    async ({ params }) => ({ items: await queuesOf(parts.store, await parts.roster.get(params.name)) }),
  )
  const querystring = pageQuery({ state: Type.Optional(Type.Enum(itemStates)) })
  app.get<Pick<Queued, 'Params'> & { Querystring: { limit: number; cursor?: string; state?: ItemView['state'] } }>(
    '/agent/:name/queues/:queue',
    operation('read', 'getQueue', 'queues', { params: byQueue, querystring }, queuePage),
    async (request, reply) => {
      const { limit, cursor, state } = request.query
      const agent = await parts.roster.get(request.params.name)
      const summary = await queueOf(parts.store, agent, request.params.queue)
      const after = cursorOf(cursor)
      if (after !== undefined && !isPlaceIn({ agent: agent.name, queue: request.params.queue }, after))
        throw badCursor()
      const page = await listItems(parts.store, agent, request.params.queue, {
        ...{ limit, ...(state !== undefined && { state }), ...(after !== undefined && { after }) },
      })
      return { ...summary, ...nextPage(request, reply, page) }
    },
  )
  app.get<OfItem>(
    '/agent/:name/queues/:queue/items/:id',
    operation('read', 'getItem', 'queues', { params: byItem }, itemDetail),
    async ({ params }) => findItem(parts.store, await parts.roster.get(params.name), params.queue, params.id),
  )
}

/** On a whole queue. */
function verbRoutes(app: FastifyInstance, parts: RouteParts): void {
  const verbs: Readonly<Record<string, (lane: LaneId, author: Author) => Promise<unknown>>> = {
    pause: async (lane, by) => pause(parts, await parts.roster.get(lane.agent), lane.queue, by.actor, by.reason),
    resume: async (lane, by) => resume(parts, await parts.roster.get(lane.agent), lane.queue, by.actor, by.reason),
    retry: (lane, author) => retryHead(parts, lane, author),
    clear: (lane, author) => clearLane(parts, lane, author),
  }
  for (const [verb, act] of Object.entries(verbs))
    app.post<Queued>(
      `/agent/:name/queues/:queue/${verb}`,
      operation('operate', `${verb}Queue`, 'queues', { params: byQueue, body: mayReason }, queueSummary),
      async (request) => {
        const agent = await parts.roster.get(request.params.name)
        const lane = laneOf(agent, request.params.queue)
        await act(lane, authorOf(request, request.body?.reason))
        return queueOf(parts.store, agent, lane.queue)
      },
    )
}

const removal = Type.Object(
  {
    reason: Type.Optional(reason),
    lease: Type.Optional(
      Type.Integer({
        minimum: 1,
        description: 'Of a passive queue: `Package-Lease-Number` of the pull that it acknowledges.',
      }),
    ),
  },
  closed,
)

/** On one item; each answers the queue as it is then. */
function itemRoutes(app: FastifyInstance, parts: RouteParts): void {
  const path = '/agent/:name/queues/:queue/items/:id'
  app.delete<OfItem & { Querystring: { reason?: string; lease?: number } }>(
    path,
    operation('operate', 'removeItem', 'queues', { params: byItem, querystring: removal }, queueSummary),
    async (request) => {
      const { agent, lane, id } = await placed(request)
      const author = authorOf(request, request.query.reason)
      const acknowledged =
        agent.passive.includes(lane.queue) && (await acknowledge(parts, lane, id, request.query.lease, author))
      if (!acknowledged) await removeItem(parts, lane, id, author)
      return queueOf(parts.store, agent, lane.queue)
    },
  )
  app.post<OfItem & { Body: { reason: string } }>(
    `${path}/skip`,
    operation('operate', 'skipItem', 'queues', { params: byItem, body: Type.Object({ reason }, closed) }, queueSummary),
    async (request) => {
      const { agent, lane, id } = await placed(request)
      await skipItem(parts, lane, id, authorOf(request, request.body.reason))
      return queueOf(parts.store, agent, lane.queue)
    },
  )
  const body = Type.Object({ to: Type.String(), reason: Type.Optional(reason) }, closed)
  app.post<OfItem & { Body: { to: string; reason?: string } }>(
    `${path}/move`,
    operation('operate', 'moveItem', 'queues', { params: byItem, body }, queueSummary),
    async (request) => {
      const { agent, lane, id } = await placed(request)
      await moveItem(parts, lane, id, request.body.to, authorOf(request, request.body.reason))
      return queueOf(parts.store, agent, lane.queue)
    },
  )

  async function placed({ params: { name, queue, id } }: FastifyRequest<OfItem>) {
    const agent = await parts.roster.get(name)
    return { agent, lane: laneOf(agent, queue), id }
  }
}

function authorOf(request: FastifyRequest, why: string | undefined): Author {
  return { actor: actorOf(request), ...(why !== undefined && { reason: why }) }
}
