import type { FastifyRequest } from 'fastify'
import type { CommandRequest } from '../agents/commands/accept.ts'
import type { Feed } from '../agents/commands/feed.ts'
import { ReplicationError } from '../errors.ts'
import { carriesAll, type PackageSummary } from '../packages/manifest.ts'
import { requestTraceparent } from '../tracing/span.ts'

/** The longest that an answer is held, in seconds: proxies and clients give up sooner or later. */
const maxWaitSeconds = 3600

/** Who asks, as histories name him: his token's name, `admin`, or `anonymous` while there are no credentials. */
export function actorOf({ caller }: FastifyRequest): string {
  return caller.name
}

/** `Prefer: wait=30` in ms, or undefined. */
export function waitOf(request: FastifyRequest): number | undefined {
  const prefer = [request.headers['prefer'] ?? []].flat().join(',')
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,6})"?/i.exec(prefer)
  return match === null ? undefined : Math.min(Number(match[1]), maxWaitSeconds) * 1000
}

/** What another server says of the delivery that it makes. */
export function feedOf(request: FastifyRequest): { feed?: Feed } {
  const delivery = textOf(request, 'package-delivery')
  const lane = textOf(request, 'package-lane')
  const epoch = textOf(request, 'package-epoch')
  if (delivery === undefined && lane === undefined && epoch === undefined) return {}
  if (delivery === undefined || lane === undefined || epoch === undefined || !/^\d{1,15}$/.test(epoch))
    throw new ReplicationError('invalid', 'Package-Delivery, Package-Lane and Package-Epoch belong together')
  return { feed: { delivery, lane, epoch: Number(epoch) } }
}

/** Whether another server wants all that our targets hold to be read anew. */
export function isVerified(request: FastifyRequest): boolean {
  const verify = textOf(request, 'package-verify')
  if (verify === undefined || verify === 'true') return verify === 'true'
  throw new ReplicationError('invalid', 'the header package-verify can only be true')
}

/** The package that another server means to send: what comes instead of it is refused before anything is made of it. */
export function checkAnnounced(request: FastifyRequest, id: string): void {
  const announced = textOf(request, 'package-id')
  if (announced !== undefined && announced !== id)
    throw new ReplicationError('corrupt', `this is package ${id}, and ${announced} was announced`)
}

/**
 * Who names a package, and says of how many files he has the contents, means one that has as much: `all`, or a number. Throws `missing`
 * where it has less.
 */
export function checkCarried(request: FastifyRequest, { id, carries }: Pick<PackageSummary, 'id' | 'carries'>): void {
  const wanted = textOf(request, 'package-carries')
  if (wanted === undefined || carriesAll({ ...(carries && { carries }) })) return
  if (wanted !== 'all' && !/^\d{1,15}$/.test(wanted))
    throw new ReplicationError('invalid', 'Package-Carries is a number of files, or all')
  if (wanted === 'all' || (carries?.files ?? 0) < Number(wanted))
    throw new ReplicationError('missing', `of package ${id} there is only a delta that carries less; send it`)
}

/** The W3C trace context, when it is well-formed: that of our span of the request, or else of the caller's. */
export function traceOf(request: FastifyRequest): Pick<CommandRequest, 'traceparent'> {
  const traceparent = requestTraceparent(request) ?? textOf(request, 'traceparent')
  return traceparent !== undefined && /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/.test(traceparent)
    ? { traceparent }
    : {}
}

/** A header that is a word. Throws `invalid`. */
export function textOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name]
  if (value === undefined) return undefined
  const text = [value].flat().join(',')
  if (text.length > 300 || !/^[\x21-\x7e]+$/.test(text))
    throw new ReplicationError('invalid', `the header ${name} is malformed`)
  return text
}
