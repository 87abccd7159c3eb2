import type { TargetDelivery } from '../../endpoints/endpoint.ts'
import { currentTraceparent } from '../../tracing/span.ts'
import type { Parts } from '../parts.ts'
import type { Begun } from './begin.ts'
import type { HeadwayTeller } from './tell-headway.ts'

/** What a target is told of a delivery, whatever it is of. */
export function deliveryOf(
  parts: Parts,
  { agent, delivery: { target, attempts }, lane, epoch, progress }: Begun,
  one: Pick<TargetDelivery, 'id' | 'package' | 'paths' | 'progress' | 'sent'>,
): TargetDelivery {
  const traceparent = currentTraceparent() ?? progress.command.traceparent
  return {
    ...one,
    ...{ lane: `${parts.installation}/${lane.agent}/${target}`, epoch, deletes: agent.config.deletes },
    ...(progress.command.verify === true && { verify: true }),
    ...(progress.command.delivery !== undefined && { asked: progress.command.delivery }),
    ...(attempts > 1 && { again: true as const }),
    ...(agent.target(target).sends === true && { pace: parts.roster.paces.of(agent.config, target) }),
    ...(traceparent !== undefined && { traceparent }),
  }
}

/** Passes on how far a target is, behind what it has applied `before`. */
export function progressTo(
  headway: HeadwayTeller,
  totals: { readonly totalEntries?: number; readonly totalBytes?: number },
  before = { entries: 0, bytes: 0 },
): NonNullable<TargetDelivery['progress']> {
  return (entries, bytes, sending) =>
    headway.is(
      sending === undefined
        ? { phase: 'applying', entries: before.entries + entries, bytes: before.bytes + bytes, ...totals }
        : { phase: 'sending', entries: before.entries, bytes, totalBytes: sending.of },
    )
}
