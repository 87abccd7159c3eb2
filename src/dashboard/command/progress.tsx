import type { Progress } from '../data/views.ts'
import { bytes, count } from '../parts/amount.ts'
import { duration } from '../parts/time.tsx'

/** How far it is, how fast, and how long it still takes at that rate. */
export function ProgressBar({ of, label }: { of: Progress; label: string }): preact.JSX.Element {
  const share = shareOf(of)
  const tookMs = Date.parse(of.at) - Date.parse(of.startedAt)
  const rate = tookMs > 0 ? (of.bytes / tookMs) * 1000 : 0
  const leftMs = share !== undefined && share > 0 ? (tookMs / share) * (1 - share) : undefined
  return (
    <div class="progress">
      <progress aria-label={label} max={1} value={share} />
      <p>
        {count(of.entries)}
        {of.totalEntries !== undefined && ` of ${count(of.totalEntries)}`} entries, {bytes(of.bytes)}
        {of.totalBytes !== undefined && ` of ${bytes(of.totalBytes)}`}
        {rate > 0 && `, ${bytes(rate)}/s`}
        {leftMs !== undefined && `, about ${duration(leftMs)} left`}
      </p>
    </div>
  )
}

/** Bytes say more than entries, where there are any. */
function shareOf({ entries, bytes: done, totalEntries, totalBytes }: Progress): number | undefined {
  if (totalBytes !== undefined && totalBytes > 0) return Math.min(1, done / totalBytes)
  if (totalEntries !== undefined && totalEntries > 0) return Math.min(1, entries / totalEntries)
  return undefined
}
