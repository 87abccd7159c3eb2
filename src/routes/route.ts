import type { FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { Static, TSchema } from 'typebox'
import type { ErrorCode } from '../errors.ts'

type Hooks = Partial<Pick<RouteOptions, 'onRequest' | 'preParsing' | 'preValidation' | 'preHandler' | 'onSend'>>

/** What a route takes as its body. */
export interface Body<B extends TSchema> {
  readonly schema: B
  /** Media types, without parameters. Any other is 415. Default: `application/json` alone. */
  readonly types?: readonly string[]
  /** The schema is only documentation: the handler checks the body itself, or reads it as a stream. */
  readonly unchecked?: boolean
  /** The body may be absent. */
  readonly optional?: boolean
}

/** One of a route's successful answers. */
export interface Answer {
  readonly description: string
  /** Absent: there is no body. */
  readonly schema?: TSchema
  /** Default: `application/json`. */
  readonly type?: string
  /** Documentation of the headers that matter. */
  readonly headers?: Readonly<Record<string, TSchema>>
}

/** Everything about a route, as the table has it; `route` makes one, with its types. */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Without prefix, as Fastify writes it: `/config/:name`. */
  readonly url: string
  /** In the OpenAPI document; a verb and a noun: `listConfigs`. */
  readonly operationId: string
  readonly tag: string
  /** One sentence. */
  readonly summary: string
  readonly description?: string
  /** A parameter that does not fit is 404. */
  readonly params?: TSchema
  /** Absent: the call has no query parameters, and any is 400. */
  readonly query?: TSchema
  /** Documentation only. */
  readonly headers?: TSchema
  readonly body?: Body<TSchema>
  readonly answers: Readonly<Record<number, Answer>>
  /** The problems that a caller of this route should expect, beside the ones that any call may have. */
  readonly problems: readonly ErrorCode[]
  /** Bytes; default 1 MiB. Streamed bodies are not bound by it. */
  readonly bodyLimit?: number
  /** Fastify's hooks for this route alone. */
  readonly hooks?: Hooks
  /** Not logged unless it fails: for what is asked every few seconds. */
  readonly quiet?: boolean
  readonly handler: (request: FastifyRequest, reply: FastifyReply) => unknown
}

type Definition<P extends TSchema, Q extends TSchema, B extends TSchema> = Omit<
  Route,
  'params' | 'query' | 'body' | 'handler'
> & {
  readonly params?: P
  readonly query?: Q
  readonly body?: Body<B>
  readonly handler: (
    request: FastifyRequest<{ Params: Static<P>; Querystring: Static<Q>; Body: Static<B> }>,
    reply: FastifyReply,
  ) => unknown
}

/** A route whose handler knows its parameters, query and body by their schemas. */
export function route<P extends TSchema, Q extends TSchema, B extends TSchema>(definition: Definition<P, Q, B>): Route {
  return definition as unknown as Route
}
