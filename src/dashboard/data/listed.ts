import { useState } from 'preact/hooks'
import { get, withQuery, type Page } from './api.ts'
import { useLoaded, type Loaded } from './loaded.ts'
import type { LiveEvent } from './live.ts'

type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface Listed<T, P extends Page<T>> extends Loaded<P> {
  readonly items: readonly T[]
  /** Undefined when all is shown. */
  readonly showMore: (() => void) | undefined
}

/** The API answers no more at once. */
const pageMost = 500

/** The beginning of a list, kept as it is now; more of it when it is asked for. `P`: what its pages have beside the items. */
export function useListed<T, P extends Page<T> = Page<T>>(
  path: string,
  query: Query,
  concerns: (event: LiveEvent) => boolean,
  step = 50,
): Listed<T, P> {
  const base = withQuery(path, query)
  const [wanted, setWanted] = useState({ base, many: step })
  const many = wanted.base === base ? wanted.many : step
  const loaded = useLoaded<P>(
    `${base} ${many}`,
    async (signal) => {
      let first: P | undefined
      const items: T[] = []
      for (let cursor: string | undefined; ;) {
        const limit = Math.min(pageMost, many - items.length)
        const page = await get<P>(withQuery(path, { ...query, limit, cursor }), signal)
        first ??= page
        items.push(...page.items)
        cursor = page.next
        if (cursor === undefined || items.length >= many) {
          const { next: _, ...rest } = first
          return { ...rest, items, ...(cursor !== undefined && { next: cursor }) } as unknown as P
        }
      }
    },
    concerns,
  )
  const next = loaded.value?.next
  return {
    ...loaded,
    items: loaded.value?.items ?? [],
    showMore: next === undefined ? undefined : () => setWanted({ base, many: many + step * 2 }),
  }
}
