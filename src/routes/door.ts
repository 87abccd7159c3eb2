import type { FastifyInstance, FastifyRequest } from 'fastify'
import { whyNotLocal, type Facts } from '../access/local.ts'
import { nobody } from '../access/rights.ts'
import { ReplicationError } from '../errors.ts'
import { callMs, withPatience } from '../state/patience.ts'
import { demandCertificate } from './client-certificate.ts'
import { subjectsOf, type Need } from './needs.ts'
import { auditRecord } from './audit-record.ts'
import type { RouteParts } from './parts.ts'
import { demandPlain } from './plain-requests.ts'
import { HttpError } from './problem.ts'
import { throttleOf } from './throttle.ts'

export const sessionCookie = 'trebuchet-session'
/** Sent by the dashboard with each call. */
const pageHeader = 'x-trebuchet-page'

/** Lets in, of all who call, those who may have what they ask for; before anything of the request but its head is read. */
export function guard(app: FastifyInstance, parts: RouteParts): void {
  // Each request gets its own at once.
  for (const name of ['caller', 'subjects', 'isAudited']) app.decorateRequest(name)
  const throttle = throttleOf(parts.settings.rateLimitPerSecond)
  app.addHook('onRequest', async (request, reply) => {
    // Who is turned away before he is heard has changed nothing.
    Object.assign(request, { caller: nobody, subjects: [], isAudited: true })
    demandPlain(request)
    request.isAudited = false
    // What is not there is told to who may ask at all.
    const need = request.routeOptions.config.needs ?? 'somebody'
    // Whoever only asks whether it lives, from a load balancer for example, need not have one.
    if (need !== 'health' || parts.settings.protectHealth === true) demandCertificate(request.socket, parts.settings)
    await withPatience(callMs, async () => {
      if (isOpen(need, parts) && (await mayComeIn(parts, request))) {
        if (need === 'nothing') throttle(request, reply)
        return
      }
      request.caller = await parts.access.identify(factsOf(request)).catch(challenge)
      if (need !== 'health') throttle(request, reply)
      await authorise(parts, request, need)
    })
  })
  app.addHook('onSend', async (request, reply) => {
    const refused = reply.statusCode === 401 || reply.statusCode === 403
    if (request.isAudited || !(refused || changes(request))) return
    request.isAudited = true
    const record = auditRecord(request, reply.statusCode, reply.getHeader('location'))
    const written = parts.access.audit.add(record).catch((err: unknown) => {
      // It is done, and whoever asked shall hear so; the log has what the audit lacks.
      request.log.error({ err, audit: record }, 'the audit could not be written')
    })
    // Who fails because the state is away need not wait for it again.
    if (reply.statusCode < 500) await written
  })
}

/**
 * For what needs no credential: from the machine itself always, for whether the process lives must not hang on the state; from elsewhere
 * once there are credentials. A server that can be reached from there has had some at its start, also while it cannot ask.
 */
async function mayComeIn({ access }: RouteParts, request: FastifyRequest): Promise<boolean> {
  return whyNotLocal(factsOf(request)) === undefined || access.hasCredentials().catch(() => true)
}

function isOpen(need: Need, { settings }: RouteParts): boolean {
  if (need === 'health') return settings.protectHealth !== true
  return need === 'nothing' || (need === 'metrics' && settings.protectMetrics !== true)
}

/** Whether it is of those requests that the audit tells of when they are let in. */
export function changes({ method, routeOptions }: FastifyRequest): boolean {
  return method !== 'GET' && method !== 'HEAD' && routeOptions.config.looks !== true
}

/** Throws `missing`, `forbidden`. */
async function authorise(parts: RouteParts, request: FastifyRequest, need: Need): Promise<void> {
  const { caller } = request
  if (need === 'nothing' || need === 'somebody' || need === 'health') return
  const right = need === 'metrics' ? 'read' : need
  if (need === 'metrics' || (need === 'admin' && !/:name/.test(request.routeOptions.url ?? ''))) {
    if (!caller.mayAll(right)) throw forbidden(caller.name, `${right} for all agents`)
    return
  }
  // What belongs to no agent, or to none that is known, belongs to who may see all.
  if (caller.mayAll(right)) {
    // The audit says whom it is about; what is not there is told by who looks for it.
    if (changes(request)) request.subjects = (await subjectsOf(parts, request).catch(() => [])) ?? []
    return
  }
  const subjects = await subjectsOf(parts, request)
  if (subjects === undefined) {
    if (!caller.maySome(right)) throw forbidden(caller.name, right)
    return
  }
  request.subjects = subjects
  const seen = subjects.filter((agent) => caller.sees(agent))
  const [first] = seen
  if (first === undefined) throw new ReplicationError('missing', missing(request))
  if (right === 'read') return
  for (const agent of subjects)
    if (!caller.may(right, agent))
      throw forbidden(caller.name, `${right} for ${seen.includes(agent) ? agent : 'all agents of it'}`)
}

function forbidden(name: string, what: string): ReplicationError {
  return new ReplicationError('forbidden', `${name} may not do this: it needs the right ${what}`)
}

/** In the words of who does not find it. */
function missing({ routeOptions: { url = '' }, params }: FastifyRequest): string {
  const { name, id } = params as { name?: string; id?: string }
  if (name !== undefined) return `no agent is named ${name}`
  const what = /\/(command|comparison|package)s\/:id/.exec(url)?.[1] ?? 'thing'
  return `there is no ${what} ${id?.slice(0, 100)}`
}

/** What the request says of who asks. */
export function factsOf({ ip, headers, method }: FastifyRequest): Facts {
  return {
    ...{ session: sessionIn(headers.cookie), changes: method !== 'GET' && method !== 'HEAD' },
    isFromPage: pageHeader in headers,
    ...{ address: ip, host: headers.host, origin: headers.origin, authorization: headers.authorization },
    isForwarded: ['forwarded', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'].some((name) => name in headers),
  }
}

const cookieForm = new RegExp(`(?:^|; *)${sessionCookie}=([A-Za-z0-9_-]{43})(?:;|$)`)

/** The secret in the cookies of a request. */
export function sessionIn(cookies: string | undefined): string | undefined {
  return cookieForm.exec(cookies ?? '')?.[1]
}

function challenge(error: unknown): never {
  if (!(error instanceof ReplicationError) || error.code !== 'unauthenticated') throw error
  throw new HttpError(401, 'unauthenticated', error.message, { 'www-authenticate': 'Bearer realm="trebuchet"' })
}
