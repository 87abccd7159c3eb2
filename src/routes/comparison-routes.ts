import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { apply, comparisonOf } from '../agents/comparisons/apply.ts'
import { approve } from '../agents/comparisons/approve.ts'
import { compare } from '../agents/comparisons/compare.ts'
import { foretell } from '../agents/comparisons/foretell.ts'
import { textDifference } from '../agents/comparisons/detail.ts'
import { revert } from '../agents/comparisons/undo.ts'
import {
  findRow,
  listComparisons,
  listResults,
  listRows,
  viewComparison,
  type RowFilter,
} from '../agents/comparisons/views.ts'
import { commandOf } from '../agents/commands/command.ts'
import { viewCommand } from '../agents/commands/views.ts'
import { selectionSchema, type Selection } from '../compare/selection.ts'
import { ReplicationError } from '../errors.ts'
import { parsePath } from '../resources/path.ts'
import { checkerOf, pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { actorOf, traceOf, waitOf } from './command-headers.ts'
import { accepted, agentName, commandView, listOf, mayReason, type MayReason } from './command-schemas.ts'
import {
  comparison,
  comparisonSummary,
  compareBody,
  foretold,
  resourceDetail,
  revertBody,
  result,
  row,
  rowFilters,
  selectionBody,
} from './comparison-schemas.ts'
import { problems } from './conventions.ts'
import { held } from './held.ts'
import { seenBy } from './needs.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { hrefOf } from './prefixes.ts'
import { refuse } from './refuse.ts'

const byName = Type.Object({ name: agentName })
const byId = Type.Object({ id: Type.String() })
const tags = ['comparisons']

/** Ten thousand paths have room in it. */
const bodyLimit = 4 * 1024 * 1024

type Paged = { limit: number; cursor?: string }
type WithId = { Params: { id: string } }

/** Looking before anything is copied, applying what was chosen, and taking it back. */
export function comparisonRoutes(app: FastifyInstance, parts: RouteParts): void {
  readingRoutes(app, parts)
  app.post<{ Params: { name: string }; Body: Static<typeof compareBody> }>(
    '/agent/:name/compare',
    {
      config: { needs: 'compare' },
      schema: {
        ...{ operationId: 'compare', tags, params: byName, body: compareBody },
        response: { 201: comparison, ...problems('conflict', 'busy') },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const { paths, target, verify } = request.body ?? {}
      const asked = {
        actor: actorOf(request),
        ...(paths !== undefined && { paths }),
        ...(target !== undefined && { target }),
        ...(verify !== undefined && { verify }),
      }
      const made = await compare(parts, agent, asked, callerGone(reply))
      void reply.code(201).header('location', hrefOf(request, `/comparisons/${made.id}`))
      return viewComparison(parts, made)
    },
  )
  app.post<WithId & { Body: Partial<Selection> | null | undefined }>(
    '/comparisons/:id/plan',
    {
      bodyLimit,
      config: { needs: 'compare', looks: true },
      schema: {
        ...{ operationId: 'planComparison', tags, params: byId, body: selectionBody },
        response: { 200: foretold, ...problems('corrupt') },
      },
    },
    async (request) => foretell(parts, await comparisonOf(parts, request.params.id), selectionOf(request.body)),
  )
  app.post<WithId & { Body: Partial<Selection> | null | undefined }>(
    '/comparisons/:id/apply',
    {
      bodyLimit,
      config: { needs: 'resync' },
      schema: {
        ...{ operationId: 'applyComparison', tags, params: byId, body: selectionBody },
        response: { 202: accepted, 200: commandView, ...problems('conflict', 'corrupt', 'busy') },
      },
    },
    async (request, reply) => {
      const found = await comparisonOf(parts, request.params.id)
      const by = { actor: actorOf(request), caller: request.caller.id, ...traceOf(request) }
      const outcome = await apply(parts, found, selectionOf(request.body), by, callerGone(reply))
      if (!outcome.taken) {
        if ('lost' in outcome) throw new ReplicationError('busy', 'somebody else was faster; try again')
        return refuse(request, reply, outcome)
      }
      const { id, statusList } = outcome.command
      await parts.engine.begin(outcome.command)
      void reply.header('location', hrefOf(request, `/commands/${id}`))
      const waitMs = waitOf(request)
      if (waitMs === undefined) return reply.code(202).send({ id, statusList })
      await held(parts, reply, id, waitMs)
      return reply.code(200).send(await viewCommand(parts.store, id, seenBy(request)))
    },
  )
  app.post<WithId & { Body: Static<typeof revertBody> }>(
    '/commands/:id/revert',
    {
      config: { needs: 'resync' },
      schema: {
        ...{ operationId: 'revertCommand', tags, params: byId, body: revertBody },
        response: { 201: comparison, ...problems('conflict', 'busy') },
      },
    },
    async (request, reply) => {
      const command = await commandOf(parts, request.params.id)
      const made = await revert(parts, command, { actor: actorOf(request), ...request.body }, callerGone(reply))
      void reply.code(201).header('location', hrefOf(request, `/comparisons/${made.id}`))
      return viewComparison(parts, made)
    },
  )
  app.post<WithId & { Body: MayReason }>(
    '/commands/:id/approve',
    {
      config: { needs: 'approve' },
      schema: {
        ...{ operationId: 'approveCommand', tags, params: byId, body: mayReason },
        response: { 200: commandView, ...problems('conflict', 'forbidden') },
      },
    },
    async (request) => {
      const { id } = await approve(parts, request.params.id, {
        ...{ actor: actorOf(request), caller: request.caller.id, reason: request.body?.reason },
      })
      return viewCommand(parts.store, id, seenBy(request))
    },
  )
}

function readingRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<{ Params: { name: string }; Querystring: Paged }>(
    '/agent/:name/comparisons',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listComparisons', tags, params: byName, querystring: pageQuery() },
        response: { 200: listOf(comparisonSummary) },
      },
    },
    async (request, reply) => {
      const { name } = await parts.roster.get(request.params.name)
      const before = cursorOf(request.query.cursor)
      const page = { limit: request.query.limit, ...(before !== undefined && { before }) }
      return nextPage(request, reply, await listComparisons(parts.store, name, page))
    },
  )
  app.get<{ Querystring: Paged }>(
    '/comparisons',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listAllComparisons', tags, querystring: pageQuery() },
        response: { 200: listOf(comparisonSummary) },
      },
    },
    async (request, reply) => {
      const before = cursorOf(request.query.cursor)
      const page = { limit: request.query.limit, sees: seenBy(request), ...(before !== undefined && { before }) }
      return nextPage(request, reply, await listComparisons(parts.store, undefined, page))
    },
  )
  app.get<WithId>(
    '/comparisons/:id',
    {
      config: { needs: 'read' },
      schema: { operationId: 'getComparison', tags, params: byId, response: { 200: comparison } },
    },
    async (request) => viewComparison(parts, await comparisonOf(parts, request.params.id)),
  )
  app.get<WithId & { Querystring: Paged & RowFilter }>(
    '/comparisons/:id/resources',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listComparedResources', tags, params: byId, querystring: pageQuery(rowFilters) },
        response: { 200: listOf(row) },
      },
    },
    async (request, reply) => {
      const found = await comparisonOf(parts, request.params.id)
      const { limit, cursor, ...filter } = request.query
      const page = { limit, ...placeOf(cursor) }
      return nextPage(request, reply, await listRows(parts, found, filter, page).catch(noPlace))
    },
  )
  app.get<WithId & { Querystring: Paged }>(
    '/commands/:id/resources',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listAppliedResources', tags, params: byId, querystring: pageQuery() },
        response: { 200: listOf(result) },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const { id } = await commandOf(parts, request.params.id)
      const page = { limit, ...placeOf(cursor) }
      return nextPage(request, reply, await listResults(parts, id, page).catch(noPlace))
    },
  )
  app.get<WithId & { Querystring: { path: string } }>(
    '/comparisons/:id/resource',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'getComparedResource', tags, params: byId },
        querystring: Type.Object({ path: pathSchema }, { additionalProperties: false }),
        response: { 200: resourceDetail },
      },
    },
    async (request, reply) => {
      const found = await comparisonOf(parts, request.params.id)
      const path = parsePath(request.query.path)
      const known = await findRow(parts, found, path)
      if (known === undefined) throw new ReplicationError('missing', `the comparison has no resource ${path}`)
      return { ...known, ...(await textDifference(parts, found, known, callerGone(reply))) }
    },
  )
}

/** Complete; nothing said means the ticks as they are shown. */
function selectionOf(body: Partial<Selection> | null | undefined): Selection {
  const selection = { ...body }
  // What may also be absent as a whole gets no defaults when it is checked.
  checkerOf(selectionSchema)(selection)
  return selection as Selection
}

/** Where a page begins in a file of rows. */
function placeOf(cursor: string | undefined): { after?: number } {
  const at = cursorOf(cursor)
  if (at === undefined) return {}
  if (!/^\d{1,15}$/.test(at)) throw badCursor()
  return { after: Number(at) }
}

function noPlace(error: unknown): never {
  throw error instanceof ReplicationError && error.code === 'invalid' ? badCursor() : error
}
