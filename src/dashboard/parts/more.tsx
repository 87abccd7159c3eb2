import type { Listed } from '../data/listed.ts'
import type { Page } from '../data/api.ts'
import { Failure } from './failure.tsx'

/** What stands below a list: why it could not be read, that there is nothing, or the way to more. */
export function More<T, P extends Page<T>>({
  of,
  none,
}: {
  of: Listed<T, P>
  none: string
}): preact.JSX.Element | null {
  if (of.problem) return <Failure error={of.problem} retry={of.reload} />
  if (of.value === undefined) return <p class="starting">Reading…</p>
  if (of.items.length === 0) return <p class="empty">{none}</p>
  if (of.showMore === undefined) return null
  return (
    <p class="more">
      <button type="button" onClick={of.showMore}>
        Show more
      </button>
    </p>
  )
}
