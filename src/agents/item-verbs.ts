import { ReplicationError } from '../errors.ts'
import {
  dequeue,
  divergedKey,
  enqueue,
  headOf,
  itemOf,
  itemsOf,
  type Divergence,
  type LaneId,
} from '../queues/lanes.ts'
import type { Entry, Write } from '../state/store.ts'
import { advance, type Step } from './advance.ts'
import type { EventType } from './events.ts'
import type { Parts } from './parts.ts'
import { deliveryKey, isUnderWay, type Decision, type Delivery } from './records.ts'

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
  await decide(parts, lane, id, { ...author, verb: 'remove' }, ({ queue: _, nextAttemptAt: _next, ...delivery }) => ({
    is: { ...delivery, state: 'cancelled', finishedAt: new Date().toISOString() },
    event: 'delivery.cancelled',
  }))
}

/**
 * Lets the target go without this item: it is then `skipped`, and what the target holds may differ from the source until a
 * comparison has shown that it does not. Throws as `removeItem`.
 */
export async function skipItem(parts: Parts, lane: LaneId, id: string, author: Author): Promise<void> {
  await decide(
    parts,
    lane,
    id,
    { ...author, verb: 'skip' },
    ({ queue: _, nextAttemptAt: _next, ...delivery }, { at }, diverged) => ({
      is: { ...delivery, state: 'skipped', finishedAt: at },
      event: 'delivery.skipped',
      writes: [
        {
          put: divergedKey({ agent: lane.agent, queue: delivery.target }),
          value: {
            ...{ since: diverged?.since ?? at, command: id, actor: author.actor },
            ...(author.reason !== undefined && { reason: author.reason }),
          } satisfies Divergence,
        },
      ],
    }),
  )
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
  await decide(parts, lane, id, { ...author, verb: 'move' }, (was, { at, actor, reason }) => {
    const { nextAttemptAt: _, applied: _applied, finishedAt: _finished, error, ...delivery } = was
    const enter = enqueue({ agent: lane.agent, queue: there }, { command: id, target: was.target, enqueuedAt: at })
    if (there === own) {
      const round = (delivery.round ?? 0) + 1
      return {
        is: { ...delivery, state: 'queued', attempts: 0, round, queue: there },
        event: 'delivery.moved',
        writes: enter,
      }
    }
    const said = { code: 'conflict' as const, detail: `moved by ${actor}${reason === undefined ? '' : `: ${reason}`}` }
    return {
      is: { ...delivery, state: 'failed', attempts: 0, queue: there, error: error ?? said, finishedAt: at },
      event: 'delivery.failed',
      writes: enter,
    }
  })
  await parts.wakeLane({ agent: lane.agent, queue: own })
}

/** Lets the head go at once, however long it was to wait; nothing to do when there is none, or it is under way. */
export async function retryHead(parts: Parts, lane: LaneId, author: Author): Promise<void> {
  if (lane.queue !== ownQueueOf(lane.queue))
    throw new ReplicationError('conflict', `nothing is delivered from ${lane.queue}; move its items back`)
  const head = await headOf(parts.store, lane)
  if (head === undefined) return
  await decide(parts, lane, head.value.command, { ...author, verb: 'retry' }, ({ nextAttemptAt, ...delivery }) =>
    nextAttemptAt === undefined ? undefined : { is: delivery, stays: true, event: 'delivery.hastened' },
  ).catch((error: unknown) => {
    // It went by itself meanwhile, or is going.
    if (!(error instanceof ReplicationError && ['missing', 'conflict'].includes(error.code))) throw error
  })
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
      limit: 100,
      reverse: true,
      ...(before !== undefined && { before }),
    })
    for (const item of page)
      try {
        await decide(
          parts,
          lane,
          item.value.command,
          { ...author, verb: 'clear' },
          ({ queue: _, nextAttemptAt: _next, ...delivery }) => ({
            is: { ...delivery, state: 'cancelled', finishedAt: new Date().toISOString() },
            event: 'delivery.cancelled',
          }),
        )
        cleared++
      } catch (error) {
        if (!(error instanceof ReplicationError && ['missing', 'conflict'].includes(error.code))) throw error
      }
    before = page.at(-1)?.key
    if (before === undefined) return cleared
  }
}

interface Outcome {
  readonly is: Delivery
  readonly event: EventType
  readonly writes?: readonly Write[]
  /** The item keeps its place. */
  readonly stays?: boolean
}

/** One verb on one item, in one batch with what follows from it. Undefined: nothing to do. */
async function decide(
  parts: Parts,
  lane: LaneId,
  id: string,
  author: Author & Pick<Decision, 'verb'>,
  outcome: (delivery: Delivery, decision: Decision, diverged: Divergence | undefined) => Outcome | undefined,
): Promise<void> {
  for (;;) {
    const item = await itemOf(parts.store, lane, id)
    if (item === undefined) throw new ReplicationError('missing', `queue ${lane.queue} has no item ${id}`)
    const { target } = item.value
    let idle = false
    const next = (_: unknown, [found, mark]: readonly (Entry<unknown> | undefined)[]): Step | undefined => {
      const was = found as Entry<Delivery> | undefined
      if (was === undefined) throw new ReplicationError('missing', `queue ${lane.queue} has no item ${id}`)
      if (isUnderWay(was.value))
        throw new ReplicationError('conflict', `item ${id} is being delivered; pause the queue and wait for its end`)
      const at = new Date().toISOString()
      const { reason, ...rest } = author
      const decision: Decision = { at, ...rest, ...(reason !== undefined && { reason }) }
      const after = outcome(was.value, decision, mark?.value as Divergence | undefined)
      idle = after === undefined
      if (after === undefined) return undefined
      const out = dequeue(lane, item)
      const { at: _at, ...data } = decision
      return {
        checks: out.checks,
        writes: [...(after.stays === true ? [] : out.writes), ...(after.writes ?? [])],
        deliveries: [{ was, is: { ...after.is, active: false, decision } }],
        events: [{ type: after.event, target, data }],
      }
    }
    const keys = [deliveryKey(id, lane.agent, target), divergedKey({ agent: lane.agent, queue: target })]
    const done = await advance(parts.store, id, lane.agent, next, keys)
    if (done !== undefined || idle) return
    // Somebody else had the item in hand at the same moment: look again.
  }
}
