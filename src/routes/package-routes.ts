import { hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { deletePackage, listEntries, listPackages, packageOf } from '../agents/packages.ts'
import type { PackageRecord } from '../agents/commands/records.ts'
import { faultIn, parsePath } from '../resources/path.ts'
import { Type } from '../resources/type.ts'
import { listOf, packageEntry, packageView } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import type { Carried } from '../packages/manifest.ts'
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
      void reply.header('etag', tagOf(view, view.zipBytes))
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

/** What the zip that is there says: who has signed it, and what it carries. */
interface Inside {
  readonly signatures: readonly JudgedSignature[]
  /** Of a delta. */
  readonly carries?: Carried
}

type PackageView = Omit<PackageRecord, 'agents'> & Inside & { readonly digest: string }

/** As callers see it: a package's digest is that of its manifest, which is its id. */
async function viewOf(
  { packages }: Pick<RouteParts, 'packages'>,
  { agents: _, agent, command, ...record }: PackageRecord,
  { caller }: FastifyRequest,
): Promise<PackageView> {
  // Who may see it for an agent that has taken it need not know of the one that has made it.
  const isShown = agent === undefined || caller.sees(agent)
  const maker = isShown ? { ...(agent !== undefined && { agent }), ...(command !== undefined && { command }) } : {}
  return { ...record, ...maker, digest: record.id, ...(await insideOf({ packages }, record)) }
}

/** Nothing of one whose bytes are lost. */
async function insideOf(
  { packages }: Pick<RouteParts, 'packages'>,
  { id, zipBytes: known }: PackageRecord,
): Promise<Inside & { readonly zipBytes: number }> {
  try {
    const { carries, zipBytes } = await packages.describe(id)
    return { zipBytes, signatures: await packages.signatures(id), ...(carries !== undefined && { carries }) }
  } catch (error) {
    if (error instanceof ReplicationError && error.code === 'missing') return { zipBytes: known, signatures: [] }
    throw error
  }
}

/** The id says what is applied; whose signatures stand beside it, and what a delta carries, is what else can differ. */
function tagOf({ id, signatures, carries }: Inside & { readonly id: string }, zipBytes: number): string {
  const keys = signatures.map(({ key }) => key).toSorted()
  const signed = keys.length === 0 ? '' : `.${hash('sha256', keys.join()).slice(0, 16)}`
  // There is ever more in it, so that its size says what.
  return `"${id}${signed}${carries === undefined ? '' : `.${zipBytes}`}"`
}

/** The zip itself, whole or the one range that was asked for. */
export async function sendPackage(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  id: string,
): Promise<unknown> {
  const record = await packageOf(parts, id)
  const inside = await insideOf(parts, record)
  // Opened once what it has in it is known, which then is rather less than there is.
  const zip = await parts.packages.open(record.id)
  let isRead = false
  const read = (range: { readonly start?: number; readonly end?: number }): Readable => {
    isRead = true
    return zip.read(range)
  }
  try {
    const etag = tagOf({ ...inside, id: record.id }, zip.size)
    void reply.headers({
      etag,
      'accept-ranges': 'bytes',
      'content-type': 'application/zip',
      'content-disposition': `attachment; filename="${record.id}.zip"`,
    })
    if (request.headers['if-none-match']?.split(',').some((tag) => tag.trim() === etag || tag.trim() === '*') === true)
      return await reply.code(304).send()
    const condition = request.headers['if-range']
    const range = condition === undefined || condition === etag ? rangeOf(request.headers.range, zip.size) : 'whole'
    if (range === 'unsatisfiable')
      return await reply
        .code(416)
        .header('content-range', `bytes */${zip.size}`)
        .type('application/problem+json')
        .send({
          ...problemOf(new ReplicationError('invalid', `the package has ${zip.size} bytes`), request),
          ...{ status: 416, title: 'Range Not Satisfiable' },
        })
    if (range === 'whole') return reply.header('content-length', zip.size).send(read({}))
    return reply
      .code(206)
      .headers({
        'content-range': `bytes ${range.start}-${range.end}/${zip.size}`,
        'content-length': range.end - range.start + 1,
      })
      .send(read(range))
  } finally {
    if (!isRead) await zip.close()
  }
}
