import { ReplicationError, type ErrorCode, type Fault } from '../errors.ts'

/** An error as it crosses a thread's border, where classes are lost. */
export type Frozen =
  | {
      readonly code: ErrorCode
      readonly message: string
      readonly transient: boolean
      readonly final: boolean
      readonly faults: readonly Fault[]
      readonly cause: unknown
    }
  | { readonly other: unknown }

export function freeze(error: unknown): Frozen {
  if (!(error instanceof ReplicationError)) return { other: error }
  const { code, message, transient, final, faults, cause } = error
  return { code, message, transient, final, faults, cause: cause instanceof Error ? cause.message : undefined }
}

export function thaw(frozen: Frozen): unknown {
  if ('other' in frozen) return frozen.other
  const { code, message, transient, final, faults, cause } = frozen
  return new ReplicationError(code, message, { transient, final, faults, cause })
}
