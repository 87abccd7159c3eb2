import type { FastifyInstance, FastifyRequest, FastifySchema, FastifySchemaCompiler } from 'fastify'
import type { TSchema } from 'typebox'
import { ReplicationError, statusOf, type ErrorCode, type Fault } from '../errors.ts'
import { checkerOf, sendable, textCheckerOf } from '../resources/schema.ts'
import { Type } from '../resources/type.ts'
import { admitsNone } from './openapi.ts'
import { hasBody, HttpError } from './problem.ts'
import { prefixes } from './prefixes.ts'

const nothing = Type.Object({}, { additionalProperties: false })
const json = ['application/json']

/**
 * Gives every route that is added afterwards what all routes have: queries that are closed, bodies of the media types that
 * it names (`consumes`, or the keys of `body.content`; JSON when it names none) or none at all, and the problems that any call may
 * end with. Only the first of the prefixes is documented.
 */
export function applyConventions(app: FastifyInstance): void {
  app.setValidatorCompiler(compile)
  // Answers are documented, and checked in tests; taking them apart by schema at each call would hide what is wrong.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
  app.addHook('onRoute', (options) => {
    if (options.config?.needs === undefined) throw new Error(`${options.url} does not say what its callers need`)
    const schema = options.schema ?? {}
    const types = typesOf(schema)
    options.schema = {
      ...schema,
      querystring: sendable((schema.querystring as TSchema | undefined) ?? nothing),
      ...(schema.body !== undefined && { body: bodyOf(schema.body as TSchema, types) }),
      response: { ...generalProblems(schema, types), ...(schema.response as object | undefined) },
      ...{ 'x-needs': options.config.needs },
      ...(options.prefix !== '' && options.prefix !== prefixes[0] && { hide: true }),
    }
    const takesBody = types.length > 0
    const needsBody = schema.body !== undefined && !admitsNone(schema.body as object)
    options.onRequest = [async (request) => demandMediaType(request, types), ...list(options.onRequest)]
    options.preValidation = [
      ...list(options.preValidation),
      async (request) => demandBody(request, takesBody, needsBody),
    ]
  })
}

/** Entries for `schema.response`: the problems that a caller should expect beside those that any call may end with. */
export function problems(...codes: readonly ErrorCode[]): Record<number, object> {
  return Object.fromEntries(codes.map((code) => [statusOf[code], problemSchema(`Problem: ${code}`)]))
}

/** An answer in `schema.response` that is no JSON, or has headers that matter, or no body at all. */
export function answer(of: { description: string; schema?: TSchema; type?: string; headers?: object }): object {
  const { description, schema, type = 'application/json', headers } = of
  return { description, ...(headers && { headers }), ...(schema ? contentOf([type], schema) : { type: 'null' }) }
}

const compile: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  // Header schemas are documentation: whoever reads a header checks it.
  if (httpPart === 'headers') return () => true
  const check = httpPart === 'body' ? checkerOf(schema) : textCheckerOf(schema)
  return (value: unknown) => {
    const faults = check(value)
    return faults.length === 0 ? { value } : { error: refusal(httpPart, faults) }
  }
}

/** In a route's options: `schema.body` is only documentation, and the handler checks the body itself. */
export const uncheckedBody: { validatorCompiler: FastifySchemaCompiler<TSchema> } = {
  validatorCompiler: (definition) => (definition.httpPart === 'body' ? () => true : compile(definition)),
}

function refusal(part: string | undefined, faults: readonly Fault[]): ReplicationError {
  if (part === 'params') return new ReplicationError('missing', 'there is nothing at this address')
  const what = part === 'body' ? 'the body' : 'the query'
  const [first] = faults
  const detail = `${what} cannot be used: ${first?.pointer.slice(1) || 'it'} ${first?.message}`
  return new ReplicationError('invalid', detail, { faults })
}

function list<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  return hooks === undefined ? [] : ([hooks].flat() as Hook[])
}

function typesOf({ body, consumes }: FastifySchema): string[] {
  const content = (body as { content?: object } | undefined)?.content
  if (content !== undefined) return Object.keys(content)
  return [...(consumes ?? (body === undefined ? [] : json))]
}

function bodyOf(body: TSchema & { content?: Record<string, { schema: TSchema }> }, types: readonly string[]): object {
  if (body.content === undefined) return contentOf(types, sendable(body))
  const each = Object.entries(body.content).map(([type, { schema }]) => [type, { schema: sendable(schema) }] as const)
  return { content: Object.fromEntries(each) }
}

export function contentOf(types: readonly string[], schema: TSchema): object {
  return { content: Object.fromEntries(types.map((type) => [type, { schema }])) }
}

function problemSchema(description: string): object {
  return { description, ...contentOf(['application/problem+json'], Type.Unsafe({ $ref: 'Problem#' })) }
}

function generalProblems({ params }: FastifySchema, types: readonly string[]): object {
  return {
    ...problems('invalid'),
    ...(params === undefined ? {} : problems('missing')),
    ...(types.length === 0 ? {} : { ...problems('too-large'), 415: problemSchema('Problem: the media type') }),
    default: problemSchema('Problem'),
  }
}

/** What is compressed is not taken either: nobody can say how much would come of it. */
function demandMediaType(request: FastifyRequest, types: readonly string[]): void {
  if (!hasBody(request.raw) || request.method === 'GET') return
  const coding = request.headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (coding !== 'identity') {
    const detail = `Content-Encoding ${coding.slice(0, 100)} is not possible here; send the body as it is, packages are compressed already`
    throw new HttpError(415, 'invalid', detail, { 'accept-encoding': 'identity' })
  }
  // Where no body is taken, an empty JSON object does no harm.
  const sent = request.headers['content-type'] ?? ''
  const accepted = types.length === 0 ? json : types
  const essence = sent.split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (accepted.includes(essence)) return
  const detail = `the media type ${JSON.stringify(essence.slice(0, 100))} is not possible here; send ${accepted.join(' or ')}`
  throw new HttpError(415, 'invalid', detail, { accept: accepted.join(', ') })
}

function demandBody(request: FastifyRequest, takes: boolean, needs: boolean): void {
  const { body } = request
  const empty = body === undefined || body === null
  if (needs && empty && !request.isMultipart()) throw new ReplicationError('invalid', 'the body is missing')
  if (!takes && !empty && !(typeof body === 'object' && Object.keys(body).length === 0))
    throw new ReplicationError('invalid', 'this call takes no body')
}
