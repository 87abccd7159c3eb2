import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Author, ShownConfig } from '../agents/config/store.ts'
import { configWarnings } from '../agents/config/warnings.ts'
import { isName, nameSchema } from '../agents/config/config.ts'
import { Type } from '../resources/type.ts'
import { readForm } from './body.ts'
import { ReplicationError } from '../errors.ts'
import { actorOf } from './command-headers.ts'
import { conditionHeaders, conditionsOf, isUnchanged } from './conditions.ts'
import { answer, contentOf, problems, uncheckedBody } from './conventions.ts'
import { seenBy } from './needs.ts'
import { badCursor, cursorOf, nextPage, pageQuery } from './paging.ts'
import type { RouteParts } from './parts.ts'
import { hrefOf } from './prefixes.ts'
import { typed, type TypedApp } from './typed.ts'

const closed = { additionalProperties: false } as const
export const tags = ['config']
export const agentConfig = Type.Unsafe<ShownConfig['config']>({ $ref: 'AgentConfig#' })
const body = Type.Unsafe({ $ref: 'AgentConfigInput#' })
const params = Type.Object({ name: nameSchema })
export const force = Type.Object(
  { force: Type.Boolean({ default: false, description: 'Drop queues although they hold items, and the items too.' }) },
  closed,
)

const etag = { ETag: Type.String({ description: 'Strong; another one after every write.' }) }
export const theConfig = answer({ description: 'The config', schema: agentConfig, headers: etag })
const created = answer({
  description: 'Created',
  schema: agentConfig,
  headers: { ...etag, Location: Type.String() },
})
const unchanged = answer({ description: 'The caller has it already', headers: etag })

const faults = Type.Array(Type.Object({ pointer: Type.String(), message: Type.String() }, closed))
const verdict = Type.Object(
  {
    ...{ valid: Type.Boolean(), errors: faults, warnings: faults },
    changes: Type.Optional(configChanges('Of a valid one, what a PUT would change')),
    etag: Type.Optional(Type.String({ description: 'Of the config that is stored, for If-Match.' })),
  },
  closed,
)
const page = Type.Object({ items: Type.Array(agentConfig), next: Type.Optional(Type.String()) }, closed)

/** A list of changes; `what` says of what. */
export function configChanges(what: string) {
  return Type.Array(
    Type.Object(
      { pointer: Type.String(), before: Type.Optional(Type.Unknown()), after: Type.Optional(Type.Unknown()) },
      closed,
    ),
    { description: `${what}, as JSON Pointers into the config; secrets are not shown.` },
  )
}

/** Configs come from people: 1,000 targets fit, and no fault-finding takes long. */
const bodyLimit = 262_144

/** Agents are configured by creating, changing and deleting their configs. */
export function configRoutes(app: FastifyInstance, parts: RouteParts): void {
  readingRoutes(typed(app), parts)
  writingRoutes(typed(app), parts)
  deletingRoutes(typed(app), parts)
}

function readingRoutes(app: TypedApp, { configs, kinds, bounds }: RouteParts): void {
  app.get(
    '/config',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'listConfigs', summary: 'Lists the configs of all agents, by name', tags },
        querystring: pageQuery(),
        response: { 200: page },
      },
    },
    async (request, reply) => {
      const after = cursorOf(request.query.cursor)
      if (after !== undefined && !isName(after)) throw badCursor()
      const { items, next } = await configs.list({
        ...{ limit: request.query.limit, sees: seenBy(request) },
        ...(after !== undefined && { after }),
      })
      const shown = items.map(({ config }) => config)
      return nextPage(request, reply, { items: shown, ...(next !== undefined && { next }) })
    },
  )
  app.get(
    '/config/:name',
    {
      config: { needs: 'read' },
      schema: {
        ...{ operationId: 'readConfig', summary: 'Reads the config of one agent, without its secrets', tags },
        params,
        response: { 200: theConfig, 304: unchanged },
      },
    },
    async (request, reply) => {
      const { config, etag: current } = await configs.read(request.params.name)
      return isUnchanged(request, reply, current) ? reply.code(304).send() : config
    },
  )
  app.post(
    '/config/validate',
    {
      ...{ bodyLimit, ...uncheckedBody },
      config: { needs: 'configure', looks: true },
      schema: {
        ...{ operationId: 'validateConfig', summary: 'Checks a config without storing it', tags },
        body,
        response: { 200: verdict },
      },
    },
    async (request) => {
      demandName(request)
      const {
        config,
        faults: errors,
        changes,
        etag: stored,
      } = await configs.check(request.body, {
        sees: seenBy(request),
      })
      const known = { env: process.env, bounds: bounds?.secrets }
      const warnings = config === undefined ? [] : await configWarnings(config, kinds, known)
      return {
        ...{ valid: config !== undefined, errors: [...errors], warnings },
        ...(changes !== undefined && { changes: [...changes] }),
        ...(stored !== undefined && { etag: stored }),
      }
    },
  )
}

function writingRoutes(app: TypedApp, { configs }: RouteParts): void {
  const writing = { headers: conditionHeaders, tags }
  app.post(
    '/config',
    {
      ...{ bodyLimit, ...uncheckedBody },
      config: { needs: 'configure' },
      schema: {
        ...{ operationId: 'createConfig', summary: 'Creates the agent that the body names', ...writing },
        body,
        response: { 201: created, ...problems('conflict', 'stale') },
      },
    },
    async (request, reply) => {
      demandName(request)
      const shown = await configs.create(request.body, authorOf(request))
      void reply.code(201).header('location', hrefOf(request, `/config/${shown.config.name}`))
      return tagged(reply, shown)
    },
  )
  app.put(
    '/config/:name',
    {
      ...{ bodyLimit, ...uncheckedBody },
      config: { needs: 'configure' },
      schema: {
        ...{ operationId: 'replaceConfig', summary: 'Replaces the config of an agent, or creates it', ...writing },
        ...{ params, querystring: force, body },
        response: { 200: theConfig, 201: created, ...problems('conflict', 'stale') },
      },
    },
    async (request, reply) => {
      const shown = await configs.put(request.params.name, request.body, authorOf(request))
      if (shown.created) void reply.code(201).header('location', hrefOf(request, `/config/${shown.config.name}`))
      return tagged(reply, shown)
    },
  )
  app.patch(
    '/config/:name',
    {
      ...{ bodyLimit, ...uncheckedBody },
      config: { needs: 'configure' },
      schema: {
        ...{ operationId: 'patchConfig', summary: 'Applies a JSON merge patch (RFC 7396) to a config', ...writing },
        ...{ params, querystring: force },
        body: contentOf(['application/merge-patch+json', 'application/json'], Type.Unsafe({ type: 'object' })),
        response: { 200: theConfig, ...problems('conflict', 'stale') },
      },
    },
    async (request, reply) => tagged(reply, await configs.patch(request.params.name, request.body, authorOf(request))),
  )
}

function deletingRoutes(app: TypedApp, { configs }: RouteParts): void {
  const deleting = { tags, params, querystring: force, headers: conditionHeaders }
  const response = { 204: answer({ description: 'Deleted' }), ...problems('conflict', 'stale') }
  app.delete(
    '/config/:name',
    {
      config: { needs: 'configure' },
      schema: { operationId: 'deleteConfig', summary: 'Deletes an agent', ...deleting, response },
    },
    async (request, reply) => {
      await configs.delete(request.params.name, authorOf(request))
      return reply.code(204).send()
    },
  )
  app.post(
    '/config/:name',
    {
      bodyLimit,
      config: { needs: 'configure' },
      schema: {
        ...{ operationId: 'deleteConfigByForm', summary: 'Deletes an agent, for who can only send forms', ...deleting },
        body: contentOf(
          ['application/x-www-form-urlencoded', 'multipart/form-data'],
          Type.Object({ ':operation': Type.Literal('delete') }, closed),
        ),
        response,
      },
      preValidation: readForm,
    },
    async (request, reply) => {
      await configs.delete(request.params.name, authorOf(request))
      return reply.code(204).send()
    },
  )
}

/** Whether there is an agent of that name already is not told to who may not give it. Throws `forbidden`. */
function demandName({ caller, body }: FastifyRequest): void {
  const name = (body as { name?: unknown } | null)?.name
  // What is no name is told to be none.
  if (typeof name !== 'string' || !isName(name) || caller.may('configure', name)) return
  throw new ReplicationError('forbidden', `${caller.name} may not configure an agent named ${name}`)
}

export function authorOf(request: FastifyRequest): Author {
  const { force: forced } = request.query as { force?: boolean }
  return {
    ...{ actor: actorOf(request), conditions: conditionsOf(request), force: forced === true },
    sees: seenBy(request),
    // Whoever follows an agent hears what it delivers.
    admit: ({ triggers }) => {
      for (const trigger of triggers) if (trigger.kind === 'after') request.caller.demand('read', trigger.agent)
    },
  }
}

/** The config as the answer, with its tag. */
export function tagged(reply: FastifyReply, { config, etag: current }: ShownConfig): ShownConfig['config'] {
  void reply.header('etag', current)
  return config
}
