/** A chain of causes that is longer goes in a circle. */
const maxDepth = 5

interface ErrorFacts {
  readonly type: string
  readonly message: string
  readonly code?: string
  readonly stack?: string
  readonly cause?: ErrorFacts
}

/**
 * What a line says of an error. Errors of libraries carry whatever was sent: a request with its headers, a command of Redis with its
 * password. Only what is known to be harmless is taken.
 */
export function errorFacts(error: unknown, depth = 0): ErrorFacts {
  if (!(error instanceof Error)) return { type: typeof error, message: String(error) }
  const { code, cause } = error as Error & { code?: unknown }
  const inner = cause ?? (error instanceof AggregateError ? (error.errors as unknown[])[0] : undefined)
  return {
    ...{ type: error.name, message: error.message },
    ...((typeof code === 'string' || typeof code === 'number') && { code: String(code) }),
    ...(error.stack !== undefined && { stack: error.stack }),
    ...(inner !== undefined && depth < maxDepth && { cause: errorFacts(inner, depth + 1) }),
  }
}
