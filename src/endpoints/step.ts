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

/** One that could not be begun. */
export function failedStep(step: string, error: unknown): TestStep {
  return { step, ok: false, detail: errorView(error).detail, durationMs: 0 }
}

/** What a step that went well has to say. */
interface Remark {
  readonly remark: string
}
type Outcome = string | Remark | undefined

/** Its name, and what answers why it fails, or throws it; a remark, or nothing, when all is well. */
export type Step = readonly [name: string, run: () => Promise<Outcome> | Outcome]

export function remark(text: string): Remark {
  return { remark: text }
}

/** One after the other, until one fails. */
export async function* stepsOfAll(steps: readonly Step[], signal: AbortSignal): AsyncGenerator<TestStep, void, void> {
  for (const [step, run] of steps) {
    const startedAt = performance.now()
    let fault: string | undefined
    let said: string | undefined
    try {
      const outcome = await run()
      if (typeof outcome === 'string') fault = outcome
      else said = outcome?.remark
    } catch (error) {
      signal.throwIfAborted()
      fault = errorView(error).detail
    }
    const detail = fault ?? said
    yield {
      step,
      ok: fault === undefined,
      durationMs: Math.round(performance.now() - startedAt),
      ...(detail !== undefined && { detail }),
    }
    if (fault !== undefined) return
  }
}
