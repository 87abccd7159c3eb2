import { useState } from 'preact/hooks'
import { problemOf, type Problem } from '../data/api.ts'

export interface Trying {
  /** Why the last try failed. */
  readonly problem: Problem | undefined
  /** Also afterwards, when it has succeeded: then the form goes. */
  readonly isBusy: boolean
  attempt(act: () => Promise<unknown>): Promise<void>
}

/** What a form does when it is sent: once at a time, and what is thrown is kept for it to show. */
export function useTrying(): Trying {
  const [problem, setProblem] = useState<Problem>()
  const [isBusy, setBusy] = useState(false)
  const attempt = async (act: () => Promise<unknown>): Promise<void> => {
    setBusy(true)
    setProblem(undefined)
    try {
      await act()
    } catch (error) {
      setProblem(problemOf(error))
      setBusy(false)
    }
  }
  return { problem, isBusy, attempt }
}
