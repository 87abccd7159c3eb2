import type { FastifyReply } from 'fastify'
import { untilFinished } from '../agents/commands/waiting.ts'
import { callerGone } from './caller-gone.ts'
import type { RouteParts } from './parts.ts'

/** Holds the answer until the command is finished, the time is up, the caller has gone or the server closes. */
export async function held(
  parts: Pick<RouteParts, 'store' | 'events' | 'closing'>,
  reply: FastifyReply,
  command: string,
  waitMs: number,
): Promise<void> {
  await untilFinished(parts, command, waitMs, AbortSignal.any([callerGone(reply), parts.closing]))
  void reply.header('preference-applied', `wait=${waitMs / 1000}`)
}
