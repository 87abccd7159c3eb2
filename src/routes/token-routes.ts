import type { FastifyInstance } from 'fastify'
import { Type } from '../resources/type.ts'
import { agentPattern, rights, type Right } from '../access/rights.ts'
import { listOf, time } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import { actorOf } from './command-headers.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { hrefOf } from './prefixes.ts'
import { typed } from './typed.ts'

const closed = { additionalProperties: false } as const
const tags = ['tokens']
const config = { needs: 'admin' } as const
const params = Type.Object({ id: Type.String() })

const grant = Type.Object(
  {
    agents: Type.Array(Type.String({ pattern: agentPattern }), {
      ...{ minItems: 1, maxItems: 100 },
      description: 'Names or patterns: `*` is any text, `?` one character.',
    }),
    can: Type.Array(Type.Enum([...rights]), { minItems: 1, description: 'Each implies `read`, `admin` all.' }),
  },
  { ...closed, title: 'Grant' },
)

const name = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
  description: 'Of whom it is for: what histories and the audit call him.',
})

const token = {
  ...{ id: Type.String(), name, rights: Type.Array(grant) },
  ...{ createdAt: time, createdBy: Type.String() },
  expiresAt: Type.Optional(time),
  rotatedAt: Type.Optional(time),
  overlapsUntil: Type.Optional({ ...time, description: 'So long the secret before is valid too.' }),
  lastUsedAt: Type.Optional({ ...time, description: 'To the hour.' }),
}
const view = Type.Object(token, { ...closed, title: 'Token' })
const withSecret = Type.Object(
  { ...token, secret: Type.String({ description: 'The token itself: it is never shown again.' }) },
  { ...closed, title: 'NewToken' },
)

/** What is answered once is not kept by anybody on the way. */
const unkept = { 'cache-control': 'no-store' }

/**
 * Credentials of callers. Answers of these routes are not kept for an `Idempotency-Key`: they hold secrets, and a name can be taken
 * once only.
 */
export function tokenRoutes(app: FastifyInstance, { access: { tokens } }: RouteParts): void {
  typed(app).post(
    '/tokens',
    {
      config,
      schema: {
        ...{ operationId: 'createToken', summary: 'Makes a token, whose secret is answered this once', tags },
        body: Type.Object(
          {
            ...{ name, rights: Type.Array(grant, { minItems: 1, maxItems: 100 }) },
            expiresAt: Type.Optional(Type.String({ format: 'date-time' })),
          },
          closed,
        ),
        response: { 201: withSecret, ...problems('conflict') },
      },
    },
    async (request, reply) => {
      const made = await tokens.create({ ...request.body, by: actorOf(request) })
      return reply
        .code(201)
        .headers({ ...unkept, location: hrefOf(request, `/tokens/${made.id}`) })
        .send(plain(made))
    },
  )
  typed(app).get(
    '/tokens',
    {
      config,
      schema: {
        ...{ operationId: 'listTokens', summary: 'Lists tokens, without their secrets', tags },
        ...{ querystring: pageQuery(), response: { 200: listOf(view) } },
      },
    },
    async (request, reply) => {
      const { limit, cursor } = request.query
      const after = cursorOf(cursor)
      if (after !== undefined && !/^[0-9A-Z]{26}$/.test(after)) throw badCursor()
      return nextPage(request, reply, await tokens.list({ limit, ...(after !== undefined && { after }) }))
    },
  )
  typed(app).get(
    '/tokens/:id',
    { config, schema: { operationId: 'getToken', tags, params, response: { 200: view } } },
    async (request) => plain(await tokens.get(request.params.id)),
  )
  typed(app).post(
    '/tokens/:id/rotate',
    {
      config,
      schema: {
        ...{ operationId: 'rotateToken', summary: 'Gives a token another secret, answered this once', tags, params },
        body: Type.Union([
          Type.Null(),
          Type.Object(
            {
              overlapSeconds: Type.Optional(
                Type.Integer({
                  ...{ minimum: 0, maximum: 2_592_000 },
                  description: 'So long the secret before stays valid; not at all if absent.',
                }),
              ),
            },
            closed,
          ),
        ]),
        response: { 200: withSecret },
      },
    },
    async (request, reply) => {
      const made = await tokens.rotate(request.params.id, (request.body?.overlapSeconds ?? 0) * 1000)
      return reply.headers(unkept).send(plain(made))
    },
  )
  typed(app).delete(
    '/tokens/:id',
    {
      config,
      schema: {
        ...{ operationId: 'revokeToken', summary: 'Makes a token worthless, on all servers within a second', tags },
        ...{ params, response: { 204: answer({ description: 'Revoked' }) } },
      },
    },
    async (request, reply) => {
      await tokens.revoke(request.params.id)
      return reply.code(204).send()
    },
  )
}

/** Its lists as the schemas have them. */
function plain<T extends { readonly rights: readonly { agents: readonly string[]; can: readonly Right[] }[] }>(one: T) {
  return { ...one, rights: one.rights.map(({ agents, can }) => ({ agents: [...agents], can: [...can] })) }
}
