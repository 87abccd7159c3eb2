import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ReplicationError } from '../errors.ts'
import { problemOf } from './problem.ts'

/** The answer to a command that no agent has taken: the problem that fits, with what each agent said. */
export function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  { error, statusList }: { readonly error: ReplicationError; readonly statusList: readonly object[] },
): FastifyReply {
  if (error.retryAfterMs !== undefined) void reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)))
  const problem = problemOf(error, request)
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send({ ...problem, statusList })
}
