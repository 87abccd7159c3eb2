import { withoutSecrets } from './known-secrets.ts'

/** Each code and the HTTP status that it becomes. Few on purpose: a caller decides by code, a person reads the detail. */
export const statusOf = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  missing: 404,
  conflict: 409,
  incomplete: 409,
  stale: 412,
  'too-large': 413,
  corrupt: 422,
  busy: 429,
  rejected: 502,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof statusOf

/** What the other side says of a setting that somebody will mend, not of what was sent to it. */
export const configurationFaults: ReadonlySet<ErrorCode> = new Set(['unauthenticated', 'forbidden', 'missing'])

/** One fault in what a caller sent: where (a JSON Pointer into it) and what. */
export interface Fault {
  readonly pointer: string
  readonly message: string
}

interface ErrorOptions {
  readonly cause?: unknown
  /** Whether waiting can help. By default it can for `busy` and `unavailable`, and for nothing else. */
  readonly transient?: boolean
  readonly faults?: readonly Fault[]
  /** How long the other side asked us to wait. */
  readonly retryAfterMs?: number
  /** What was asked for can never be done any more, whatever anybody mends. */
  readonly final?: boolean
}

/**
 * The one error that crosses module borders. Its message names the thing and the way out, and holds neither a secret nor
 * a path of the server's disk that the caller did not name; whatever else is known stays in `cause`.
 */
export class ReplicationError extends Error {
  override readonly name = 'ReplicationError'
  readonly code: ErrorCode
  readonly transient: boolean
  readonly faults: readonly Fault[]
  readonly retryAfterMs: number | undefined
  readonly final: boolean

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined)
    this.code = code
    this.transient = options.transient ?? (code === 'busy' || code === 'unavailable')
    this.faults = options.faults ?? []
    this.retryAfterMs = options.retryAfterMs
    this.final = options.final ?? false
  }
}

/** An error as plain data: what the Store keeps and what callers see. */
export interface ErrorView {
  readonly code: ErrorCode
  readonly detail: string
}

/** Errors that are not ours are bugs or the machine's: the detail stays general, the log has the rest. */
export function errorView(error: unknown): ErrorView {
  const view: ErrorView =
    error instanceof ReplicationError
      ? { code: error.code, detail: withoutSecrets(error.message) }
      : { code: 'unavailable', detail: 'the server failed unexpectedly; its log says more' }
  origins.set(view, error)
  return view
}

const origins = new WeakMap<ErrorView, unknown>()

/** What a view was made of, for the log of the process in which that was: it has the causes too. */
export function originOf(view: ErrorView): unknown {
  return origins.get(view)
}

/** Unknown errors count as transient: a head is kept and tried again rather than given up for a reason nobody knows. */
export function isTransient(error: unknown): boolean {
  return error instanceof ReplicationError ? error.transient : true
}
