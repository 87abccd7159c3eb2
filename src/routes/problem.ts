import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { STATUS_CODES, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Static } from 'typebox'
import { ulid } from 'ulid'
import { errorView, ReplicationError, statusOf, type ErrorCode } from '../errors.ts'
import { Type } from '../resources/type.ts'
import { headersOfAll } from './headers.ts'
import { endSoon, linger } from './linger.ts'

/** RFC 9457. Every answer that is not a success is one. */
export const problemSchema = Type.Object(
  {
    type: Type.String({ description: 'Always `about:blank`: decide by `code`.' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String({ description: 'For people: names the thing and the way out.' }),
    instance: Type.String(),
    code: Type.Enum(Object.keys(statusOf) as ErrorCode[]),
    requestId: Type.String(),
    errors: Type.Optional(
      Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }), {
        description: 'One for each fault: a JSON Pointer into what was sent, and what is wrong there.',
      }),
    ),
  },
  { $id: 'Problem', title: 'Problem' },
)

export type Problem = Static<typeof problemSchema>

/** An error with a status that no code stands for (405, 415, 416). */
export class HttpError extends ReplicationError {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>

  constructor(status: number, code: ErrorCode, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(code, message)
    this.status = status
    this.headers = headers
  }
}

/** Everything that is thrown below a route, or by the framework itself, ends here. */
export function answerErrors(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  app.setNotFoundHandler((request, reply) => sendProblem(notFound(app, request), request, reply))
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toReplicationError(error)
  if (reply.raw.destroyed && cameOfLeaving(error)) request.log.info('the caller left before the answer')
  else if (known === undefined) request.log.error({ err: error }, 'request failed unexpectedly')
  else if (known.cause !== undefined) request.log.warn({ err: known }, 'request refused')
  if (known instanceof HttpError) reply.headers(known.headers)
  if (known?.retryAfterMs !== undefined) reply.header('retry-after', Math.ceil(known.retryAfterMs / 1000))
  // What is left of a body that nobody reads must not be taken for the next request.
  if (hasBody(request.raw) && !request.raw.complete) {
    reply.header('connection', 'close')
    linger(request.raw)
  }
  const problem = problemOf(known ?? error, request)
  return reply.code(problem.status).type('application/problem+json').send(problem)
}

function cameOfLeaving(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown }
  return name === 'AbortError' || code === 'ECONNRESET' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** The problem that an error becomes. Of errors that are not ours only a general word is said; the log has the rest. */
export function problemOf(error: unknown, request: FastifyRequest): Problem {
  const { code, detail } = errorView(error)
  const status = error instanceof HttpError ? error.status : statusOf[code]
  const faults = error instanceof ReplicationError ? error.faults : []
  return {
    ...{ type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail },
    ...{ instance: pathOf(request.raw), code, requestId: request.id },
    ...(faults.length > 0 && { errors: [...faults] }),
  }
}

/** For bytes that are no HTTP request: there is no route, no request and no reply, only the connection. */
export function answerGarbage(error: Pick<NodeJS.ErrnoException, 'code'>, socket: Socket): void {
  if (socket.destroyed || error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
  const detail = status === 408 ? 'the request did not arrive in time' : 'this is not a request that can be understood'
  const requestId = ulid()
  const title = STATUS_CODES[status] ?? 'Error'
  const problem: Problem = { type: 'about:blank', title, status, detail, instance: '/', code: 'invalid', requestId }
  const body = JSON.stringify(problem)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'content-type: application/problem+json',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    'connection: close',
    ...Object.entries(headersOfAll).map(([name, value]) => `${name}: ${value}`),
  ]
  endSoon(socket, `${head.join('\r\n')}\r\n\r\n${body}`)
}

function toReplicationError(error: unknown): ReplicationError | undefined {
  if (error instanceof ReplicationError) return error
  if (!(error instanceof Error)) return undefined
  const { statusCode, code } = error as { statusCode?: number; code?: string }
  if (statusCode === undefined || statusCode < 400 || statusCode > 499) return undefined
  if (code === 'FST_ERR_BAD_URL' || code === 'FST_ERR_MAX_PARAM_LENGTH')
    return new ReplicationError('missing', 'there is nothing at this address')
  // What the form parser says of a field that is no JSON.
  if (code === 'FST_INVALID_JSON_FIELD_ERROR') return new ReplicationError('invalid', 'a part of the form is not JSON')
  const same = (Object.keys(statusOf) as ErrorCode[]).find((known) => statusOf[known] === statusCode)
  return same === undefined
    ? new HttpError(statusCode, 'invalid', error.message)
    : new ReplicationError(same, error.message)
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function notFound(app: FastifyInstance, request: FastifyRequest): ReplicationError {
  const path = pathOf(request.raw)
  const allowed: string[] = methods.filter((method) => app.findRoute({ method, url: path }) !== null)
  if (allowed.length === 0) return new ReplicationError('missing', `there is nothing at ${path}`)
  if (allowed.includes('GET')) allowed.splice(1, 0, 'HEAD')
  const allow = allowed.join(', ')
  return new HttpError(405, 'invalid', `${request.method} is not possible here; these are: ${allow}`, { allow })
}

export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const length = headers['content-length']
  return headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0')
}

function pathOf(raw: IncomingMessage): string {
  return (raw.url ?? '/').split('?', 1)[0] ?? '/'
}
