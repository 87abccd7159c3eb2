import { ReplicationError } from '../errors.ts'
import type { TestStep } from './endpoint.ts'

/** One step of a test: `act` answers a remark or throws why not; `unforeseen` says it of what is no ReplicationError. */
export function stepOf(name: string, act: () => string | undefined, unforeseen: (error: unknown) => string): TestStep {
  const from = performance.now()
  let ok = true
  let detail: string | undefined
  try {
    detail = act()
  } catch (error) {
    ok = false
    detail = error instanceof ReplicationError ? error.message : unforeseen(error)
  }
  const durationMs = Math.round(performance.now() - from)
  return { step: name, ok, ...(detail !== undefined && { detail }), durationMs }
}
