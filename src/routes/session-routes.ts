import type { FastifyInstance } from 'fastify'
import { isOwn } from '../access/local.ts'
import { ReplicationError } from '../errors.ts'
import { Type } from '../resources/type.ts'
import { time } from './command-schemas.ts'
import { answer, problems } from './conventions.ts'
import { isSecure } from './headers.ts'
import { factsOf, sessionCookie, sessionIn } from './door.ts'
import type { RouteParts } from './parts.ts'
import { typed } from './typed.ts'

const closed = { additionalProperties: false } as const
const tags = ['tokens']

const view = Type.Object(
  {
    actor: Type.String({ description: 'What histories call the caller.' }),
    expiresAt: Type.Optional(time),
  },
  { ...closed, title: 'Session' },
)

/** Browsers sign in with a token, and keep none: the cookie that they get is out of the reach of scripts. */
export function sessionRoutes(app: FastifyInstance, { access, settings }: RouteParts): void {
  const cookie = (value: string, more: string): string =>
    [`${sessionCookie}=${value}`, 'Path=/', 'HttpOnly', 'SameSite=Strict', ...secure(settings), more].join('; ')
  typed(app).post(
    '/session',
    {
      config: { needs: 'nothing' },
      schema: {
        ...{ operationId: 'signIn', summary: 'Opens a session for a browser, in a cookie', tags },
        body: Type.Object({ token: Type.String({ minLength: 1, maxLength: 8192 }) }, closed),
        response: { 200: view, ...problems('unauthenticated', 'forbidden') },
      },
    },
    async (request, reply) => {
      const facts = factsOf(request)
      // A page from elsewhere could otherwise sign somebody in as somebody else.
      const isElsewhere = facts.origin !== undefined && !isOwn(facts.origin, facts.host ?? '')
      if (facts.isFromPage !== true || isElsewhere)
        throw new ReplicationError('forbidden', 'only the page itself may sign in')
      const caller = await access.identify({ ...facts, authorization: `Bearer ${request.body.token}` })
      request.caller = caller
      if (!(await access.hasCredentials())) return { actor: caller.name }
      const { secret, expiresAt } = await access.sessions.open(caller)
      void reply.header('set-cookie', cookie(secret, `Expires=${new Date(expiresAt).toUTCString()}`))
      return { actor: caller.name, expiresAt }
    },
  )
  typed(app).get(
    '/session',
    {
      config: { needs: 'somebody' },
      schema: { operationId: 'readSession', summary: 'Says who asks', tags, response: { 200: view } },
    },
    async (request) => ({ actor: request.caller.name }),
  )
  typed(app).delete(
    '/session',
    {
      config: { needs: 'somebody' },
      schema: {
        ...{ operationId: 'signOut', summary: 'Ends the session of this browser', tags },
        response: { 204: answer({ description: 'Signed out' }) },
      },
    },
    async (request, reply) => {
      const secret = sessionIn(request.headers.cookie)
      if (secret !== undefined) await access.sessions.end(secret)
      return reply.code(204).header('set-cookie', cookie('', 'Max-Age=0')).send()
    },
  )
}

/** Where others reach it by TLS the cookie goes no other way. */
function secure(settings: RouteParts['settings']): string[] {
  return isSecure(settings) ? ['Secure'] : []
}
