/** Which failures may pass, and how long to wait for that. */
import { ReplicationError, type ErrorCode } from '../../errors.ts'
import { fieldOf, textOf, type Value } from '../../documents/value.ts'
import { parseJson } from '../../documents/json.ts'
import { shown, type Method, type Reply } from './reply.ts'

const passing: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504])
/** The service says that it has not begun with it. */
const notDone: ReadonlySet<number> = new Set([408, 425, 429, 503])
/** It never came to be sent. */
const notSent: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
])

/** What a service may ask us to wait for here; for more, whoever asked waits. */
const maxAskedMs = 30_000
/** A longer wait that a service asks for is a mistake, and would leave a queue standing for ever. */
const maxToldMs = 24 * 3_600_000
const firstMs = 100
const maxMs = 5000

/** `once`: only what surely was not done may be tried again. */
export function mayRepeat(outcome: Reply | ReplicationError, once: boolean): boolean {
  if (outcome instanceof ReplicationError)
    return (
      outcome.transient && (!once || notSent.has(String((outcome.cause as NodeJS.ErrnoException | undefined)?.code)))
    )
  return (once ? notDone : passing).has(outcome.status) && saysOf(outcome, 'retryable') !== 'false'
}

/** Milliseconds before the next attempt; undefined when the service asks for more than we wait here. */
export function waitFor(outcome: Reply | ReplicationError, attempt: number): number | undefined {
  const asked = outcome instanceof ReplicationError ? undefined : askedBy(outcome)
  if (asked !== undefined && asked > maxAskedMs) return undefined
  // Full jitter: those that failed together do not come back together.
  return Math.max(asked ?? 0, Math.random() * Math.min(maxMs, firstMs * 2 ** (attempt - 1)))
}

/** What a service's refusal means to whoever asked. */
export function refusal(method: Method, uri: string, reply: Reply): ReplicationError {
  reply.rest?.destroy()
  const detail = ['message', 'detail', 'reason', 'error', 'title']
    .map((name) => saysOf(reply, name))
    .find((text) => text !== undefined)
  const said = detail === undefined ? '' : `: ${detail.slice(0, 300)}`
  const retryAfterMs = askedBy(reply)
  return new ReplicationError(
    codeOf(reply.status),
    `${method} ${shown(uri)} was answered with ${reply.status}${said}`,
    {
      transient: mayRepeat(reply, false),
      ...(retryAfterMs !== undefined && { retryAfterMs: Math.min(retryAfterMs, maxToldMs) }),
    },
  )
}

export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  return (error as NodeJS.ErrnoException).code ?? error.message
}

function codeOf(status: number): ErrorCode {
  switch (status) {
    case 401:
    case 407:
      return 'unauthenticated'
    case 403:
      return 'forbidden'
    case 404:
    case 410:
      return 'missing'
    case 409:
    case 412:
    case 428:
      return 'conflict'
    case 413:
      return 'too-large'
    case 408:
    case 425:
    case 429:
      return 'busy'
    default:
      return status >= 500 && status !== 501 ? 'unavailable' : 'rejected'
  }
}

/** Seconds or a date, as RFC 9110 has it; in milliseconds from now. */
function askedBy({ headers }: Reply): number | undefined {
  const header = headers['retry-after']
  if (typeof header !== 'string') return undefined
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now()
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

/** A member of an error's body, as text. */
function saysOf({ body, headers }: Reply, name: string): string | undefined {
  if (body.length > 65_536 || !/\bjson\b/.test(String(headers['content-type'] ?? ''))) return undefined
  let value: Value
  try {
    value = parseJson(body.toString())
  } catch {
    return undefined
  }
  const member = fieldOf(value, name)
  return typeof member === 'boolean' ? String(member) : textOf(member)
}
