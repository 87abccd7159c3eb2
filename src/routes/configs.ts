import { Type } from 'typebox'
import type { Author, ShownConfig } from '../agents/config-store.ts'
import { nameSchema } from '../agents/config.ts'
import { configWarnings } from '../agents/config-warnings.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { readForm } from './body.ts'
import { actorOf, hrefOf } from './caller.ts'
import { conditionHeaders, conditionsOf, isUnchanged } from './conditions.ts'
import { cursorOf, pageQuery, pageSchema, sendPage } from './paging.ts'
import { route, type Answer, type Route } from './route.ts'
import type { Parts } from './table.ts'

const closed = { additionalProperties: false } as const
const tag = 'config'
export const named = Type.Object({ name: nameSchema })
export const agentConfig = Type.Unsafe({ $ref: 'AgentConfig#' })
const agentConfigInput = Type.Unsafe({ $ref: 'AgentConfigInput#' })
/** What one entry for each fault says, here and in problems. */
const faults = Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }, closed))

const etag = { ETag: Type.String({ description: 'Strong; changes with every write.' }) }
const location = { Location: Type.String() }
export const force = Type.Object(
  { force: Type.Boolean({ default: false, description: 'Drop queues although they hold items, and the items with them.' }) },
  closed,
)
export const theConfig: Answer = { description: 'The config', schema: agentConfig, headers: etag }

/** Configs come from people: 1,000 targets fit, and no fault-finding takes long. */
const bodyLimit = 262_144

const cursor = cursorOf('configs', Type.Object({ after: nameSchema }, closed))

/** Section 1 of the API: agents are configured by creating, changing and deleting their configs. */
export function configRoutes({ configs, kinds }: Parts): Route[] {
  return [
    route({
      method: 'GET',
      url: '/config',
      operationId: 'listConfigs',
      tag,
      summary: 'Lists the configs of all agents, by name',
      query: Type.Object(pageQuery, closed),
      answers: { 200: { description: 'One page', schema: pageSchema(agentConfig) } },
      problems: ['invalid'],
      handler: async (request, reply) => {
        const { limit } = request.query
        const after = cursor.decode(request.query.cursor)?.after
        const { items, next } = await configs.list({ limit, ...(after !== undefined && { after }) })
        const cursorOfNext = next === undefined ? undefined : cursor.encode({ after: next })
        return sendPage(request, reply, items.map(({ config }) => config), cursorOfNext)
      },
    }),
    route({
      method: 'POST',
      url: '/config',
      operationId: 'createConfig',
      tag,
      summary: 'Creates the agent that the body names',
      headers: conditionHeaders,
      body: { schema: agentConfigInput, unchecked: true },
      bodyLimit,
      answers: { 201: { description: 'Created', schema: agentConfig, headers: { ...etag, ...location } } },
      problems: ['invalid', 'conflict', 'stale', 'too-large'],
      handler: async (request, reply) => {
        const shown = await configs.create(request.body, authorOf(request))
        reply.code(201).header('location', hrefOf(request, `/config/${shown.config.name}`))
        return sendConfig(reply, shown)
      },
    }),
    route({
      method: 'POST',
      url: '/config/validate',
      operationId: 'validateConfig',
      tag,
      summary: 'Checks a config without storing it',
      body: { schema: agentConfigInput, unchecked: true },
      bodyLimit,
      answers: {
        200: {
          description: 'Whether it could be stored',
          schema: Type.Object({ valid: Type.Boolean(), errors: faults, warnings: faults }, closed),
        },
      },
      problems: ['invalid', 'too-large'],
      handler: async (request) => {
        const { config, faults: errors } = await configs.check(request.body)
        const warnings = config === undefined ? [] : await configWarnings(config, kinds, process.env)
        return { valid: config !== undefined, errors, warnings }
      },
    }),
    route({
      method: 'GET',
      url: '/config/:name',
      operationId: 'readConfig',
      tag,
      summary: 'Reads the config of one agent, without its secrets',
      params: named,
      answers: { 200: theConfig, 304: { description: 'Still what the caller has', headers: etag } },
      problems: ['missing'],
      handler: async (request, reply) => {
        const { config, etag: current } = await configs.read(request.params.name)
        return isUnchanged(request, reply, current) ? reply.code(304).send() : config
      },
    }),
    route({
      method: 'PUT',
      url: '/config/:name',
      operationId: 'replaceConfig',
      tag,
      summary: 'Replaces the config of an agent, or creates it',
      params: named,
      query: force,
      headers: conditionHeaders,
      body: { schema: agentConfigInput, unchecked: true },
      bodyLimit,
      answers: { 200: theConfig, 201: { ...theConfig, description: 'Created', headers: { ...etag, ...location } } },
      problems: ['invalid', 'conflict', 'stale', 'too-large'],
      handler: async (request, reply) => {
        const shown = await configs.put(request.params.name, request.body, authorOf(request))
        if (shown.created) reply.code(201).header('location', hrefOf(request, `/config/${shown.config.name}`))
        return sendConfig(reply, shown)
      },
    }),
    route({
      method: 'PATCH',
      url: '/config/:name',
      operationId: 'patchConfig',
      tag,
      summary: 'Applies a JSON merge patch (RFC 7396) to the config of an agent',
      params: named,
      query: force,
      headers: conditionHeaders,
      body: {
        schema: Type.Unsafe({ type: 'object' }),
        types: ['application/merge-patch+json', 'application/json'],
        unchecked: true,
      },
      bodyLimit,
      answers: { 200: theConfig },
      problems: ['invalid', 'missing', 'conflict', 'stale', 'too-large'],
      handler: async (request, reply) =>
        sendConfig(reply, await configs.patch(request.params.name, request.body, authorOf(request))),
    }),
    route({
      method: 'DELETE',
      url: '/config/:name',
      operationId: 'deleteConfig',
      tag,
      summary: 'Deletes an agent',
      params: named,
      query: force,
      headers: conditionHeaders,
      answers: { 204: { description: 'Deleted' } },
      problems: ['missing', 'conflict', 'stale'],
      handler: async (request, reply) => {
        await configs.delete(request.params.name, authorOf(request))
        return reply.code(204).send()
      },
    }),
    route({
      method: 'POST',
      url: '/config/:name',
      operationId: 'deleteConfigByForm',
      tag,
      summary: 'Deletes an agent, for callers that can only send forms',
      params: named,
      query: force,
      headers: conditionHeaders,
      body: {
        schema: Type.Object({ ':operation': Type.Literal('delete') }, closed),
        types: ['application/x-www-form-urlencoded', 'multipart/form-data'],
      },
      bodyLimit,
      hooks: { preValidation: readForm },
      answers: { 204: { description: 'Deleted' } },
      problems: ['invalid', 'missing', 'conflict', 'stale'],
      handler: async (request, reply) => {
        await configs.delete(request.params.name, authorOf(request))
        return reply.code(204).send()
      },
    }),
  ]
}

export function authorOf(request: FastifyRequest): Author {
  const { force: forced } = request.query as { force?: boolean }
  return { actor: actorOf(request), conditions: conditionsOf(request), force: forced === true }
}

export function sendConfig(reply: FastifyReply, { config, etag: current }: ShownConfig): ShownConfig['config'] {
  reply.header('etag', current)
  return config
}
