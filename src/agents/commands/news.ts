import type { Entry, Store, Write } from '../../state/store.ts'
import { traceIdIn } from '../../tracing/span.ts'
import { eventWrites } from '../events/events.ts'
import { standing, type Turn } from '../queues/blocking.ts'
import { noticeWrites } from '../webhooks/notices.ts'
import { deliveryKey, type Command, type Delivery, type HistoryEntry } from './records.ts'

type Deliveries = readonly { readonly was: Entry<Delivery>; readonly is: Delivery }[]

/** One agent's part of a command, before and after a step. */
interface Change {
  readonly command: Command
  readonly was: HistoryEntry
  readonly is: HistoryEntry
  readonly deliveries: Deliveries
  readonly turns: readonly Turn[]
  readonly at: string
}

/** The deliveries as they shall be, and what that means for their queues. */
export function withTurns(deliveries: Deliveries, at: string): { deliveries: Deliveries; turns: Turn[] } {
  const stood = deliveries.map(({ was, is }) => ({ was, ...standing(was.value, is, at) }))
  return {
    deliveries: stood.map(({ was, is }) => ({ was, is })),
    turns: stood.flatMap(({ turn }) => turn ?? []),
  }
}

/** What people may want to hear of at once: that a queue is blocked, or no longer; that something has failed for good. */
export async function newsWrites(store: Store, change: Change): Promise<Write[]> {
  const { command, was, is, turns, at } = change
  const writes: Write[] = []
  for (const turn of turns) writes.push(...(await turnWrites(store, turn, { at, ...traceIdIn(command.traceparent) })))
  const fails = is.status !== was.status && (is.status === 'failed' || is.status === 'partial')
  if (!fails) return writes
  const targets = await failedTargets(store, change)
  const error = is.error ?? targets[0]?.error
  const notice = {
    ...{ agent: is.agent, command: is.command, kind: command.kind, action: command.action, status: is.status },
    ...(error !== undefined && { error }),
    ...(targets.length > 0 && { targets }),
  }
  return [...writes, ...(await noticeWrites(store, 'failed', notice))]
}

async function turnWrites(
  store: Store,
  { type, delivery, since }: Turn,
  when: { readonly at: string; readonly traceId?: string },
): Promise<Write[]> {
  const { command, agent, target, attempts, error, nextAttemptAt, state } = delivery
  const data =
    type === 'queue.blocked'
      ? { since, attempts, error, ...(nextAttemptAt !== undefined && { nextAttemptAt }) }
      : { since, state, ...(state !== 'delivered' && error !== undefined && { error }) }
  const notice = type === 'queue.blocked' ? 'blocked' : 'recovered'
  return [
    ...eventWrites({ type, ...when, agent, command, target, data }),
    ...(await noticeWrites(store, notice, { agent, target, command, ...data })),
  ]
}

async function failedTargets(
  store: Store,
  { is: entry, deliveries }: Change,
): Promise<Pick<Delivery, 'target' | 'error'>[]> {
  const known = await store.getAll<Delivery>(
    entry.targets.map((target) => deliveryKey(entry.command, entry.agent, target)),
  )
  const changed = new Map(deliveries.map(({ is }) => [is.target, is]))
  return known.flatMap((found) => {
    const { target, state, error } = (found && changed.get(found.value.target)) ?? found?.value ?? {}
    return target === undefined || state !== 'failed' ? [] : [{ target, ...(error !== undefined && { error }) }]
  })
}
