import { useEffect, useState } from 'preact/hooks'
import { call, problemOf, type Fault, type Problem } from '../data/api.ts'

/** A JSON Pointer into a config, and what is there. */
export interface ConfigChange {
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

/** What the server says of a draft. */
export interface Verdict {
  readonly valid: boolean
  readonly errors: readonly Fault[]
  readonly warnings: readonly Fault[]
  readonly changes?: readonly ConfigChange[]
  /** Of the config of that name that is stored. */
  readonly etag?: string
}

/** Nobody types slower than this within a word. */
const quietMs = 250

/** Asks the server of each draft, once nothing has been typed for a moment. */
export function useVerdict(
  draft: unknown,
  /** With another one it is asked again. */
  key: string | undefined,
): { readonly verdict: Verdict | undefined; readonly isStale: boolean; readonly problem: Problem | undefined } {
  const [state, setState] = useState<{
    draft?: unknown
    key?: string | undefined
    verdict?: Verdict
    problem?: Problem
  }>({})
  useEffect(() => {
    const over = new AbortController()
    const timer = setTimeout(() => {
      call<Verdict>('/config/validate', { method: 'POST', body: draft, signal: over.signal }).then(
        ({ body }) => setState({ draft, key, verdict: body }),
        (error: unknown) => {
          if (!over.signal.aborted) setState((was) => ({ ...was, draft, key, problem: problemOf(error) }))
        },
      )
    }, quietMs)
    return () => {
      clearTimeout(timer)
      over.abort()
    }
  }, [draft, key])
  return { verdict: state.verdict, problem: state.problem, isStale: state.draft !== draft || state.key !== key }
}
