import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Conditions } from '../agents/config/conditions.ts'
import { Type } from '../resources/type.ts'

/** Documentation of the two headers, for the routes that honour them. */
export const conditionHeaders = Type.Object({
  'If-Match': Type.Optional(
    Type.String({ description: 'Only if it is still what this tag names; `*`: only if it exists.' }),
  ),
  'If-None-Match': Type.Optional(Type.String({ description: '`*`: only if there is none yet.' })),
})

export function conditionsOf({ headers }: FastifyRequest): Conditions {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers
  return { ...(ifMatch !== undefined && { ifMatch }), ...(ifNoneMatch !== undefined && { ifNoneMatch }) }
}

/** Sets the tag, and answers whether the caller has this version already, so that a 304 is enough (RFC 9110, 13.1.2). */
export function isUnchanged(request: FastifyRequest, reply: FastifyReply, etag: string): boolean {
  reply.header('etag', etag)
  const known = request.headers['if-none-match']
  if (known === undefined) return false
  const tags = known.split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
