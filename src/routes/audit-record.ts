import type { FastifyRequest } from 'fastify'
import type { AuditRecord } from '../access/audit.ts'
import { nobody } from '../access/rights.ts'

/** What is said of one value at most. */
const maxChars = 200
const maxReason = 1000
const maxAgents = 100

/** Who asked for what, from where, and how that ended. Of the body only the reason is said. */
export function auditRecord(
  request: FastifyRequest,
  status: number,
  made?: unknown,
  agents: readonly string[] = request.subjects,
): AuditRecord {
  const { caller, routeOptions, method, url, params, headers } = request
  const operation = (routeOptions.schema as { operationId?: string } | undefined)?.operationId
  const named = Object.entries((params ?? {}) as Record<string, unknown>)
  const reason = reasonOf(request)
  return {
    at: new Date().toISOString(),
    ...(caller !== nobody && { actor: caller.name, caller: caller.id }),
    operation: operation ?? `${method} ${short(url.split('?', 1)[0] ?? '')}`,
    ...(operation !== undefined &&
      named.length > 0 && { params: Object.fromEntries(named.map(([name, value]) => [name, short(String(value))])) }),
    ...(agents.length > 0 && { agents: agents.slice(0, maxAgents) }),
    ...(reason !== undefined && { reason }),
    ...(typeof made === 'string' && { made }),
    address: request.ip,
    ...(headers['user-agent'] !== undefined && { userAgent: short(headers['user-agent']) }),
    ...{ requestId: request.id, status },
  }
}

function reasonOf({ body, query }: FastifyRequest): string | undefined {
  const given = body as { reason?: unknown; overrideGuard?: unknown } | null | undefined
  const reason = given?.reason ?? given?.overrideGuard ?? (query as { reason?: unknown } | undefined)?.reason
  return typeof reason === 'string' ? reason.slice(0, maxReason) : undefined
}

function short(text: string): string {
  return text.slice(0, maxChars)
}
