import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { deletePackage, listEntries, listPackages, packageOf } from '../agents/packages.ts'
import type { PackageRecord } from '../agents/commands/records.ts'
import { faultIn, parsePath } from '../resources/path.ts'
import { Type } from '../resources/type.ts'
import { listOf, packageEntry, packageView } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import type { JudgedSignature } from '../packages/signatures.ts'
import { seenBy, type Need } from './needs.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import { ReplicationError } from '../errors.ts'
import { problemOf } from './problem.ts'
import type { RouteParts } from './parts.ts'
import { rangeOf } from './range.ts'

const params = Type.Object({ id: Type.String() })
type WithId = { Params: { id: string } }

export function packageRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<{ Querystring: { limit: number; cursor?: string } }>(
    '/packages',
    schema('read', 'listPackages', { querystring: pageQuery() }, { 200: listOf(packageView) }),
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = cursorOf(cursor)
      const page = await listPackages(parts, {
        ...{ limit, sees: seenBy(request), seesAll: request.caller.mayAll('read') },
        ...(after !== undefined && { after }),
      })
      const items = await Promise.all(page.items.map((record) => viewOf(parts, record, request)))
      return nextPage(request, reply, { ...page, items })
    },
  )
  app.get<WithId>(
    '/packages/:id',
    schema('read', 'getPackage', { params }, { 200: packageView }),
    async (request, reply) => {
      const record = await packageOf(parts, request.params.id)
      const view = await viewOf(parts, record, request)
      void reply.header('etag', tagOf(record.id, view.signatures))
      return view
    },
  )
  app.get<WithId & { Querystring: { limit: number; cursor?: string } }>(
    '/packages/:id/entries',
    schema('read', 'listPackageEntries', { params, querystring: pageQuery() }, { 200: listOf(packageEntry) }),
    async (request, reply) => {
      const after = cursorOf(request.query.cursor)
      if (after !== undefined && faultIn(after) !== undefined) throw badCursor()
      const page = await listEntries(parts, request.params.id, {
        limit: request.query.limit,
        ...(after !== undefined && { after: parsePath(after) }),
      })
      return nextPage(request, reply, page)
    },
  )
  app.get<WithId>(
    '/packages/:id/content',
    schema('read', 'getPackageContent', { params }, contentAnswers),
    async (request, reply) => sendPackage(parts, request, reply, request.params.id),
  )
  app.delete<WithId>(
    '/packages/:id',
    schema('operate', 'deletePackage', { params }, deleteAnswers),
    async (request, reply) => {
      await deletePackage(parts, request.params.id)
      return reply.code(204).send()
    },
  )
}

const zip = { schema: Type.Unsafe({ type: 'string', format: 'binary' }), type: 'application/zip' }
const contentAnswers = {
  200: answer({ description: 'The zip', ...zip }),
  206: answer({ description: 'The range that was asked for', ...zip }),
  304: answer({ description: 'The caller has it already' }),
}
const deleteAnswers = { 204: answer({ description: 'Deleted' }), ...problems('conflict') }

function schema(
  needs: Need,
  operationId: string,
  input: object,
  response: object,
): { config: { needs: Need }; schema: object } {
  return { config: { needs }, schema: { operationId, tags: ['packages'], ...input, response } }
}

/** As callers see it: a package's digest is that of its manifest, which is its id. */
async function viewOf(
  { packages }: Pick<RouteParts, 'packages'>,
  { agents: _, agent, command, ...record }: PackageRecord,
  { caller }: FastifyRequest,
): Promise<Omit<PackageRecord, 'agents'> & { digest: string; signatures: readonly JudgedSignature[] }> {
  // Who may see it for an agent that has taken it need not know of the one that has made it.
  const isShown = agent === undefined || caller.sees(agent)
  const maker = isShown ? { ...(agent !== undefined && { agent }), ...(command !== undefined && { command }) } : {}
  const signatures = await signaturesOf({ packages }, record)
  return { ...record, ...maker, digest: record.id, signatures }
}

/** None of one whose bytes are lost. */
async function signaturesOf(
  { packages }: Pick<RouteParts, 'packages'>,
  { id }: PackageRecord,
): Promise<JudgedSignature[]> {
  try {
    return await packages.signatures(id)
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'missing') return []
    throw error
  }
}

/** The id says what is applied; whose signatures stand beside it is what else can differ. */
function tagOf(id: string, signatures: readonly JudgedSignature[]): string {
  const keys = signatures.map(({ key }) => key).toSorted()
  return keys.length === 0 ? `"${id}"` : `"${id}.${hash('sha256', keys.join()).slice(0, 16)}"`
}

/** The zip itself, whole or the one range that was asked for. */
export async function sendPackage(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<unknown> {
  const record = await packageOf(parts, id)
  const etag = tagOf(record.id, await signaturesOf(parts, record))
  void reply.headers({
    etag,
    'accept-ranges': 'bytes',
    'content-type': 'application/zip',
    'content-disposition': `attachment; filename="${record.id}.zip"`,
  })
  if (request.headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*') === true)
    return reply.code(304).send()
  const size = await parts.packages.size(record.id)
  const condition = request.headers['if-range']
  const range = condition === undefined || condition === etag ? rangeOf(request.headers.range, size) : 'whole'
  if (range === 'unsatisfiable')
    return reply
      .code(416)
      .header('content-range', `bytes */${size}`)
      .type('application/problem+json')
      .send({
        ...problemOf(new ReplicationError('invalid', `the package has ${size} bytes`), request),
        ...{ status: 416, title: 'Range Not Satisfiable' },
      })
  if (range === 'whole') return reply.header('content-length', size).send(await parts.packages.openRead(record.id, {}))
  return reply
    .code(206)
    .headers({
      'content-range': `bytes ${range.start}-${range.end}/${size}`,
      'content-length': range.end - range.start + 1,
    })
    .send(await parts.packages.openRead(record.id, range))
}
