import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { accept } from '../agents/commands/accept.ts'
import { agentsOf } from '../agents/commands/command.ts'
import { viewCommand } from '../agents/commands/views.ts'
import type { CommandKind } from '../agents/commands/records.ts'
import { strictnessOf } from '../agents/commands/sense.ts'
import { ReplicationError } from '../errors.ts'
import { parsePath, type ResourcePath } from '../resources/path.ts'
import { Type } from '../resources/type.ts'
import {
  importById,
  importFields,
  exportBody,
  exportBodyForAll,
  replicateBody,
  replicateBodyForAll,
} from './command-bodies.ts'
import { accepted, agentName, commandView } from './command-schemas.ts'
import { auditRecord } from './audit-record.ts'
import { readForm } from './body.ts'
import { actorOf, feedOf, traceOf, waitOf } from './command-headers.ts'
import { uncheckedBody } from './conventions.ts'
import { callerGone } from './caller-gone.ts'
import { held } from './held.ts'
import type { KeptAnswer, Reservation } from './idempotency.ts'
import { imported, type Asked } from './imported.ts'
import { seenBy } from './needs.ts'
import type { RouteParts } from './parts.ts'
import { sendPackage } from './package-routes.ts'
import { prefixOf, routeOf } from './prefixes.ts'
import { refuse } from './refuse.ts'
import { uploadHeaders, uploadRoutes } from './upload-routes.ts'

type MakeBody = Static<typeof replicateBodyForAll>

const name = Type.Object({ name: agentName })

/** Commands to one agent, to several, and from form fields or query parameters. */
export function commandRoutes(app: FastifyInstance, parts: RouteParts): void {
  for (const { kind, body, bodyForAll } of [
    { kind: 'replicate', body: replicateBody, bodyForAll: replicateBodyForAll },
    { kind: 'export', body: exportBody, bodyForAll: exportBodyForAll },
  ] as const) {
    app.post<{ Params: { name: string }; Body: MakeBody }>(
      `/agent/:name/${kind}`,
      { config: { needs: 'replicate' }, schema: schemaOf(kind, { params: name, body }) },
      (request, reply) => take(parts, request, reply, async () => made(kind, request.body, [request.params.name])),
    )
    app.post<{ Body: MakeBody }>(
      `/all/${kind}`,
      { config: { needs: 'replicate' }, schema: schemaOf(`${kind}All`, { body: bodyForAll }) },
      (request, reply) => take(parts, request, reply, async () => made(kind, request.body, request.body.agents)),
    )
  }
  app.post<{ Params: { name: string } }>(
    '/agent/:name/import',
    {
      ...{ config: { needs: 'import' }, ...uncheckedBody },
      schema: schemaOf('import', { params: name, headers: uploadHeaders, querystring: importQuery, body: importBody }),
    },
    (request, reply) =>
      take(parts, request, reply, () => imported(parts, request, callerGone(reply), request.params.name)),
  )
  uploadRoutes(app, parts)
  app.post(
    '/all/import',
    {
      ...{ config: { needs: 'import' }, ...uncheckedBody },
      schema: schemaOf('importAll', { querystring: importQueryForAll, body: importBody }),
    },
    (request, reply) => take(parts, request, reply, () => imported(parts, request, callerGone(reply), undefined)),
  )
  app.post<{ Params: { name: string } }>(
    '/agent/:name',
    {
      config: { needs: 'replicate' },
      preValidation: readForm,
      schema: schemaOf('replicateByParameters', {
        ...{ params: name, querystring: parameters },
        consumes: ['application/x-www-form-urlencoded', 'multipart/form-data'],
      }),
    },
    (request, reply) => take(parts, request, reply, async () => parametersOf(request)),
  )
}

const binary = Type.Unsafe({ type: 'string', format: 'binary' })
/** The forms of an import, as documentation: what is read of them is checked when its parts are put together. */
const importBody = {
  content: {
    'application/json': { schema: importById },
    'multipart/form-data': {
      schema: Type.Object(
        { ...importFields.properties, package: Type.Optional(Type.String({ description: 'Names the file part.' })) },
        { additionalProperties: binary },
      ),
    },
    'application/zip': { schema: binary },
    'application/octet-stream': { schema: binary },
  },
}

const oneOrMore = Type.Union([Type.String(), Type.Array(Type.String(), { maxItems: 10_000 })])
const importQuery = Type.Object({ path: Type.Optional(oneOrMore) }, { additionalProperties: false })
const importQueryForAll = Type.Object(
  { path: Type.Optional(oneOrMore), agents: Type.Optional(oneOrMore) },
  { additionalProperties: false },
)
const parameters = Type.Object(
  { action: Type.Optional(Type.String()), path: Type.Optional(oneOrMore) },
  { additionalProperties: false },
)

function schemaOf(operationId: string, input: object): object {
  return {
    ...{ operationId, tags: ['commands'], ...input },
    response: { 202: accepted, 200: commandView },
  }
}

function made(kind: Exclude<CommandKind, 'import'>, body: MakeBody, agents: readonly string[] | undefined): Asked {
  const { action, paths, deep, mode } = body
  if (kind === 'export' && action === 'test')
    throw new ReplicationError('invalid', 'a test is a replicate: an export reaches no target')
  return { kind, action, paths, deep, mode, agents, ...strictnessOf(body) }
}

function parametersOf(request: FastifyRequest<{ Params: { name: string } }>): Asked {
  const form = (request.body ?? {}) as Record<string, string | string[]>
  const query = request.query as Record<string, string | string[]>
  const unknown = Object.keys(form).filter((field) => field !== 'action' && field !== 'path')
  if (unknown.length > 0)
    throw new ReplicationError('invalid', 'only action and path are known here', {
      faults: unknown.map((field) => ({ pointer: `/${field}`, message: 'is not known' })),
    })
  const action = String(form['action'] ?? query['action'] ?? 'add').toLowerCase()
  if (action !== 'add' && action !== 'delete' && action !== 'test')
    throw new ReplicationError('invalid', 'the action must be add, delete or test')
  const paths = [form['path'] ?? [], query['path'] ?? []].flat().map((text): ResourcePath => parsePath(text))
  if (paths.length === 0) throw new ReplicationError('invalid', 'at least one path is needed')
  return { kind: 'replicate', action, paths, deep: true, mode: 'update', agents: [request.params.name] }
}

/** From a request to an answer: idempotency, acceptance, and waiting for the end where that was asked for. */
async function take(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  understand: () => Promise<Asked>,
): Promise<unknown> {
  const header = request.headers['idempotency-key']
  const { feed } = feedOf(request)
  const reserved =
    header === undefined
      ? undefined
      : await parts.idempotency.begin({
          ...{ caller: request.caller.id, method: request.method, path: routeOf(request), key: String(header) },
          ...(feed !== undefined && { epoch: feed.epoch }),
          cut: () => reply.raw.destroy(),
        })
  try {
    const asked = await understand()
    // What there is of the package, and who has signed it, may be another the next time.
    const { signatures: _, lacks: __, ...meant } = asked
    const input = { ...meant, package: asked.package?.id, query: request.query }
    const known = await reserved?.answerTo(input)
    if (known !== undefined) return await answerAgain(parts, request, reply, known, asked)
    const { caller } = request
    const right = asked.kind === 'import' ? 'import' : 'replicate'
    const outcome = await accept(parts.store, parts.roster, {
      ...asked,
      actor: actorOf(request),
      ...(!caller.mayAll(right) && { refusal: (name: string) => caller.objection(right, name) }),
      ...(feed !== undefined && { feed }),
      ...traceOf(request),
      alongside: (command) => {
        const answer = answerFor(request, command)
        const kept = reserved?.keep(input, answer) ?? { checks: [], writes: [] }
        const record = auditRecord(request, answer.status, answer.headers['location'], agentsOf(command))
        return { checks: kept.checks, writes: [...kept.writes, parts.access.audit.write(record)] }
      },
    })
    if (!outcome.taken && 'lost' in outcome) return await lost(parts, request, reply, reserved, input, asked)
    if (!outcome.taken) return refuse(request, reply, outcome)
    request.isAudited = true
    await parts.engine.begin(outcome.command)
    return await answer(parts, request, reply, answerFor(request, outcome.command), asked)
  } finally {
    reserved?.release()
  }
}

/** Another server took the same key first: its answer is the one. */
async function lost(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  reserved: Reservation | undefined,
  input: unknown,
  asked: Asked,
): Promise<unknown> {
  const known = await reserved?.answerTo(input)
  if (known === undefined) throw new ReplicationError('busy', 'the same Idempotency-Key was in use; try again')
  return answerAgain(parts, request, reply, known, asked)
}

function answerFor(
  request: FastifyRequest,
  { id, statusList }: { id: string; statusList: readonly object[] },
): KeptAnswer {
  return { status: 202, headers: { location: `${prefixOf(request)}/commands/${id}` }, body: { id, statusList } }
}

function answerAgain(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  known: KeptAnswer,
  asked: Asked,
): Promise<unknown> {
  void reply.header('idempotent-replayed', 'true')
  return answer(parts, request, reply, known, asked)
}

async function answer(
  parts: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  { status, headers, body }: KeptAnswer,
  { kind }: Asked,
): Promise<unknown> {
  void reply.headers(headers)
  const { id } = body as { id: string }
  const wantsZip = kind === 'export' && request.headers.accept?.includes('application/zip') === true
  const waitMs = waitOf(request) ?? (wantsZip ? maxWaitMs : undefined)
  if (waitMs === undefined) return reply.code(status).send(body)
  await held(parts, reply, id, waitMs)
  const view = await viewCommand(parts.store, id, seenBy(request))
  if (!wantsZip) return reply.code(200).send(view)
  const [agent] = view.agents
  if (agent?.package === undefined) {
    const { code, detail } = agent?.error ?? { code: 'unavailable', detail: 'it is not ready yet; ask again' }
    throw new ReplicationError(code, `there is no package: ${detail}`)
  }
  return sendPackage(parts, request, reply, agent.package)
}

/** As long as an export may be waited for by whoever wants the package itself. */
const maxWaitMs = 600_000
