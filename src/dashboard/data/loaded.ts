import { useEffect, useState } from 'preact/hooks'
import { problemOf, type Problem } from './api.ts'
import { onNews, type LiveEvent } from './live.ts'

export interface Loaded<T> {
  /** What was read last; it stays while it is read again, and when that fails. */
  readonly value: T | undefined
  readonly problem: Problem | undefined
  reload(): void
}

/** What is shown is read again so often at most, however much happens. */
const gapMs = 400

/**
 * Reads when the view opens or `key` changes, and again when something has happened that `concerns` it, or may have. One reading at a
 * time: what happens meanwhile makes for one more.
 */
export function useLoaded<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  concerns?: (event: LiveEvent) => boolean,
): Loaded<T> {
  const [state, setState] = useState<{ key: string; value?: T; problem?: Problem; reload: () => void }>({
    key,
    reload: nothing,
  })
  useEffect(() => {
    const over = new AbortController()
    let isBusy = false
    let isStale = false
    const read = async (): Promise<void> => {
      if (isBusy) {
        isStale = true
        return
      }
      isBusy = true
      do {
        isStale = false
        try {
          const value = await load(over.signal)
          if (!over.signal.aborted) setState({ key, value, reload })
        } catch (error) {
          const problem = problemOf(error)
          if (!over.signal.aborted)
            setState((was) => ({
              ...{ key, problem, reload },
              // Of something that is no more there is nothing left to show.
              ...(was.key === key && was.value !== undefined && problem.status !== 404 && { value: was.value }),
            }))
        }
        if (isStale) await new Promise((resolve) => setTimeout(resolve, gapMs))
      } while (isStale && !over.signal.aborted)
      isBusy = false
    }
    const reload = (): void => void read()
    reload()
    const stop = onNews((news) => {
      if (news === 'reset' || (concerns !== undefined && news.some(concerns))) reload()
    })
    return () => {
      stop()
      over.abort()
    }
  }, [key])
  const { value, problem, reload } =
    state.key === key ? state : { value: undefined, problem: undefined, reload: nothing }
  return { value, problem, reload }
}

function nothing(): void {}
