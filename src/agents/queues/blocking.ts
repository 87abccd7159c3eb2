import type { Delivery } from '../commands/records.ts'

/** From how many failed tries on a head counts as blocked: fewer are a hiccup, and an alarm for each would be ignored. */
export const blockedAfter = 3

/** Tries that have failed: the one under way has not, yet. */
export function failuresOf({ error, attempts, active, awaits }: Delivery): number {
  return error === undefined ? 0 : attempts - (active || awaits !== undefined ? 1 : 0)
}

/** A head that begins to block its queue, or does so no longer. */
export interface Turn {
  readonly type: 'queue.blocked' | 'queue.recovered'
  readonly delivery: Delivery
  /** When it began. */
  readonly since: string
}

/** The delivery as it shall be, which remembers since when it blocks its queue; and the turn that this is, if it is one. */
export function standing(was: Delivery, next: Delivery, at: string): { readonly is: Delivery; readonly turn?: Turn } {
  const { blockedSince: _, ...is } = next
  const since = was.blockedSince
  const waits = is.state === 'retrying' || is.state === 'delivering'
  if (since !== undefined && waits) return { is: { ...is, blockedSince: since } }
  if (since !== undefined) return { is, turn: { type: 'queue.recovered', delivery: is, since } }
  // Whoever fetches from a passive queue and does not say so comes again, or never: that blocks nothing of ours.
  const blocks = waits && !is.active && is.leasedUntil === undefined && failuresOf(is) >= blockedAfter
  if (!blocks) return { is }
  const delivery = { ...is, blockedSince: at }
  return { is: delivery, turn: { type: 'queue.blocked', delivery, since: at } }
}
