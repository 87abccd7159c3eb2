import { ReplicationError } from '../../errors.ts'
import {
  dequeue,
  divergedKey,
  enqueue,
  headOf,
  itemOf,
  itemsOf,
  type Divergence,
  type LaneId,
} from '../../queues/lanes.ts'
import type { Check, Entry, Write } from '../../state/store.ts'
import { insist, type Progress, type Step } from '../commands/advance.ts'
import type { EventType } from '../events/events.ts'
import type { Parts } from '../parts.ts'
import {
  anotherRound,
  decided,
  deliveryKey,
  isUnderWay,
  unqueued,
  type Decision,
  type Delivery,
  type HistoryEntry,
} from '../commands/records.ts'
import { exportTask } from '../work/wake.ts'

/** Who decides, and why. */
export interface Author {
  readonly actor: string
  readonly reason?: string
}

export const errorQueuePrefix = 'error-'

/** The queue whose items go into the error queue, or that queue itself. */
export function ownQueueOf(queue: string): string {
  return queue.startsWith(errorQueuePrefix) ? queue.slice(errorQueuePrefix.length) : queue
}

/** Takes an item out for good; its target is then `cancelled`. Throws `missing`, and `conflict` while it is delivered. */
export async function removeItem(parts: Parts, lane: LaneId, id: string, author: Author): Promise<void> {
  await decide(parts, lane, id, { ...author, verb: 'remove' }, cancelled)
  await wakeOwn(parts, lane)
}

/**
 * Lets the target go without this item: it is then `skipped`, and what the target holds may differ from the source until a
 * comparison has shown that it does not. Throws as `removeItem`.
 */
export async function skipItem(parts: Parts, lane: LaneId, id: string, author: Author): Promise<void> {
  await decide(parts, lane, id, { ...author, verb: 'skip' }, ({ delivery, decision: { at }, mark }) => {
    const key = divergedKey({ agent: lane.agent, queue: delivery.target })
    const diverged: Divergence = {
      ...{ since: mark?.value.since ?? at, command: id, actor: author.actor },
      ...(author.reason !== undefined && { reason: author.reason }),
    }
    return {
      is: { ...unqueued(delivery), state: 'skipped', finishedAt: at },
      event: 'delivery.skipped',
      checks: [{ key, version: mark?.version ?? null }],
      writes: [{ put: key, value: diverged }],
    }
  })
  await wakeOwn(parts, lane)
}

/**
 * Moves an item to the tail of its queue's error queue, or from there back to the tail of its queue, with no attempts made:
 * moved back, it is a delivery of its own, to be applied anew. Throws as `removeItem`, and `invalid` for another place.
 */
export async function moveItem(parts: Parts, lane: LaneId, id: string, to: string, author: Author): Promise<void> {
  const own = ownQueueOf(lane.queue)
  const there = lane.queue === own ? `${errorQueuePrefix}${own}` : own
  if (to !== there)
    throw new ReplicationError('invalid', `an item of ${lane.queue} can only be moved to ${there}`, {
      faults: [{ pointer: '/to', message: `must be ${there}` }],
    })
  await decide(parts, lane, id, { ...author, verb: 'move' }, ({ delivery, decision: { at, actor, reason } }) => {
    const item = { command: id, target: delivery.target, enqueuedAt: at }
    const writes = enqueue({ agent: lane.agent, queue: there }, item)
    if (there === own) return { is: anotherRound(delivery), event: 'delivery.moved', writes }
    const { applied: _, error, ...left } = unqueued(delivery)
    const said = { code: 'conflict' as const, detail: `moved by ${actor}${reason === undefined ? '' : `: ${reason}`}` }
    return {
      is: { ...left, state: 'failed', attempts: 0, queue: there, error: error ?? said, finishedAt: at },
      event: 'delivery.failed',
      writes,
    }
  })
  await wakeOwn(parts, lane)
}

/**
 * Lets the head go at once, or its export, however long it was to wait; nothing to do when there is none, or it is under
 * way. Throws `conflict` for an error queue.
 */
export async function retryHead(parts: Parts, lane: LaneId, author: Author): Promise<void> {
  if (lane.queue !== ownQueueOf(lane.queue))
    throw new ReplicationError('conflict', `nothing is delivered from ${lane.queue}; move its items back`)
  const head = await headOf(parts.store, lane)
  if (head === undefined) return
  const { command } = head.value
  await unlessGone(
    decide(parts, lane, command, { ...author, verb: 'retry' }, ({ delivery, entry }) => {
      const { nextAttemptAt, ...is } = delivery
      if (nextAttemptAt === undefined && entry.nextExportAt === undefined) return undefined
      return { is, stays: true, event: 'delivery.hastened', entry: { nextExportAt: undefined } }
    }),
  )
  await parts.work.wake(exportTask(command, lane.agent))
  await parts.wakeLane(lane)
}

/**
 * Takes out every item that is in the lane now, save the one in delivery. From the tail, so that nothing is ever delivered
 * whose predecessor has been taken out. Answers how many.
 */
export async function clearLane(parts: Parts, lane: LaneId, author: Author): Promise<number> {
  let cleared = 0
  let before: string | undefined
  for (;;) {
    const page = await itemsOf(parts.store, lane, {
      ...{ limit: 100, reverse: true },
      ...(before !== undefined && { before }),
    })
    for (const { value } of page)
      if (await unlessGone(decide(parts, lane, value.command, { ...author, verb: 'clear' }, cancelled))) cleared++
    before = page.at(-1)?.key
    if (before === undefined) break
  }
  await wakeOwn(parts, lane)
  return cleared
}

/** Whoever is the head now goes at once: the one before it may have had hours to wait. */
async function wakeOwn(parts: Parts, { agent, queue }: LaneId): Promise<void> {
  await parts.wakeLane({ agent, queue: ownQueueOf(queue) })
}

/** False when it went by itself meanwhile, or is going. */
async function unlessGone(deciding: Promise<void>): Promise<boolean> {
  try {
    await deciding
    return true
  } catch (error) {
    if (error instanceof ReplicationError && ['missing', 'conflict'].includes(error.code)) return false
    throw error
  }
}

interface Case {
  readonly delivery: Delivery
  readonly entry: HistoryEntry
  readonly decision: Decision
  /** What is known of the target's divergence. */
  readonly mark: Entry<Divergence> | undefined
}

interface Outcome {
  readonly is: Delivery
  readonly event: EventType
  readonly entry?: NonNullable<Step['entry']>
  readonly checks?: readonly Check[]
  readonly writes?: readonly Write[]
  /** The item keeps its place. */
  readonly stays?: boolean
}

function cancelled({ delivery, decision: { at } }: Case): Outcome {
  return { is: { ...unqueued(delivery), state: 'cancelled', finishedAt: at }, event: 'delivery.cancelled' }
}

/** One verb on one item, in one batch with what follows from it. `outcome` answers undefined when there is nothing to do. */
async function decide(
  parts: Parts,
  lane: LaneId,
  id: string,
  { verb, actor, reason }: Author & Pick<Decision, 'verb'>,
  outcome: (found: Case) => Outcome | undefined,
): Promise<void> {
  const missing = (): ReplicationError => new ReplicationError('missing', `queue ${lane.queue} has no item ${id}`)
  const own = { agent: lane.agent, queue: ownQueueOf(lane.queue) }
  let known = false
  const next = async (
    { entry }: Progress,
    [found, mark]: readonly (Entry<unknown> | undefined)[],
  ): Promise<Step | undefined> => {
    known = true
    const item = await itemOf(parts.store, lane, id)
    const was = found as Entry<Delivery> | undefined
    if (item === undefined || was === undefined) throw missing()
    if (isUnderWay(was.value))
      throw new ReplicationError('conflict', `item ${id} is being delivered; pause the queue and wait for its end`)
    const at = new Date().toISOString()
    const by = { actor, ...(reason !== undefined && { reason }) }
    const decision: Decision = { verb, at, ...by }
    const after = outcome({
      ...{ delivery: was.value, entry, decision },
      mark: mark as Entry<Divergence> | undefined,
    })
    if (after === undefined) return undefined
    const out = dequeue(lane, item)
    return {
      ...(after.entry !== undefined && { entry: after.entry }),
      checks: [...out.checks, ...(after.checks ?? [])],
      writes: [...(after.stays === true ? [] : out.writes), ...(after.writes ?? [])],
      deliveries: [
        { was, is: { ...after.is, active: false, decisions: decided(was.value, { ...decision, event: after.event }) } },
      ],
      events: [
        {
          type: after.event,
          target: was.value.target,
          actor: by.actor,
          data: { verb, ...(by.reason !== undefined && { reason: by.reason }) },
        },
      ],
    }
  }
  // The queue of an item bears the name of its target.
  await insist(parts.store, id, lane.agent, next, [deliveryKey(id, own.agent, own.queue), divergedKey(own)])
  if (!known) throw missing()
}
