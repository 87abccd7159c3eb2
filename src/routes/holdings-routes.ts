import type { FastifyInstance } from 'fastify'
import { Readable } from 'node:stream'
import type { Static } from 'typebox'
import { allHeldAt, heldAt, holdingsOf, listedAs } from '../agents/comparisons/holdings.ts'
import { framed } from '../endpoints/remote/contents.ts'
import { parsePath, type ResourcePath } from '../resources/path.ts'
import type { ResourceState } from '../resources/resource.ts'
import { pathSchema } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { callerGone } from './caller-gone.ts'
import { textOf } from './command-headers.ts'
import { agentName } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import type { RouteParts } from './parts.ts'

const params = Type.Object({ name: agentName })
const target = Type.Optional({ ...agentName, description: 'May be absent when there is only one.' })
const closed = { additionalProperties: false } as const
type Asked = { Params: { name: string }; Querystring: { path: ResourcePath; target?: string; deep: boolean } }

const pathsBody = Type.Object({ paths: Type.Array(pathSchema, { minItems: 1, maxItems: 1000 }), target }, closed)

/** Lines are sent so many at a time. */
const together = 500

/** What targets hold, so that other servers can compare with them. */
export function holdingsRoutes(app: FastifyInstance, parts: RouteParts): void {
  app.get<Asked>(
    '/agent/:name/holdings',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listHoldings', tags: ['comparisons'], params },
        querystring: Type.Object({ path: pathSchema, target, deep: Type.Boolean({ default: true }) }, closed),
        response: {
          200: answer({
            description:
              'A line of JSON for each resource, in path order: `path`, and unless it is a folder `digest` (SHA-256) and `size`. ' +
              'The last line has only `end`, their number: without it the list is not complete. If-None-Match may name the SHA-256 of ' +
              'the lines that the manifest of a package of all this has behind its first, or several that may be it: then it is 304 with that one.',
            schema: Type.String(),
            type: 'application/x-ndjson',
          }),
          ...problems('conflict'),
        },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const { path, target: asked, deep } = request.query
      const listings = listingsIn(request.headers['if-none-match'])
      const delivery = textOf(request, 'package-delivery')
      const listing =
        deep && listings.length > 0
          ? await listedAs(agent, asked, path, listings, callerGone(reply), delivery)
          : undefined
      if (listing !== undefined) return reply.code(304).header('etag', `"${listing}"`).send()
      // Who only asks whether it is so need not have it listed.
      if (request.method === 'HEAD' && listings.length > 0) return reply.type('application/x-ndjson').send('')
      const states = holdingsOf(agent, asked, { path: parsePath(path), deep }, callerGone(reply))
      // What fails at once is a problem; what fails later breaks the answer off.
      const first = await states.next()
      return reply.type('application/x-ndjson').send(Readable.from(lines(first, states), { objectMode: false }))
    },
  )
  app.get<Asked>(
    '/agent/:name/holdings/content',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'getHolding', tags: ['comparisons'], params },
        querystring: Type.Object({ path: pathSchema, target }, closed),
        response: {
          200: answer({
            description: 'The bytes of the resource.',
            schema: Type.Unsafe({ type: 'string', format: 'binary' }),
            type: 'application/octet-stream',
          }),
          ...problems('conflict'),
        },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const { path, target: asked } = request.query
      const { content } = await heldAt(agent, asked, parsePath(path), callerGone(reply))
      void reply.type('application/octet-stream')
      const bytes = content()
      if (bytes instanceof Uint8Array) return reply.send(Buffer.from(bytes))
      return reply.send(bytes)
    },
  )
  app.post<{ Params: { name: string }; Body: Static<typeof pathsBody> }>(
    '/agent/:name/holdings/content',
    {
      config: { needs: 'read', looks: true },
      schema: {
        ...{ operationId: 'getHoldings', tags: ['comparisons'], params, body: pathsBody },
        response: {
          200: answer({
            description:
              'For each path at which there is content, in path order: a line of JSON with `path` and `size`, and then so many bytes. ' +
              'Without `size` the content is too large to be sent among others. The last line has only `end`, the number of lines before: ' +
              'without it the answer is not complete.',
            schema: Type.Unsafe({ type: 'string', format: 'binary' }),
            type: 'application/octet-stream',
          }),
          ...problems('conflict'),
        },
      },
    },
    async (request, reply) => {
      const agent = await parts.roster.get(request.params.name)
      const { paths, target: asked } = request.body
      const held = allHeldAt(agent, asked, paths.map(parsePath), callerGone(reply))
      return reply.type('application/octet-stream').send(await begun(framed(held)))
    },
  )
}

/** What fails at once is a problem; what fails later breaks the answer off. */
async function begun(chunks: AsyncGenerator<Buffer>): Promise<Readable> {
  const first = await chunks.next()
  const all = async function* (): AsyncGenerator<Buffer> {
    if (first.done !== true) yield first.value
    yield* chunks
  }
  return Readable.from(all(), { objectMode: false })
}

/** Those that If-None-Match names. */
function listingsIn(tags = ''): string[] {
  return [...tags.matchAll(/"([0-9a-f]{64})"/g)].map(([, listing = '']) => listing)
}

async function* lines(
  first: IteratorResult<ResourceState, unknown>,
  states: AsyncGenerator<ResourceState>,
): AsyncGenerator<string> {
  let count = 0
  let text = ''
  for (let next = first; next.done !== true; next = await states.next()) {
    text += `${JSON.stringify(next.value)}\n`
    if (++count % together !== 0) continue
    yield text
    text = ''
  }
  yield `${text}${JSON.stringify({ end: count })}\n`
}
