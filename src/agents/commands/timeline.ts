import { ReplicationError } from '../../errors.ts'
import type { Store } from '../../state/store.ts'
import type { EventType, ReplicationEvent } from '../events/events.ts'
import { agentsOf } from './command.ts'
import { revertedKey, type Reverted } from './incidents.ts'
import {
  commandKey,
  deliveryKey,
  entryKey,
  type Command,
  type Decision,
  type Delivery,
  type HistoryEntry,
  type Try,
} from './records.ts'

/** What has happened to a command, in the words of the events that told it. */
export type TimelineItem = Omit<ReplicationEvent, 'command'>

/** Records that are read in one go. */
const together = 100

/**
 * What the records of a command say of how it went, oldest first. Of each delivery they know the newest 20 tries and the newest 20
 * decisions. `after` is the place of the last item on the page before. Throws `missing`.
 */
export async function listTimeline(
  store: Store,
  id: string,
  page: { readonly after?: string; readonly limit: number; readonly sees?: (agent: string) => boolean },
): Promise<{ items: readonly TimelineItem[]; next?: string }> {
  const found = await store.get<Command>(commandKey(id))
  if (found === undefined) throw new ReplicationError('missing', `there is no command ${id}`)
  const placed: { readonly place: string; readonly item: TimelineItem }[] = []
  for (const agent of agentsOf(found.value)) {
    if (page.sees?.(agent) === false) continue
    const items = await ofAgent(store, found.value, agent)
    // What happened at the same time stays in the order in which it follows.
    for (const [i, item] of items.entries())
      placed.push({ place: `${item.at} ${agent} ${String(i).padStart(6, '0')}`, item })
  }
  const ordered = placed
    .filter(({ place }) => page.after === undefined || place > page.after)
    .toSorted((one, other) => (one.place < other.place ? -1 : 1))
  const shown = ordered.slice(0, page.limit)
  const last = shown.at(-1)
  const items = shown.map(({ item }) => item)
  return ordered.length > page.limit && last !== undefined ? { items, next: last.place } : { items }
}

async function ofAgent(store: Store, command: Command, agent: string): Promise<TimelineItem[]> {
  const entry = (await store.get<HistoryEntry>(entryKey(command.id, agent)))?.value
  const accepted: TimelineItem = {
    ...{ type: 'command.accepted', at: command.createdAt, agent, actor: command.actor },
    data: { kind: command.kind, action: command.action, ...(command.cause !== undefined && { cause: command.cause }) },
  }
  // It is no longer kept.
  if (entry === undefined) return [accepted]
  const items = [accepted, ...ofEntry(entry)]
  for (let at = 0; at < entry.targets.length; at += together) {
    const targets = entry.targets.slice(at, at + together)
    const keys = targets.map((target) => deliveryKey(command.id, agent, target))
    const reverted = targets.map((target) => revertedKey(command.id, agent, target))
    const found = await store.getAll([...keys, ...reverted])
    for (const [i, target] of targets.entries()) {
      const delivery = found[i]?.value as Delivery | undefined
      const by = found[targets.length + i]?.value as Reverted | undefined
      if (delivery !== undefined) items.push(...ofDelivery(delivery))
      if (by !== undefined)
        items.push({ type: 'command.reverted', at: by.at, agent, target, actor: by.actor, data: { by: by.command } })
    }
  }
  if (entry.finishedAt !== undefined)
    items.push({ type: 'command.finished', at: entry.finishedAt, agent, data: { status: entry.status } })
  return items
}

function ofEntry({ agent, package: id, entries, bytes, readyAt, incidents = [] }: HistoryEntry): TimelineItem[] {
  const ready: TimelineItem[] =
    readyAt === undefined || id === undefined
      ? []
      : [{ type: 'package.ready', at: readyAt, agent, data: { package: id, entries, bytes } }]
  return [...ready, ...incidents.map((incident) => ({ ...incident, agent }))]
}

function ofDelivery(delivery: Delivery): TimelineItem[] {
  const { tries, decisions = [], agent, target, finishedAt, state } = delivery
  const about = { agent, target }
  const items = tries.flatMap((one, i): TimelineItem[] => [
    { type: 'delivery.started', at: one.startedAt, ...about, data: { attempt: one.attempt } },
    ...endOf(delivery, one, tries[i + 1]),
  ])
  for (const decision of decisions) {
    const { at, actor, reason, verb } = decision
    const type = toldAs(decision)
    // Its agent's part of the command tells it.
    if (type === 'command.retried') continue
    items.push({ type, at, ...about, actor, data: { verb, ...(reason !== undefined && { reason }) } })
  }
  // What ended without a try: a test, or one whose package could not be made.
  const isTold = tries.some((one) => one.finishedAt === finishedAt) || decisions.some(({ at }) => at === finishedAt)
  if (finishedAt !== undefined && !isTold && (state === 'delivered' || state === 'failed'))
    items.push({ type: `delivery.${state}`, at: finishedAt, ...about, ...dataOf(delivery, undefined) })
  return items
}

/** How a try ended, if it did and is known to have. */
function endOf(delivery: Delivery, one: Try, next: Try | undefined): TimelineItem[] {
  const { agent, target, state, nextAttemptAt } = delivery
  const { finishedAt: at, error, attempt } = one
  if (at === undefined) return []
  const about = { at, agent, target }
  if (error === undefined) {
    const tookMs = Date.parse(at) - Date.parse(one.startedAt)
    return [{ type: 'delivery.delivered', ...about, ...dataOf(delivery, attempt, { tookMs }) }]
  }
  // Where it was queued again after it had failed, attempts are counted anew.
  const isLast = next === undefined ? state === 'failed' : next.attempt <= attempt
  const again = next === undefined && nextAttemptAt !== undefined ? { nextAttemptAt } : {}
  return [
    { type: isLast ? 'delivery.failed' : 'delivery.retrying', ...about, data: { attempts: attempt, error, ...again } },
  ]
}

function dataOf({ receipt, error }: Delivery, attempts: number | undefined, more: object = {}): { data: object } {
  return {
    data: {
      ...(attempts !== undefined && { attempts }),
      ...(receipt !== undefined && { entries: receipt.entries, bytes: receipt.bytes }),
      ...(receipt === undefined && error !== undefined && { error }),
      ...more,
    },
  }
}

function toldAs({ verb, event }: Decision): EventType {
  if (event !== undefined) return event
  switch (verb) {
    case 'skip':
      return 'delivery.skipped'
    case 'move':
      return 'delivery.moved'
    case 'retry':
      return 'delivery.hastened'
    case 'cancel':
    case 'clear':
    case 'remove':
      return 'delivery.cancelled'
  }
}
