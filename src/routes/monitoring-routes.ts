import type { FastifyInstance } from 'fastify'
import { listCommands, listHistory, viewCommand, type Selection } from '../agents/commands/views.ts'
import { cancel, pause, resume, retry } from '../agents/commands/operate.ts'
import { viewAgent } from '../agents/views.ts'
import { listTimeline } from '../agents/commands/timeline.ts'
import { commandKinds, runStates } from '../agents/commands/records.ts'
import { maxHours, throughputOf } from '../agents/throughput.ts'
import { testTarget } from '../agents/work/target-test.ts'
import { ReplicationError } from '../errors.ts'
import { pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { actorOf, waitOf } from './command-headers.ts'
import { held } from './held.ts'
import {
  agentName,
  commandView,
  historyEntry,
  listOf,
  mayReason,
  timelineItem,
  type MayReason,
} from './command-schemas.ts'
import { operation as schema } from './operation.ts'
import { seenBy } from './needs.ts'
import { cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { agentSummary, testSteps, throughput } from './queue-schemas.ts'

const byName = Type.Object({ name: agentName })
const byTarget = Type.Object({ name: agentName, target: Type.String() })
const byCommand = Type.Object({ id: Type.String() })
const lastHours = Type.Object(
  { hours: Type.Integer({ default: 24, minimum: 1, maximum: maxHours }) },
  { additionalProperties: false },
)
const time = Type.Optional(Type.String({ format: 'date-time' }))
const period = { since: time, until: time, path: Type.Optional(pathSchema) }
const state = Type.Optional(Type.Enum(runStates))

type Named = { Params: { name: string } }
type Chosen = Omit<Selection, 'before' | 'limit' | 'status'> & {
  limit: number
  cursor?: string
  state?: Selection['status']
  status?: Selection['status']
}

/** Reading how things stand, and letting them stand still. */
export function monitoringRoutes(app: FastifyInstance, parts: RouteParts): void {
  agentRoutes(app, parts)
  historyRoutes(app, parts)
  commandReadingRoutes(app, parts)
}

function agentRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<{ Querystring: { limit: number; cursor?: string } }>(
    '/agent',
    schema('read', 'listAgents', 'agents', { querystring: pageQuery() }, listOf(agentSummary)),
    async (request, reply) => {
      const after = cursorOf(request.query.cursor)
      const page = await parts.configs.list({
        ...{ limit: request.query.limit, sees: seenBy(request) },
        ...(after !== undefined && { after }),
      })
      const agents = await Promise.all(page.items.map(({ config }) => parts.roster.find(config.name)))
      const items = await Promise.all(
        agents.filter((agent) => agent !== undefined).map((agent) => viewAgent(parts.store, agent)),
      )
      return nextPage(request, reply, { items, ...(page.next !== undefined && { next: page.next }) })
    },
  )
  app.get<Named>(
    '/agent/:name',
    schema('read', 'getAgent', 'agents', { params: byName }, agentSummary),
    async ({ params }) => viewAgent(parts.store, await parts.roster.get(params.name)),
  )
  app.get<Named & { Querystring: { hours: number } }>(
    '/agent/:name/throughput',
    schema('read', 'getThroughput', 'agents', { params: byName, querystring: lastHours }, throughput),
    async ({ params, query }) => {
      const { name } = await parts.roster.get(params.name)
      return { items: await throughputOf(parts.store, name, query.hours) }
    },
  )
  for (const [verb, act] of [
    ['pause', pause],
    ['resume', resume],
  ] as const) {
    app.post<Named & { Body: MayReason }>(
      `/agent/:name/${verb}`,
      schema('operate', `${verb}Agent`, 'agents', { params: byName, body: mayReason }, agentSummary),
      async (request) => {
        const agent = await parts.roster.get(request.params.name)
        await act(parts, agent, undefined, actorOf(request), request.body?.reason)
        return viewAgent(parts.store, agent)
      },
    )
  }
  app.post<{ Params: { name: string; target: string } }>(
    '/agent/:name/targets/:target/test',
    schema('operate', 'testTarget', 'agents', { params: byTarget }, testSteps),
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      if (!agent.targets.includes(request.params.target))
        throw new ReplicationError('missing', `agent ${agent.name} has no target ${request.params.target}`)
      const steps = await testTarget(agent, request.params.target, callerGone(reply))
      return { ok: steps.every((step) => step.ok), steps }
    },
  )
}

function historyRoutes(app: FastifyInstance, parts: RouteParts): void {
  for (const kind of commandKinds) {
    const querystring = pageQuery({ ...period, status: state })
    app.get<Named & { Querystring: Chosen }>(
      `/agent/:name/${kind}/history`,
      schema('read', `${kind}History`, 'history', { params: byName, querystring }, listOf(historyEntry)),
      async (request, reply) => {
        const agent = await parts.roster.get(request.params.name)
        const page = await listHistory(parts.store, agent.name, kind, selection(request.query))
        return nextPage(request, reply, page)
      },
    )
  }
}

function commandReadingRoutes(app: FastifyInstance, parts: RouteParts): void {
  const querystring = pageQuery({
    ...period,
    state,
    agent: Type.Optional(agentName),
    kind: Type.Optional(Type.Enum(commandKinds)),
  })
  app.get<{ Querystring: Chosen }>(
    '/commands',
    schema('read', 'listCommands', 'commands', { querystring }, listOf(commandView)),
    async (request, reply) =>
      nextPage(request, reply, await listCommands(parts.store, { ...selection(request.query), sees: seenBy(request) })),
  )
  app.get<{ Params: { id: string } }>(
    '/commands/:id',
    schema('read', 'getCommand', 'commands', { params: byCommand }, commandView),
    async (request, reply) => {
      const waitMs = waitOf(request)
      if (waitMs !== undefined) await held(parts, reply, request.params.id, waitMs)
      return viewCommand(parts.store, request.params.id, seenBy(request))
    },
  )
  app.get<{ Params: { id: string }; Querystring: { limit: number; cursor?: string } }>(
    '/commands/:id/events',
    schema(
      'read',
      'listCommandEvents',
      'commands',
      { params: byCommand, querystring: pageQuery() },
      listOf(timelineItem),
    ),
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = cursorOf(cursor)
      const page = { limit, sees: seenBy(request), ...(after !== undefined && { after }) }
      return nextPage(request, reply, await listTimeline(parts.store, request.params.id, page))
    },
  )
  for (const [verb, act] of [
    ['cancel', cancel],
    ['retry', retry],
  ] as const)
    app.post<{ Params: { id: string }; Body: MayReason }>(
      `/commands/:id/${verb}`,
      schema('operate', `${verb}Command`, 'commands', { params: byCommand, body: mayReason }, commandView),
      async (request, reply) => {
        await act(parts, request.params.id, actorOf(request), request.body?.reason)
        const waitMs = waitOf(request)
        if (waitMs !== undefined) await held(parts, reply, request.params.id, waitMs)
        return viewCommand(parts.store, request.params.id, seenBy(request))
      },
    )
}

function selection({ cursor, state, status, ...chosen }: Chosen): Selection {
  const before = cursorOf(cursor)
  const wanted = state ?? status
  return { ...chosen, ...(before !== undefined && { before }), ...(wanted !== undefined && { status: wanted }) }
}
