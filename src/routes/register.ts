import type { FastifyInstance, FastifyRequest, FastifySchema, FastifySchemaCompiler, RouteOptions } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { ReplicationError, statusOf, type Fault } from '../errors.ts'
import { checkerOf, sendable, textCheckerOf } from '../resources/schema.ts'
import { hasBody, mediaTypeOf } from './media-type.ts'
import { HttpError } from './problem.ts'
import type { Answer, Route } from './route.ts'

const nothing = Type.Object({}, { additionalProperties: false })
const problemRef = Type.Unsafe({ $ref: 'Problem#' })

/** Adds the routes under a prefix; only one prefix should be in the OpenAPI document. */
export function register(app: FastifyInstance, routes: readonly Route[], prefix: string, documented: boolean): void {
  for (const route of routes) app.route(optionsOf(route, prefix, documented))
}

/** Bodies are taken as they are; parameters and queries come as text. Answers are documented, and checked in tests. */
export function compileSchemas(app: FastifyInstance): void {
  app.setValidatorCompiler(compile)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
}

const compile: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  if (httpPart === 'headers') return () => true
  const check = httpPart === 'body' ? checkerOf(schema) : textCheckerOf(schema)
  return (value: unknown) => {
    const faults = check(value)
    return faults.length === 0 ? { value } : { error: refusal(httpPart, faults) }
  }
}

const compileButBody: FastifySchemaCompiler<TSchema> = (definition) =>
  definition.httpPart === 'body' ? () => true : compile(definition)

function refusal(part: string | undefined, faults: readonly Fault[]): ReplicationError {
  if (part === 'params') return new ReplicationError('missing', 'there is nothing at this address')
  const what = part === 'body' ? 'the body' : 'the query'
  const [first] = faults
  const detail = `${what} cannot be used: ${first?.pointer.slice(1) || 'it'} ${first?.message}`
  return new ReplicationError('invalid', detail, { faults })
}

function optionsOf(route: Route, prefix: string, documented: boolean): RouteOptions {
  const { hooks = {}, body } = route
  return {
    method: route.method,
    url: prefix + route.url,
    config: { prefix },
    schema: schemaOf(route, documented),
    handler: async (request, reply) => route.handler(request, reply),
    ...(route.bodyLimit === undefined ? {} : { bodyLimit: route.bodyLimit }),
    ...(route.quiet === true ? { logLevel: 'warn' } : {}),
    ...(body?.unchecked === true ? { validatorCompiler: compileButBody } : {}),
    ...hooks,
    onRequest: [async (request) => demandMediaType(route, request), ...list(hooks.onRequest)],
    preValidation: [...list(hooks.preValidation), async (request) => demandBody(route, request)],
  }
}

function list<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  return hooks === undefined ? [] : [hooks].flat() as Hook[]
}

function demandMediaType({ body }: Route, request: FastifyRequest): void {
  if (!hasBody(request.raw)) return
  const types = body?.types ?? ['application/json']
  const sent = mediaTypeOf(request)
  if (types.includes(sent)) return
  const problem = sent === '' ? 'the body has no media type' : `the media type ${sent} is not possible here`
  throw new HttpError(415, 'invalid', `${problem}; send ${types.join(' or ')}`, { accept: types.join(', ') })
}

function demandBody({ body }: Route, request: FastifyRequest): void {
  const sent = request.body
  if (body === undefined) {
    const empty = sent === undefined || sent === null || (typeof sent === 'object' && Object.keys(sent).length === 0)
    if (!empty) throw new ReplicationError('invalid', 'this call takes no body')
  } else if (sent === undefined && body.optional !== true && !request.isMultipart()) {
    throw new ReplicationError('invalid', 'the body is missing')
  }
}

function schemaOf(route: Route, documented: boolean): FastifySchema {
  if (!documented) return { ...checked(route), hide: true }
  const { operationId, summary, description, tag, headers } = route
  return {
    ...checked(route),
    ...{ operationId, summary, tags: [tag] },
    ...(description !== undefined && { description }),
    ...(headers !== undefined && { headers }),
    response: { ...mapValues(route.answers, answerSchema), ...problemSchemas(route) },
  }
}

function checked({ params, query = nothing, body }: Route): FastifySchema {
  return {
    ...(params !== undefined && { params }),
    querystring: sendable(query),
    ...(body !== undefined && { body: contentOf(body.types ?? ['application/json'], sendable(body.schema)) }),
  }
}

function contentOf(types: readonly string[], schema: TSchema): object {
  return { content: Object.fromEntries(types.map((type) => [type, { schema }])) }
}

function answerSchema({ description, schema, type = 'application/json', headers }: Answer): object {
  return {
    description,
    ...(headers !== undefined && { headers }),
    ...(schema === undefined ? { type: 'null' } : contentOf([type], schema)),
  }
}

/** Every call can fail in ways that its route does not know of: hence `default`. */
function problemSchemas({ problems }: Route): Record<string, object> {
  const content = contentOf(['application/problem+json'], problemRef)
  const known = problems.map((code) => [statusOf[code], { description: `Problem: ${code}`, ...content }])
  return { ...(Object.fromEntries(known) as Record<string, object>), default: { description: 'Problem', ...content } }
}

function mapValues<A, B>(of: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, change(value)]))
}
