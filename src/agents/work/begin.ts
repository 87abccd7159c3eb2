import type { PlacedItem, LaneId, Standing } from '../../queues/lanes.ts'
import { itemsOf, standingOf, stillHeld, stillRunning, takeOver } from '../../queues/lanes.ts'
import type { Again } from '../../queues/work.ts'
import type { Check, Entry, Write } from '../../state/store.ts'
import { advance, type Move, type Progress } from '../commands/advance.ts'
import { deliveryKey, type Delivery } from '../commands/records.ts'
import type { Parts } from '../parts.ts'
import type { Agent } from '../roster.ts'

const maxTries = 20

/** A try under way: what is needed to make it, and to end it only if nobody has taken the lane over meanwhile. */
export interface Begun {
  readonly id: string
  readonly agent: Agent
  readonly lane: LaneId
  readonly item: PlacedItem
  readonly epoch: number
  readonly delivery: Delivery
  readonly progress: Progress
}

/** The name that the target knows it by. What was queued again after it had failed is another delivery. */
function deliveryId({ command, agent, target, round = 0 }: Delivery): string {
  return `${command}/${agent}/${target}${round === 0 ? '' : `~${round}`}`
}

/** A try that may begin, in a batch of its own or in another's. */
export interface Beginning {
  readonly move: Move
  /** Once the batch is there. `progress` is what it answered for the move: undefined when nothing has begun. */
  begun(progress: Progress | undefined): Begun | undefined
  /** When to look again, if that is why nothing has begun. */
  readonly wait: () => { readonly wait: Again | undefined } | undefined
}

function beginning(
  agent: Agent,
  lane: LaneId,
  item: PlacedItem,
  held: { readonly epoch: number; readonly checks: readonly Check[]; readonly writes: readonly Write[] },
): Beginning {
  const { command, target } = item.value
  let wait: { readonly wait: Again | undefined } | undefined
  let delivery: Delivery | undefined
  const move: Move = {
    ...{ command, agent: lane.agent, also: [deliveryKey(command, lane.agent, target)] },
    next: ({ entry }, [found]) => {
      const was = found as Entry<Delivery> | undefined
      // Whoever makes its package wakes the lane.
      if (was === undefined || entry.stage !== 'ready') return void (wait = { wait: undefined })
      const { nextAttemptAt, ...kept } = was.value
      if (nextAttemptAt !== undefined && Date.parse(nextAttemptAt) > Date.now())
        return void (wait = { wait: { at: Date.parse(nextAttemptAt) } })
      const startedAt = new Date().toISOString()
      const attempt = was.value.attempts + 1
      delivery = {
        ...kept,
        state: was.value.error === undefined ? 'delivering' : 'retrying',
        active: true,
        attempts: attempt,
        startedAt: was.value.startedAt ?? startedAt,
        tries: [...was.value.tries, { attempt, startedAt }].slice(-maxTries),
      }
      return {
        deliveries: [{ was, is: delivery }],
        checks: [{ key: item.key, version: item.version }, ...stillRunning(lane), ...held.checks],
        writes: held.writes,
        events: [{ type: 'delivery.started', target, data: { attempt } }],
      }
    },
  }
  return {
    move,
    begun: (progress) =>
      progress && delivery && { id: deliveryId(delivery), agent, lane, item, epoch: held.epoch, delivery, progress },
    wait: () => wait,
  }
}

/** Takes the lane over and begins the next try, or says when to look again. */
export async function begin(
  { store }: Pick<Parts, 'store'>,
  agent: Agent,
  lane: LaneId,
  item: PlacedItem,
  standing: Standing,
): Promise<Begun | { readonly wait: Again | undefined }> {
  const { move, begun, wait } = beginning(agent, lane, item, takeOver(lane, standing.epoch))
  const progress = await advance(store, move.command, move.agent, move.next, move.also)
  // Somebody else was faster, took the item out or took the lane over: look again, without haste.
  return begun(progress) ?? wait() ?? { wait: { at: Date.now() + 100 } }
}

/** What comes after a try of whoever holds the lane, if anything may. */
export async function successorOf(
  { store, roster }: Pick<Parts, 'store' | 'roster'>,
  { lane, item, epoch }: Begun,
): Promise<Beginning | undefined> {
  const [agent, { paused }, first] = await Promise.all([
    roster.find(lane.agent),
    standingOf(store, lane),
    itemsOf(store, lane, { limit: 2 }),
  ])
  const next = first.find(({ key }) => key !== item.key)
  if (next === undefined || paused || agent?.config.enabled !== true || !agent.targets.includes(lane.queue))
    return undefined
  return beginning(agent, lane, next, { epoch, checks: stillHeld(lane, epoch), writes: [] })
}
