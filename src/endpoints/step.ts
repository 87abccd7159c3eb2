import { errorView, ReplicationError } from '../errors.ts'
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

/** Its name, and what answers why it fails, or throws it; undefined when all is well. */
export type Step = readonly [name: string, run: () => Promise<string | undefined> | string | undefined]

/** One after the other, until one fails. */
export async function* stepsOfAll(steps: readonly Step[], signal: AbortSignal): AsyncGenerator<TestStep, void, void> {
  for (const [step, run] of steps) {
    const startedAt = performance.now()
    let detail: string | undefined
    try {
      detail = await run()
    } catch (error) {
      signal.throwIfAborted()
      ;({ detail } = errorView(error))
    }
    yield {
      step,
      ok: detail === undefined,
      durationMs: Math.round(performance.now() - startedAt),
      ...(detail !== undefined && { detail }),
    }
    if (detail !== undefined) return
  }
}
