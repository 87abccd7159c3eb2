import { ReplicationError } from '../../errors.ts'
import type { Check, Store, Write } from '../../state/store.ts'

/** Another server's lane that delivers to us, and what of it. */
export interface Feed {
  readonly delivery: string
  readonly lane: string
  readonly epoch: number
}

/**
 * The highest epoch of each lane that feeds this server is kept: what an older one sends comes from a worker that was stopped
 * while another took over, and is refused.
 */
export async function feedOf(store: Store, feed: Feed | undefined): Promise<{ checks: Check[]; writes: Write[] }> {
  if (feed === undefined) return { checks: [], writes: [] }
  const key = `feed/${Buffer.from(feed.lane).toString('base64url')}`
  const known = await store.get<number>(key)
  if (known !== undefined && known.value > feed.epoch)
    throw new ReplicationError('conflict', `lane ${feed.lane} was taken over: epoch ${feed.epoch} is past`)
  return {
    checks: [{ key, version: known?.version ?? null }],
    writes: [{ put: key, value: feed.epoch }],
  }
}
